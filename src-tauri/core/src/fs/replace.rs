//! Files that are only ever replaced whole.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use crate::platform::local;

/// Writes a private file beside `path` and renames it there, so that a reader sees the old content
/// or the new.
///
/// Nothing is forced to the disk: what is kept this way is about processes, and a power loss ends
/// them as well.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let next = path.with_added_extension("new");
    let written = local::private_file()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&next)
        .and_then(|mut file| file.write_all(content))
        .and_then(|()| fs::rename(&next, path));
    if written.is_err() {
        // Half a file is of no use, and a full disk needs the room. The first error tells more.
        drop(fs::remove_file(&next));
    }
    written
}
