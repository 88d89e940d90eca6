//! The page of the window.

use std::fs;

use crate::{
    error::{Error, at},
    setup::{npm, once},
    step, workspace,
};

/// Builds it into `ui/dist`, from where the application takes it.
pub(crate) fn build() -> Result<(), Error> {
    let ui = workspace::root().join("ui");
    let lock = ui.join("package-lock.json");
    let ingredients = fs::read_to_string(&lock).map_err(at(&lock))?;
    once(
        &ui.join("node_modules/.made-from.json"),
        &ingredients,
        || {
            let mut install = npm(&ui);
            install.args(["ci", "--no-audit", "--no-fund"]);
            step::run("install the npm packages of the window", install)
        },
    )?;
    let mut build = npm(&ui);
    build.args(["run", "build"]);
    step::run("build the page of the window", build)
}
