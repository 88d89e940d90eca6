//! Replaces files atomically.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use crate::platform::local;

/// Writes a private file beside `path` and renames it, so that a reader sees the old content or the
/// new.
///
/// Nothing is synced to disk: the content describes processes, which a power loss ends as well.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let next = path.with_added_extension("new");
    let written = local::private_file()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&next)
        .and_then(|mut file| file.write_all(content))
        .and_then(|()| fs::rename(&next, path));
    // A partial file is useless, and a full disk needs the space.
    written.inspect_err(|_| drop(fs::remove_file(&next)))
}
