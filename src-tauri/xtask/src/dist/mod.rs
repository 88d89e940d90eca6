//! `cargo xtask dist`

mod linux;
mod tauri;

use std::env;

use crate::error::{Error, Missing};

#[derive(clap::Args)]
pub(crate) struct Options {}

/// Builds what people install, into `dist` in the target folder, and looks into it.
pub(crate) fn run(_options: &Options) -> Result<(), Error> {
    if env::consts::OS == "linux" {
        return linux::run();
    }
    Err(Error::Missing(vec![Missing {
        what: format!("what has been tried on this system, {}", env::consts::OS),
        remedy: "`tauri.conf.json` is ready for it: npx @tauri-apps/cli build".to_owned(),
    }]))
}
