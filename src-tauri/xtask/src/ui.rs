//! The page of the window.

use std::{fs, process::Command};

use crate::{
    error::{Error, at},
    setup::{self, npm, once},
    step, workspace,
};

/// Checks, builds and tests it.
pub(crate) fn everything() -> Result<(), Error> {
    check()?;
    build()?;
    test()
}

/// Installs its npm packages, unless they are there.
fn install() -> Result<(), Error> {
    let ui = workspace::root().join("ui");
    let lock = ui.join("package-lock.json");
    let ingredients = fs::read_to_string(&lock).map_err(at(&lock))?;
    // `npm ci` begins by removing the folder, and the stamp with it.
    once(
        &ui.join("node_modules/.made-from.json"),
        &ingredients,
        || {
            let mut install = npm(&ui);
            install.args(["ci", "--no-audit", "--no-fund"]);
            step::run("install the npm packages of the window", install)
        },
    )
}

/// Builds it into `ui/dist`, from where the application takes it.
pub(crate) fn build() -> Result<(), Error> {
    install()?;
    step::run("build the page of the window", script("build"))
}

/// Checks the types of all that it is made of, and of its tests.
pub(crate) fn check() -> Result<(), Error> {
    install()?;
    step::run("check the types of the window", script("check"))
}

/// Tests its logic, and everything that it can show in a browser. Pictures of that are left in
/// `ui/tests/pictures`.
pub(crate) fn test() -> Result<(), Error> {
    let chromium = setup::chromium()?;
    install()?;
    step::run("test the logic of the window", script("test"))?;
    let mut browser = script("test:browser");
    browser.env("CHROMIUM", chromium);
    step::run("test the window in Chromium", browser)
}

fn script(name: &str) -> Command {
    let mut run = npm(&workspace::root().join("ui"));
    run.args(["run", name]);
    run
}
