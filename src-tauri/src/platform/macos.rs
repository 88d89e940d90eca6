//! macOS: an item of the menu bar.

use std::{
    env, io,
    path::{Path, PathBuf},
};

use tauri::{AppHandle, Env};

pub(crate) use super::system_tray::show_tray;

/// What starts this program again.
pub(crate) fn program(_env: &Env) -> io::Result<PathBuf> {
    env::current_exe()
}

/// Makes the desktop know whose notifications these are: they come out of the bundle of the app.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature is the same on all platforms"
)]
pub(crate) fn make_known(_app: &AppHandle, _folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Sees to what has to be before anything else: here nothing.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature is the same on all platforms"
)]
pub(crate) fn prepare() -> io::Result<()> {
    Ok(())
}

/// A launch agent has its words apart from each other.
pub(crate) fn as_word(path: &str) -> String {
    path.to_owned()
}
