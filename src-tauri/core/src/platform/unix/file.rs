//! Files that one process writes and another reads.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt},
    path::Path,
};

use rustix::{
    fs::{OFlags, SeekFrom, seek},
    io::Errno,
};

use crate::platform::types::Extent;

/// Creates the folder and its missing parents, accessible only by the current user (0700). An
/// existing folder is not changed.
pub(crate) fn make_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Creates a file for the current user only (0600), opened for appending, so that it can be a
/// program's standard output and standard error at once. No program inherits it unintentionally
/// (close-on-exec).
///
/// Others may read, watch, shorten with [`release`] and delete it meanwhile.
///
/// Fails with [`io::ErrorKind::AlreadyExists`] if the file exists.
pub(crate) fn create_append_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Opens a file for reading and writing, and creates it for the current user only (0600) if it does
/// not exist. Others may read, rename onto and delete it meanwhile.
pub(crate) fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

/// Opens a file for reading, and returns whether it is a named pipe. Neither opening nor reading
/// waits for a writer: a pipe without a writer seems to be at its end, and an empty one returns
/// [`io::ErrorKind::WouldBlock`].
pub(crate) fn open_without_waiting(path: &Path) -> io::Result<(File, bool)> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    let is_pipe = file.metadata()?.file_type().is_fifo();
    Ok((file, is_pipe))
}

/// Returns the size and time of the file, as the writer sees it (a directory listing may lag).
pub(crate) fn extent(file: &File) -> io::Result<Extent> {
    let metadata = file.metadata()?;
    Ok(Extent {
        size: metadata.size(),
        modified: metadata.modified()?,
    })
}

/// Returns the offset of the first byte that was not discarded, rounded to a block: 0 if none was
/// or the file system does not report it, the size if all were. Moves the file's read position.
pub(crate) fn first_kept(file: &File) -> io::Result<u64> {
    match seek(file, SeekFrom::Data(0)) {
        Ok(offset) => Ok(offset),
        // No data at all.
        Err(Errno::NXIO) => Ok(file.metadata()?.size()),
        Err(Errno::INVAL) => Ok(0),
        Err(error) => Err(error.into()),
    }
}
