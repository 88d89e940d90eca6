//! `cargo xtask lint`

use std::process::Command;

use crate::{error::Error, macos, setup::desktop, step, ui, workspace};

const CARGO_DENY: &str = "0.20.2";

/// Checks what a machine can check without running anything.
pub(crate) fn run() -> Result<(), Error> {
    desktop::ensure_for_building()?;
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
    macos::lint()?;
    ui::check()?;
    dependencies()
}

fn dependencies() -> Result<(), Error> {
    let program = step::tool("cargo-deny", CARGO_DENY)?;
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

fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = workspace::cargo();
    cargo.args(arguments);
    cargo
}
