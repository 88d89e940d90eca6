//! The tray application, as other chores need it: how it is built, and what its tests need.

use std::{env, path::PathBuf};

use crate::{error::Error, setup::desktop, step, ui, workspace};

/// How the application is built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// As tests and demos have it.
    Debug,
    /// As people get it.
    Release,
}

impl Profile {
    /// The folder with the programs of such builds.
    pub(crate) fn folder(self) -> Result<PathBuf, Error> {
        Ok(match self {
            Self::Debug => workspace::programs()?,
            Self::Release => workspace::programs()?.with_file_name("release"),
        })
    }
}

/// Builds the application and its window, and returns the program. It is built by itself and never together
/// with other packages: these would ask for other features of its libraries, and everything would be built twice.
pub(crate) fn build(profile: Profile) -> Result<PathBuf, Error> {
    desktop::ensure_for_building()?;
    ui::build()?;
    let release = (profile == Profile::Release).then_some("--release");
    step::run(
        "build the application",
        workspace::cargo()
            .args(["build", "--package", "pilotlight-app"])
            .args(release),
    )?;
    let name = format!("pilot-light{}", env::consts::EXE_SUFFIX);
    Ok(profile.folder()?.join(name))
}

/// Installs what its tests need.
pub(crate) fn prepare_tests() -> Result<(), Error> {
    if env::consts::OS == "linux" {
        return desktop::ensure_for_tests();
    }
    step::note(
        "the application is NOT tested on a desktop: that needs a tray host, a notification daemon and an X server, \
         which only Linux has",
    );
    Ok(())
}
