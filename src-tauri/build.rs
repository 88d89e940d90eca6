//! Embeds the window's page, the commands that it may use, the icons, and the manifest for Windows.
use std::{env, fs, path::Path};

use tauri_build::{AppManifest, Attributes, WindowsAttributes};

/// The page of the window, made by `npm run build` in `ui/`.
const PAGE: &str = "ui/dist/index.html";

/// A placeholder for the window, with which the rest compiles and its tests run.
const NO_PAGE: &str = "<!doctype html><meta charset=\"utf-8\"><title>Pilot Light</title>
<p>This program was built without its window. Run <code>cargo xtask ui</code>, then build it again.</p>
";

/// The commands that the window may call. `capabilities/window.json` has the same names.
const COMMANDS: &[&str] = &[
    "subscribe",
    "call",
    "open",
    "follow_log",
    "unfollow_log",
    "answer_quit",
    "add_stack",
    "look_at_folder",
    "write_draft",
    "set_settings",
    "set_start_at_login",
    "save_text",
    "pick_stack",
    "pick_folder",
];

fn main() {
    println!("cargo:rerun-if-changed=src-tauri/capabilities");
    println!("cargo:rerun-if-changed=icons");
    println!("cargo:rerun-if-changed=ui/dist");
    if !Path::new(PAGE).exists() {
        stand_in();
    }
    let attributes = Attributes::new()
        .capabilities_path_pattern("./src-tauri/capabilities/**/*")
        .app_manifest(AppManifest::new().commands(COMMANDS))
        .windows_attributes(
            WindowsAttributes::new().app_manifest(include_str!("windows/app.manifest")),
        );
    if let Err(error) = tauri_build::try_build(attributes) {
        panic!("failed to prepare the app: {error:#}");
    }
}

/// Writes the placeholder. In a release, a missing page is an error.
fn stand_in() {
    let help = "run `cargo xtask ui`, which makes the page of the window from ui/";
    assert!(
        env::var("PROFILE").is_ok_and(|profile| profile != "release"),
        "{PAGE} is not there: {help}"
    );
    println!("cargo:warning={PAGE} is not there: the window will say so; {help}");
    let made = fs::create_dir_all("ui/dist").and_then(|()| fs::write(PAGE, NO_PAGE));
    if let Err(error) = made {
        panic!("failed to write {PAGE}: {error}");
    }
}
