//! `cargo xtask dist`

mod contents;
mod linux;
mod tauri;
mod trial;
mod windows;

use std::{env, fs, path::PathBuf};

use crate::{
    error::{Error, Missing, at},
    workspace,
};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// On Linux: build a zip and an installer for Windows, and test them under Wine
    #[arg(long)]
    windows: bool,
}

/// Builds the packages into `dist` in the target folder and inspects them.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    if options.windows {
        return windows::run();
    }
    if env::consts::OS == "linux" {
        return linux::run();
    }
    Err(Error::Missing(vec![Missing {
        what: format!("what has been tried on this system, {}", env::consts::OS),
        remedy: "`tauri.conf.json` is ready for it: npx @tauri-apps/cli build".to_owned(),
    }]))
}

/// Returns the folder of the packages.
fn folder() -> Result<PathBuf, Error> {
    let dist = workspace::programs()?.with_file_name("dist");
    fs::create_dir_all(&dist).map_err(at(&dist))?;
    Ok(dist)
}

/// Fails with a message unless a condition holds.
fn demand(so: bool, what: impl FnOnce() -> String) -> Result<(), Error> {
    if so {
        Ok(())
    } else {
        Err(Error::Untrue(what()))
    }
}
