//! `cargo xtask test --windows`

use std::{env, fs, path::PathBuf};

use super::{
    Cross, LOADER, as_seen_in_wine, programs,
    screen::{self, Screen},
};
use crate::{
    error::{Error, at},
    step, suite, ui, workspace,
};

/// What is built for Windows and tested there: all together, since each of them alone would ask for other
/// features of the libraries that they share, and those would be built once more.
const PACKAGES: [&str; 5] = [
    "pilotlight",
    "pilotlight-init",
    "pilotlight-cli",
    "pilotlight-app",
    "pilotlight-test-service",
];

/// Where they have tests within. The program of the app has none.
const UNITS: [&str; 3] = ["--lib", "--bin", "pilotlight"];

/// The tests in `tests/` that are of Windows. Those of the probes ask for a Python and measure
/// times, the others are of Unix, and empty there.
const TESTS: [&str; 3] = ["windows", "windows_cli", "windows_app"];

/// Builds the programs and their tests for Windows, with no warning of clippy's, and runs the tests:
/// under Wine, and on Windows itself without.
pub(crate) fn run(arguments: &[String]) -> Result<(), Error> {
    // The app takes it in as it is built.
    ui::build()?;
    if env::consts::OS == "windows" {
        let mut tests = workspace::cargo();
        tests
            .arg("test")
            .args(packages())
            .args(targets())
            .args(arguments);
        return step::show(&mut tests);
    }
    let cross = Cross::ensure(&[screen::TOOL])?;
    // Every warning of the packages is an error; those of what they depend on are not shown at all.
    let flags = "-Dwarnings";

    // Tests run it as the program that it is, which is none of what a build of tests makes.
    let mut service = cross.cargo(flags)?;
    cross.with_lints(&mut service);
    step::run(
        "build the test service for Windows",
        service.args(["build", "--package", "pilotlight-test-service"]),
    )?;

    // Beside whatever has the app in it: its own tests, and the program.
    let loader = cross.loader()?;
    let built = programs("debug")?;
    for folder in [built.join("deps"), built.clone()] {
        fs::create_dir_all(&folder).map_err(at(&folder))?;
        let to = folder.join(LOADER);
        fs::copy(&loader, &to).map_err(at(&to))?;
    }

    let service = built.join("pilotlight-test-service.exe");
    let screen = Screen::open()?;
    let root = root()?;
    let under_wine = || {
        let mut tests = cross.cargo(flags)?;
        cross.with_lints(&mut tests);
        tests
            .arg("test")
            .args(packages())
            .args(targets())
            .env("DISPLAY", screen.name())
            .env("PILOTLIGHT_TEST_SERVICE", as_seen_in_wine(&service))
            // Snapshots are looked for from the root, which cargo would be asked for.
            .env("INSTA_WORKSPACE_ROOT", as_seen_in_wine(&root))
            .env("INSTA_UPDATE", "no")
            // Each call of the system is a message to Wine's server: what is to hold for any input has
            // been tried with many more elsewhere.
            .env("PROPTEST_CASES", "32");
        Ok(tests)
    };
    suite::run(under_wine, arguments)
}

/// What is tested, as arguments of `cargo test`.
fn packages() -> Vec<&'static str> {
    let packages = PACKAGES.iter();
    packages
        .flat_map(|package| ["--package", *package])
        .collect()
}

/// The targets of these packages that have tests.
fn targets() -> Vec<&'static str> {
    let tests = TESTS.iter().flat_map(|test| ["--test", *test]);
    UNITS.into_iter().chain(tests).collect()
}

/// The root of the repository, without a way back in it.
fn root() -> Result<PathBuf, Error> {
    let root = workspace::root();
    root.canonicalize().map_err(at(root))
}
