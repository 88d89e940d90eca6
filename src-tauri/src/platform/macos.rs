//! macOS: an item in the menu bar.

use std::{io, path::Path};

use tauri::AppHandle;

pub(crate) use super::{
    alike::{body, prepare, program},
    system_tray::show_tray,
};

/// Does nothing: notifications are identified by the bundle of the app.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature is the same on all platforms"
)]
pub(crate) fn make_known(_app: &AppHandle, _folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Returns the path unchanged: a launch agent has separate arguments.
pub(crate) fn as_word(path: &str) -> String {
    path.to_owned()
}
