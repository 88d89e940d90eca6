//! Where things are.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    error::{Error, at},
    setup::desktop,
};

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

/// The cargo that started the chores, in the root of the repository. It does not inherit what that cargo said about
/// this program: the build script of `ring` runs again when `CARGO_PKG_NAME` changes, and all that uses it is rebuilt.
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

/// A cargo command for the whole workspace. The selected packages decide the features of the libraries that they
/// share: with one selection for all tests, each library is built once. For `build`, name an example or a test among
/// the targets, or Cargo leaves out the features that only tests ask for.
pub(crate) fn cargo_for_all(subcommand: &str) -> Result<Command, Error> {
    desktop::ensure_for_building()?;
    let mut cargo = cargo();
    cargo.args([subcommand, "--workspace"]);
    Ok(cargo)
}
