//! The programs under test, built with the profile of the test.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// Returns the path of the tray application.
#[must_use]
pub fn app() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| build("pilotlight-app", "pilot-light", "windows_app"))
}

/// Returns the path of the command.
#[must_use]
pub fn command() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| build("pilotlight-cli", "pilotlight", "cli"))
}

/// Returns the folder with the programs of this build.
#[must_use]
pub fn folder() -> PathBuf {
    let test = env::current_exe().expect("the program of the test");
    // TARGET/PROFILE/deps/TEST, TARGET/PROFILE/examples/EXAMPLE or TARGET/PROFILE/PROGRAM
    let folder = test.parent().expect("a folder");
    match folder.file_name() {
        Some(name) if name == "deps" || name == "examples" => {
            folder.parent().expect("a target folder").to_owned()
        }
        _ => folder.to_owned(),
    }
}

/// Builds the program of a package if it is out of date: for a test, Cargo builds no programs of other packages.
/// In a debug build it is the program that `cargo test --workspace` builds.
fn build(package: &str, name: &str, test: &str) -> PathBuf {
    let profile = folder();
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // With Cargo's variables for this test, the build script of `ring` would run again.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&*name);
        }
    }
    cargo
        .args(["build", "--quiet", "--bin", name])
        .arg("--manifest-path")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"))
        .arg("--target-dir")
        .arg(profile.parent().expect("a target folder"));
    if profile.ends_with("release") {
        cargo.args(["--release", "--package", package]);
    } else {
        cargo.args(["--workspace", "--test", test]);
    }
    let output = cargo.output().expect("cargo");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{package} does not build:\n{said}");
    profile.join(name)
}
