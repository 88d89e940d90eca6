//! Tauri's bundler, from npm, in the version that matches the libraries.

use std::{fs, path::PathBuf, process::Command};

use serde_json::{Map, json};

use crate::{
    app::Profile,
    error::{Error, at},
    setup::{npm, once},
    step, workspace,
};

/// What the command prints about itself, and its places in a package for Debian.
const DOCUMENTS: [(&[&str], &str); 4] = [
    (&["man"], "/usr/share/man/man1/pilotlight.1"),
    (
        &["completions", "bash"],
        "/usr/share/bash-completion/completions/pilotlight",
    ),
    (
        &["completions", "zsh"],
        "/usr/share/zsh/vendor-completions/_pilotlight",
    ),
    (
        &["completions", "fish"],
        "/usr/share/fish/vendor_completions.d/pilotlight.fish",
    ),
];

const VERSION: &str = "2.12.5";

/// Builds the application, with the command beside it, and packs both. `kind` is `deb`, `appimage`, …
pub(super) fn bundle(kind: &str, what: &str) -> Result<PathBuf, Error> {
    let bundler = ensure()?;
    // The bundler expects the target triple in the name of the program.
    let beside = workspace::own()?.join("beside");
    let command = Profile::Release.build_command()?;
    fs::create_dir_all(&beside).map_err(at(&beside))?;
    let named = beside.join(format!("pilotlight-{}", target()?));
    fs::copy(&command, &named).map_err(at(&command))?;

    let mut documents = Map::new();
    for (number, (words, place)) in DOCUMENTS.iter().enumerate() {
        let text = step::printed(Command::new(&command).args(*words))?;
        let file = beside.join(format!("document-{number}"));
        fs::write(&file, text).map_err(at(&file))?;
        documents.insert((*place).to_owned(), json!(file));
    }
    let config = json!({ "bundle": {
        "externalBin": [beside.join("pilotlight")],
        "linux": { "deb": { "files": documents } },
    } });

    let mut tauri = Command::new("node");
    tauri
        .arg(bundler)
        .args(["build", "--ci", "--bundles", kind, "--config"])
        .arg(config.to_string())
        // It is not a default member and would not be built otherwise.
        .args(["--", "--package", "pilotlight-app"])
        .current_dir(workspace::root());
    step::run(what, &mut tauri)?;
    Ok(Profile::Release.folder()?.join("bundle").join(kind))
}

/// Installs the bundler into the target folder if it is missing.
fn ensure() -> Result<PathBuf, Error> {
    let folder = workspace::own()?.join("tauri-cli");
    fs::create_dir_all(&folder).map_err(at(&folder))?;
    once(&folder.join("version"), VERSION, || {
        // Without this file, npm would treat the folder as a part of the project around it.
        let package = folder.join("package.json");
        fs::write(&package, "{ \"private\": true }\n").map_err(at(&package))?;
        let mut install = npm(&folder);
        install
            .args(["install", "--no-audit", "--no-fund", "--save-exact"])
            .arg(format!("@tauri-apps/cli@{VERSION}"));
        step::run("install the bundler of Tauri", &mut install)
    })?;
    Ok(folder.join("node_modules/@tauri-apps/cli/tauri.js"))
}

/// Returns the target triple of this compiler.
fn target() -> Result<String, Error> {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    Ok(step::printed(rustc.args(["--print", "host-tuple"]))?
        .trim()
        .to_owned())
}
