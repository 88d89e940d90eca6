//! Paths of the workspace, and its cargo.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    error::{Error, at},
    setup::desktop,
};

/// Returns the root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Returns the folder of the example stack.
pub(crate) fn example() -> PathBuf {
    root().join("examples/nexus")
}

/// Returns the folder with the programs of this build. xtask is in it, so it is right for every value of
/// `CARGO_TARGET_DIR`.
pub(crate) fn programs() -> Result<PathBuf, Error> {
    let myself = env::current_exe().map_err(at("the program of xtask"))?;
    Ok(myself.parent().unwrap_or(root()).to_owned())
}

/// Returns the folder for logs and tools of xtask, in the target folder.
pub(crate) fn own() -> Result<PathBuf, Error> {
    Ok(programs()?.with_file_name("xtask"))
}

/// Removes a folder and its contents, if it exists.
pub(crate) fn remove(folder: &Path) -> Result<(), Error> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(at(folder))?;
    }
    Ok(())
}

/// Returns the cargo that started xtask, in the root of the repository, without the variables that describe xtask:
/// the build script of `ring` runs again when `CARGO_PKG_NAME` changes, and all its dependents are rebuilt.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&*name);
        }
    }
    cargo
}

/// Returns a cargo command for the whole workspace. The selected packages decide the features of their shared
/// libraries, so with one selection for all tests each library is built once. For `build`, name an example or a test
/// among the targets, or Cargo leaves out the features that only tests enable.
pub(crate) fn cargo_for_all(subcommand: &str) -> Result<Command, Error> {
    desktop::ensure_for_building()?;
    let mut cargo = cargo();
    cargo.args([subcommand, "--workspace"]);
    Ok(cargo)
}
