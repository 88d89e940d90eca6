//! macOS: an item of the menu bar.

use std::{io, path::Path};

use tauri::AppHandle;

pub(crate) use super::{
    alike::{body, prepare, program},
    system_tray::show_tray,
};

/// Makes the desktop know whose notifications these are: they come out of the bundle of the app.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature is the same on all platforms"
)]
pub(crate) fn make_known(_app: &AppHandle, _folder: &Path) -> io::Result<()> {
    Ok(())
}

/// A launch agent has its words apart from each other.
pub(crate) fn as_word(path: &str) -> String {
    path.to_owned()
}
