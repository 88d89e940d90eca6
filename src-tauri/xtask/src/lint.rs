//! `cargo xtask lint`

use std::process::Command;

use crate::{error::Error, macos, setup::desktop, step, ui, workspace};

const CARGO_DENY: &str = "0.20.2";

/// Runs all static checks.
pub(crate) fn run() -> Result<(), Error> {
    desktop::ensure_for_building()?;
    step::run(
        "check the formatting",
        workspace::cargo().args(["fmt", "--all", "--check"]),
    )?;
    // `--all-targets` leaves out the same tests as `cargo test`.
    let left_out = ["--test", "chaos", "--test", "fault_lab"];
    for targets in [&["--all-targets"][..], &left_out] {
        step::run(
            &format!("run clippy with {}", targets.join(" ")),
            workspace::cargo()
                .args(["clippy", "--workspace"])
                .args(targets)
                .args(["--", "-D", "warnings"]),
        )?;
    }
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
        &mut deny(&["--locked", "check", "bans", "licenses", "sources"]),
    )?;
    if step::run("fetch the advisory database", &mut deny(&["fetch", "db"])).is_err() {
        step::note(
            "security advisories were NOT checked: their database (github.com/RustSec/advisory-db) \
             cannot be fetched from here",
        );
        return Ok(());
    }
    step::run(
        "check security advisories",
        &mut deny(&["--locked", "check", "--disable-fetch", "advisories"]),
    )
}
