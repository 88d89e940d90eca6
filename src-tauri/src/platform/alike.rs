//! Functions that are the same on macOS and Windows.

use std::{env, io, path::PathBuf};

use pilotlight::app::notices::Notice;
use tauri::Env;

/// Returns the body of a notification unchanged: these desktops show plain text.
pub(crate) fn body(notice: &Notice) -> String {
    notice.body.clone()
}

/// Returns the path that starts this program again.
pub(crate) fn program(_env: &Env) -> io::Result<PathBuf> {
    env::current_exe()
}

/// Does nothing: these platforms need no preparation.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature is the same on all platforms"
)]
pub(crate) fn prepare() -> io::Result<()> {
    Ok(())
}
