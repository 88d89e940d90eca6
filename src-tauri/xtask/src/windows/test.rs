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

/// The packages that are built and tested for Windows. They are built together, since each of them alone would
/// enable other features of their libraries, which would be built again.
const PACKAGES: [&str; 5] = [
    "pilotlight",
    "pilotlight-init",
    "pilotlight-cli",
    "pilotlight-app",
    "pilotlight-test-service",
];

/// The targets with unit tests. The program of the app has none.
const UNITS: [&str; 3] = ["--lib", "--bin", "pilotlight"];

/// The integration tests for Windows. Those of the probes need Python and measure times; the others are for
/// Unix and empty on Windows.
const TESTS: [&str; 3] = ["windows", "windows_cli", "windows_app"];

/// Builds the programs and their tests for Windows, denies clippy's warnings, and runs the tests: directly
/// on Windows, and under Wine elsewhere.
pub(crate) fn run(arguments: &[String]) -> Result<(), Error> {
    // The build of the app embeds the page.
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
    // Every warning of the packages is an error; those of their dependencies are not shown.
    let flags = "-Dwarnings";

    // Tests run it as a program, which `cargo test` does not build.
    let mut service = cross.cargo(flags)?;
    cross.with_lints(&mut service);
    step::run(
        "build the test service for Windows",
        service.args(["build", "--package", "pilotlight-test-service"]),
    )?;

    // All programs that contain the app need the loader in their folder: its tests and the program.
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
            // Snapshots are found relative to the root. Without this, insta would run cargo to find it.
            .env("INSTA_WORKSPACE_ROOT", as_seen_in_wine(&root))
            .env("INSTA_UPDATE", "no")
            // System calls are slow under Wine, and the tests on Linux run many more cases.
            .env("PROPTEST_CASES", "32");
        Ok(tests)
    };
    suite::run(under_wine, arguments)
}

/// Returns the packages as arguments of `cargo test`.
fn packages() -> Vec<&'static str> {
    let packages = PACKAGES.iter();
    packages
        .flat_map(|package| ["--package", *package])
        .collect()
}

/// Returns the targets of these packages that have tests.
fn targets() -> Vec<&'static str> {
    let tests = TESTS.iter().flat_map(|test| ["--test", *test]);
    UNITS.into_iter().chain(tests).collect()
}

/// Returns the root of the repository as a path without `..`.
fn root() -> Result<PathBuf, Error> {
    let root = workspace::root();
    root.canonicalize().map_err(at(root))
}
