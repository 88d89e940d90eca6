//! What macOS and Windows have alike.

use std::{env, io, path::PathBuf};

use tauri::Env;

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
