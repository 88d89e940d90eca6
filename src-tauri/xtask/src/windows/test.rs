//! `cargo xtask test --windows`

use std::{env, path::PathBuf, process::Command};

use super::{Cross, as_seen_in_wine, programs};
use crate::{
    error::{Error, at},
    step, suite, workspace,
};

/// What is built for Windows and tested there. The app belongs here too, once it is part of the
/// workspace.
const PACKAGES: [&str; 3] = ["pilotlight", "pilotlight-cli", "pilotlight-test-service"];

/// The tests in `tests/` that are of Windows. Those of the probes ask for a Python and measure
/// times, the others are of Unix, and empty there.
const TESTS: [&str; 2] = ["windows", "windows_cli"];

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

    // Tests run it as the program that it is, which is none of what a build of tests makes.
    let mut service = cross.cargo(flags)?;
    cross.with_lints(&mut service);
    service.args(["build", "--package", "pilotlight-test-service"]);
    step::run("build the test service for Windows", service)?;

    let service = programs("debug")?.join("pilotlight-test-service.exe");
    let root = root()?;
    let under_wine = || {
        let mut tests = cross.cargo(flags)?;
        cross.with_lints(&mut tests);
        tests
            .arg("test")
            .env("PILOTLIGHT_TEST_SERVICE", as_seen_in_wine(&service))
            // Snapshots are looked for from the root, which cargo would be asked for.
            .env("INSTA_WORKSPACE_ROOT", as_seen_in_wine(&root))
            .env("INSTA_UPDATE", "no")
            // Each call of the system is a message to Wine's server: what is to hold for any input has
            // been tried with many more elsewhere.
            .env("PROPTEST_CASES", "32");
        Ok(tests)
    };
    suite::run(under_wine, &selection(), arguments)
}

fn tests(mut cargo: Command, arguments: &[String]) -> Command {
    cargo.arg("test").args(selection()).args(arguments);
    cargo
}

/// What is tested, as arguments of `cargo test`.
fn selection() -> Vec<&'static str> {
    let packages = PACKAGES.iter().flat_map(|package| ["--package", *package]);
    let tests = TESTS.iter().flat_map(|test| ["--test", *test]);
    packages.chain(["--lib", "--bins"]).chain(tests).collect()
}

/// The root of the repository, without a way back in it.
fn root() -> Result<PathBuf, Error> {
    let root = workspace::root();
    root.canonicalize().map_err(at(root))
}
