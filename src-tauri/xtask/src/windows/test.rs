//! `cargo xtask test --windows`

use std::{env, process::Command};

use super::{Cross, as_seen_in_wine, programs};
use crate::{error::Error, step, workspace};

/// What is built for Windows and tested there. The app belongs here too, once it is part of the
/// workspace.
const PACKAGES: [&str; 3] = ["pilotlight", "pilotlight-cli", "pilotlight-test-service"];

/// Builds the programs and their tests for Windows, with no warning of clippy's, and runs the tests:
/// under Wine, and on Windows itself without.
pub(crate) fn run(arguments: &[String]) -> Result<(), Error> {
    if env::consts::OS == "windows" {
        return step::show(tests(workspace::cargo(), arguments));
    }
    let cross = Cross::ensure(&[])?;
    // Every warning of the packages is an error; those of what they depend on are not shown at all.
    let flags = "-Dwarnings";

    let mut build = tests(cross.cargo(flags)?, &[]);
    cross.with_lints(&mut build);
    build.arg("--no-run");
    step::run("build for Windows, and run clippy on it", build)?;

    let mut tests = tests(cross.cargo(flags)?, arguments);
    cross.with_lints(&mut tests);
    let service = programs("debug")?.join("pilotlight-test-service.exe");
    tests.env("PILOTLIGHT_TEST_SERVICE", as_seen_in_wine(&service));
    step::show(tests)
}

fn tests(mut cargo: Command, arguments: &[String]) -> Command {
    cargo.arg("test");
    for package in PACKAGES {
        cargo.args(["--package", package]);
    }
    // All that `--all-targets` has, without the examples of documentation, which are the same on
    // every system.
    cargo.args(["--lib", "--bins", "--tests"]).args(arguments);
    cargo
}
