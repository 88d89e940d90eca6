//! Files that one process writes and another reads, shortens and watches.
//!
//! The standard library opens files so that others may read, write, rename and delete them
//! meanwhile (`FILE_SHARE_READ`, `FILE_SHARE_WRITE`, `FILE_SHARE_DELETE`). A file that is opened
//! for appending has no right to write anywhere but at the end, so that writers do not overwrite
//! each other.

mod hole;
mod times;
mod watch;

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::Path,
};

pub(crate) use hole::{first_kept, release};
pub(crate) use times::extent;
pub(crate) use watch::Armed;
pub use watch::Watcher;

use super::access;
pub(crate) use crate::platform::{
    elsewhere::{WATCHES_TREES, has_events},
    types::Extent,
};

/// Creates the folder and its missing parents, the folder itself accessible only by the current
/// user. An existing folder is not changed.
pub(crate) fn make_private_folder(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match access::make_private_folder(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made,
    }
}

/// Creates a file as private as its folder, opened for appending, so that it can be a program's
/// standard output and standard error at once. No other program inherits it.
///
/// Others may read, watch, shorten with [`release`] and delete it meanwhile.
///
/// Fails with [`io::ErrorKind::AlreadyExists`] if the file exists.
pub(crate) fn create_append_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create_new(true).open(path)
}

/// Opens a file for reading and writing, and creates it, as private as its folder, if it does not
/// exist. Others may read, rename onto and delete it meanwhile.
pub(crate) fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

/// Opens a file for reading. On Windows no file of a folder is a pipe.
pub(crate) fn open_without_waiting(path: &Path) -> io::Result<(File, bool)> {
    Ok((File::open(path)?, false))
}
