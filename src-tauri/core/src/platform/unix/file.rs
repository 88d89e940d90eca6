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

/// Makes the folder and the missing ones above it, for the present user only (0700). A folder that
/// is there already is left as it is.
pub(crate) fn make_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Creates a file for the present user only (0600) whose writes all go to its end, whoever else
/// writes to it, so that it can be a program's standard output and standard error at once. The
/// program that is given it must be told (no other inherits it: close-on-exec).
///
/// Others may read, watch, shorten with [`release`] and delete it meanwhile.
///
/// Fails with [`io::ErrorKind::AlreadyExists`] if there is such a file.
pub(crate) fn create_append_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Opens a file to read and write, and makes it for the present user only (0600) if there is none.
/// Others may read, rename onto and delete it meanwhile.
pub(crate) fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

/// Opens a file for reading, and returns whether it is a named pipe. Neither this nor reading waits for
/// a writer: a pipe without a writer seems to be at its end, and an empty one gives
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

/// How far the file has been written, as the writer sees it (not as a folder's listing does, which
/// may lag).
pub(crate) fn extent(file: &File) -> io::Result<Extent> {
    let metadata = file.metadata()?;
    Ok(Extent {
        size: metadata.size(),
        modified: metadata.modified()?,
    })
}

/// Where the first byte is that has not been let go, to a block: 0 where nothing was or where the
/// file system cannot tell, the size where all was. Moves the file's read position.
pub(crate) fn first_kept(file: &File) -> io::Result<u64> {
    match seek(file, SeekFrom::Data(0)) {
        Ok(offset) => Ok(offset),
        // No data at all.
        Err(Errno::NXIO) => Ok(file.metadata()?.size()),
        Err(Errno::INVAL) => Ok(0),
        Err(error) => Err(error.into()),
    }
}
