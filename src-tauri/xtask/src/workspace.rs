//! Where things are.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::error::{Error, at};

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The example stack.
pub(crate) fn example() -> PathBuf {
    root().join("examples/nexus")
}

/// The folder with the programs of this build. The chores stand there themselves, so that it is the
/// right one whatever `CARGO_TARGET_DIR` says.
pub(crate) fn programs() -> Result<PathBuf, Error> {
    let myself = env::current_exe().map_err(at("the program of the chores"))?;
    Ok(myself.parent().unwrap_or(root()).to_owned())
}

/// What the chores keep for themselves in the target folder: logs and tools.
pub(crate) fn own() -> Result<PathBuf, Error> {
    Ok(programs()?.with_file_name("xtask"))
}

/// Removes a folder with all that is in it, if it exists.
pub(crate) fn remove(folder: &Path) -> Result<(), Error> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(at(folder))?;
    }
    Ok(())
}

/// The cargo that started the chores, in the root of the repository.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    cargo
}

/// A cargo command for all packages but the application and its tests. The selection decides the features of shared
/// libraries: with the same one for every part of the tests, they are built once.
pub(crate) fn cargo_for_all(subcommand: &str) -> Command {
    let mut cargo = cargo();
    cargo.args([subcommand, "--workspace"]);
    for app in ["pilotlight-app", "pilotlight-app-tests"] {
        cargo.args(["--exclude", app]);
    }
    cargo
}
