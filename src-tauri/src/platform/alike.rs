//! What macOS and Windows have alike.

use std::{env, io, path::PathBuf};

use pilotlight::app::notices::Notice;
use tauri::Env;

/// Returns the body of a notification unchanged: these desktops show plain text.
pub(crate) fn body(notice: &Notice) -> String {
    notice.body.clone()
}

/// What starts this program again.
pub(crate) fn program(_env: &Env) -> io::Result<PathBuf> {
    env::current_exe()
}

/// Sees to what has to be before anything else: here nothing.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature is the same on all platforms"
)]
pub(crate) fn prepare() -> io::Result<()> {
    Ok(())
}
