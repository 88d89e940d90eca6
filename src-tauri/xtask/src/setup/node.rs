//! npm and its packages.

use std::{env, fs, path::Path, process::Command};

use super::once;
use crate::{
    error::{Error, at},
    step,
};

/// Installs the packages of the lock file in this folder, unless they are installed. `of` is the displayed name of the
/// folder.
pub(crate) fn npm_ci(folder: &Path, of: &str) -> Result<(), Error> {
    let lock = folder.join("package-lock.json");
    let ingredients = fs::read_to_string(&lock).map_err(at(&lock))?;
    // `npm ci` first removes the folder, and the stamp with it.
    let stamp = folder.join("node_modules/.made-from.json");
    once(&stamp, &ingredients, || {
        step::run(
            &format!("install the npm packages of {of}"),
            npm(folder).args(["ci", "--no-audit", "--no-fund"]),
        )
    })
}

/// Returns an npm command in this folder.
pub(crate) fn npm(folder: &Path) -> Command {
    let mut npm = Command::new(match env::consts::OS {
        "windows" => "npm.cmd",
        _ => "npm",
    });
    npm.current_dir(folder);
    npm
}
