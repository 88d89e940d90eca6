//! The tray application, as other chores need it: built, and tested from outside.

use std::{env, path::PathBuf};

use crate::{error::Error, setup::desktop, step, suite, ui, workspace};

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

/// Builds and tests it: what it says of itself, and on Linux what it does on a desktop.
pub(crate) fn test() -> Result<(), Error> {
    build(Profile::Debug)?;
    step::run(
        "test the application from inside",
        workspace::cargo().args(["test", "--package", "pilotlight-app"]),
    )?;
    if env::consts::OS != "linux" {
        step::note(
            "the application was NOT tested on a desktop: its tests are a tray host, a notification daemon \
             and an X server, which are there on Linux alone",
        );
        return Ok(());
    }
    desktop::ensure_for_tests()?;
    // They would build it themselves, but each process of them would have to wait for it.
    step::run(
        "build the command pilotlight",
        workspace::cargo_for_all("build").args(["--bin", "pilotlight"]),
    )?;
    suite::run(
        || {
            let mut outside = workspace::cargo();
            outside.args(["test", "--package", "pilotlight-app-tests"]);
            Ok(outside)
        },
        // Each test has a desktop of its own; more at once than processors make them slow, not quicker.
        &["--".to_owned(), "--test-threads=2".to_owned()],
    )
}
