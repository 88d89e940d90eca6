//! What has to be there before the example runs and the tests pass.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::{
    error::{Error, at},
    workspace,
};

pub(crate) mod desktop;
mod node;
mod packages;
mod projects;
mod python;
mod version;

pub(crate) use node::npm;

/// What the set-up has made.
pub(crate) struct Ready {
    /// The interpreter that has the packages of the example's backend.
    pub(crate) python: PathBuf,
    /// The folder with the packages of the projects that `init` is tried on.
    pub(crate) projects: PathBuf,
}

/// Installs and makes whatever is not there or not up to date. Quick when nothing is to be done.
pub(crate) fn everything() -> Result<Ready, Error> {
    let interpreter = packages::ensure()?;
    let python = python::ensure(&interpreter)?;
    node::ensure()?;
    let projects = workspace::own()?.join("projects");
    Ok(Ready { python, projects })
}

/// Also what only the tests need, on the systems where they need it.
pub(crate) fn for_tests() -> Result<Ready, Error> {
    let ready = everything()?;
    if env::consts::OS != "windows" {
        packages::ensure_nginx()?;
        packages::ensure_postgresql()?;
    }
    projects::ensure(&ready.python, &ready.projects)?;
    Ok(ready)
}

/// What building for Windows on Linux needs, Debian's compiler if `compiler` says so. `also` are
/// further commands, each with the package that has it.
pub(crate) fn for_windows(compiler: bool, also: &[(&str, &str)]) -> Result<(), Error> {
    packages::ensure_cross(compiler, also)
}

/// The requirement for checking macOS code on Linux besides rustup: Debian's compiler.
pub(crate) fn for_macos() -> Result<(), Error> {
    packages::ensure_cross_compiler("aarch64-apple-darwin", "macOS")
}

/// The browser that the window is tested in.
pub(crate) fn chromium() -> Result<PathBuf, Error> {
    packages::ensure_chromium()
}

/// Does `make`, unless `stamp` says that it has been done with these very `ingredients`.
pub(crate) fn once(
    stamp: &Path,
    ingredients: &str,
    make: impl FnOnce() -> Result<(), Error>,
) -> Result<(), Error> {
    if fs::read_to_string(stamp).is_ok_and(|made_from| made_from == ingredients) {
        return Ok(());
    }
    make()?;
    fs::write(stamp, ingredients).map_err(at(stamp))
}
