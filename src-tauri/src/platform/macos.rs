//! macOS: an item of the menu bar.

use std::{env, io, path::PathBuf};

use tauri::Env;

pub(crate) use super::system_tray::show_tray;

/// What starts this program again.
pub(crate) fn program(_env: &Env) -> io::Result<PathBuf> {
    env::current_exe()
}

/// A launch agent has its words apart from each other.
pub(crate) fn as_word(path: &str) -> String {
    path.to_owned()
}
