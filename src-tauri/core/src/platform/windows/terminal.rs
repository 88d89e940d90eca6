//! Terminals of services, which are not supported on Windows yet.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

/// Returns `None`: the command is started without a terminal.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature is the same on all platforms"
)]
pub(crate) fn holder(
    _note: &Path,
    _program: &Path,
    _argv: &[OsString],
) -> io::Result<Option<(PathBuf, Vec<OsString>)>> {
    Ok(None)
}

/// The terminal of this process in raw mode.
pub(crate) struct RawTerminal;

impl RawTerminal {
    pub(crate) fn enter() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Fails: no service has a terminal.
pub(crate) fn resize(_note: &[u8]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
