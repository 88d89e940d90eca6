//! The present program, where macOS differs from Unix.

use std::{fs::File, io};

use crate::platform::start::Fork;
pub(crate) use crate::platform::unix::program::{
    Endings, ForkOutput, Resizes, assume_identity, begin_anew, close_output, detach,
    raise_file_limit, spawn_in_background,
};

/// `None`: the frameworks of macOS do not work in a copy of a process (`fork(2)`).
#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature is the same on all platforms"
)]
pub(crate) fn fork_in_background(_errors: File) -> io::Result<Option<Fork>> {
    Ok(None)
}

/// Nothing: the allocator of macOS has no such settings.
pub(crate) fn save_memory() {}

/// Nothing: the allocator of macOS sees to that.
pub(crate) fn give_memory_back() {}
