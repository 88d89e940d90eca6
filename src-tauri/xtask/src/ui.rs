//! The page of the window.

use std::{env::consts::EXE_SUFFIX, process::Command};

use crate::{
    error::Error,
    setup::{self, npm, npm_ci},
    step, workspace,
};

/// Checks, builds and tests it.
pub(crate) fn everything() -> Result<(), Error> {
    check()?;
    build()?;
    test()
}

/// Builds it into `ui/dist`, which the application embeds.
pub(crate) fn build() -> Result<(), Error> {
    step::run("build the page of the window", &mut script("build")?)
}

/// Checks the types of its sources and tests.
pub(crate) fn check() -> Result<(), Error> {
    step::run("check the types of the window", &mut script("check")?)
}

/// Tests its logic, every state in a browser, and the page that `pilotlight ui` serves. Leaves pictures in
/// `ui/tests/pictures`.
pub(crate) fn test() -> Result<(), Error> {
    let chromium = setup::chromium()?;
    build()?;
    let mut command = workspace::cargo_for_all("build")?;
    let command = command.args(["--bin", "pilotlight", "--test", "cli"]);
    step::run("build the command", command)?;
    let command = workspace::programs()?.join(format!("pilotlight{EXE_SUFFIX}"));
    step::run("test the logic of the window", &mut script("test")?)?;
    let mut browser = script("test:browser")?;
    browser.env("CHROMIUM", chromium);
    browser.env("PILOTLIGHT", command);
    step::run("test the window in Chromium", &mut browser)
}

/// Installs the npm packages and returns the command for a script of `package.json`.
fn script(name: &str) -> Result<Command, Error> {
    let ui = workspace::root().join("ui");
    npm_ci(&ui, "the window")?;
    let mut run = npm(&ui);
    run.args(["run", name]);
    Ok(run)
}
