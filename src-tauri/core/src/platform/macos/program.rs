//! The current program: functions in which macOS differs from other Unix systems.

use std::{fs::File, io};

use crate::platform::types::Fork;
pub(crate) use crate::platform::unix::program::{
    Endings, ForkOutput, Resizes, assume_identity, begin_anew, close_output, detach, exit_code,
    raise_file_limit, spawn_in_background,
};

/// Returns `None`: the frameworks of macOS do not work in a forked process (`fork(2)`).
#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature is the same on all platforms"
)]
pub(crate) fn fork_in_background(_errors: File) -> io::Result<Option<Fork>> {
    Ok(None)
}

/// Does nothing: the allocator of macOS has no such settings.
pub(crate) fn save_memory() {}

/// Does nothing: the allocator of macOS takes care of it.
pub(crate) fn give_memory_back() {}
