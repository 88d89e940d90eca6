//! The npm packages of the example's frontend.

use std::{env, fs, path::Path, process::Command};

use crate::{
    error::{Error, at},
    step, workspace,
};

/// Installs the packages of the lock file, unless they are there.
pub(super) fn ensure() -> Result<(), Error> {
    let frontend = workspace::example().join("frontend");
    let lock = frontend.join("package-lock.json");
    let ingredients = fs::read_to_string(&lock).map_err(at(&lock))?;
    // `npm ci` begins by removing the folder, and the stamp with it.
    super::once(
        &frontend.join("node_modules/.made-from.json"),
        &ingredients,
        || {
            let mut install = npm(&frontend);
            install.args(["ci", "--no-audit", "--no-fund"]);
            step::run("install the npm packages", install)
        },
    )
}

/// npm, in this folder.
pub(crate) fn npm(folder: &Path) -> Command {
    let mut npm = Command::new(match env::consts::OS {
        "windows" => "npm.cmd",
        _ => "npm",
    });
    npm.current_dir(folder);
    npm
}
