//! Builds the tray application and installs the requirements of its tests.

use std::{env, path::PathBuf};

use crate::{error::Error, setup::desktop, step, ui, workspace};

/// A profile of cargo.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// For tests and demos.
    Debug,
    /// For releases.
    Release,
}

impl Profile {
    /// Returns the folder with the programs of such builds.
    pub(crate) fn folder(self) -> Result<PathBuf, Error> {
        Ok(match self {
            Self::Debug => workspace::programs()?,
            Self::Release => workspace::programs()?.with_file_name("release"),
        })
    }

    /// Builds the command, as it is released, and returns the program.
    pub(crate) fn build_command(self) -> Result<PathBuf, Error> {
        self.build(
            "build the command pilotlight",
            "pilotlight-cli",
            "pilotlight",
        )
    }

    /// Builds a program and returns it. It is never built together with other packages, since these would
    /// enable other features of its libraries.
    fn build(self, what: &str, package: &str, program: &str) -> Result<PathBuf, Error> {
        let release = (self == Self::Release).then_some("--release");
        step::run(
            what,
            workspace::cargo()
                .args(["build", "--package", package])
                .args(release),
        )?;
        let name = format!("{program}{}", env::consts::EXE_SUFFIX);
        Ok(self.folder()?.join(name))
    }
}

/// Builds the application and its window, and returns the program.
pub(crate) fn build(profile: Profile) -> Result<PathBuf, Error> {
    desktop::ensure_for_building()?;
    ui::build()?;
    profile.build("build the application", "pilotlight-app", "pilot-light")
}

/// Installs the requirements of its tests.
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
