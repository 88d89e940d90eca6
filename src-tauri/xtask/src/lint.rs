//! `cargo xtask lint`

use std::{env, path::PathBuf, process::Command};

use crate::{error::Error, step, ui, workspace};

const CARGO_DENY: &str = "0.20.2";

/// Checks what a machine can check without running anything.
pub(crate) fn run() -> Result<(), Error> {
    step::run("check the formatting", cargo(&["fmt", "--all", "--check"]))?;
    step::run(
        "run clippy",
        cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]),
    )?;
    ui::check()?;
    dependencies()
}

fn dependencies() -> Result<(), Error> {
    let program = cargo_deny()?;
    let deny = |arguments: &[&str]| {
        let mut deny = Command::new(&program);
        deny.current_dir(workspace::root()).args(arguments);
        deny
    };
    step::run(
        "check licences, bans and sources of dependencies",
        deny(&["--locked", "check", "bans", "licenses", "sources"]),
    )?;
    if step::run("fetch the advisory database", deny(&["fetch", "db"])).is_err() {
        step::note(
            "security advisories were NOT checked: their database (github.com/RustSec/advisory-db) \
             cannot be fetched from here",
        );
        return Ok(());
    }
    step::run(
        "check security advisories",
        deny(&["--locked", "check", "--disable-fetch", "advisories"]),
    )
}

/// The cargo-deny of this version: a person's own, or one built into the target folder, without
/// optimization since building it then takes under a minute and a run about a second.
fn cargo_deny() -> Result<PathBuf, Error> {
    let tools = workspace::own()?.join("tools");
    let built = tools.join(format!("bin/cargo-deny{}", env::consts::EXE_SUFFIX));
    for program in [PathBuf::from("cargo-deny"), built.clone()] {
        let mut version = Command::new(&program);
        version.arg("--version");
        if step::output(version).is_some_and(|found| found.ends_with(CARGO_DENY)) {
            return Ok(program);
        }
    }
    let mut install = cargo(&["install", "cargo-deny", "--version", CARGO_DENY, "--locked"]);
    install
        .args(["--debug", "--config", "profile.dev.debug=0", "--root"])
        .arg(&tools);
    step::run("build cargo-deny", install)?;
    Ok(built)
}

fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = workspace::cargo();
    cargo.args(arguments);
    cargo
}
