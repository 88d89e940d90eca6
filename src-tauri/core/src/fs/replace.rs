//! Replaces files atomically.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use serde::{Serialize, de::DeserializeOwned};

use crate::platform::local;

/// Writes a private file next to `path` and renames it, so that a reader sees either the old
/// content or the new one.
///
/// Does not sync to disk: the content describes processes, which a power loss ends as well.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let next = path.with_added_extension("new");
    let written = local::private_file()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&next)
        .and_then(|mut file| file.write_all(content))
        .and_then(|()| fs::rename(&next, path));
    // A partial file is useless, and a full disk needs its space.
    written.inspect_err(|_| drop(fs::remove_file(&next)))
}

/// Does the same with a value as JSON.
pub(crate) fn replace_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    replace(path, &text)
}

/// Reads a value from a JSON file; `None` if the file does not exist. Fails with `InvalidData` if
/// the text is not such a value.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    serde_json::from_slice(&text).map(Some).map_err(invalid)
}
