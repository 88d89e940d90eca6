//! Folders of `/proc` (proc(5)) whose entries are numbers.

use std::{
    io,
    mem::MaybeUninit,
    os::fd::{AsFd, OwnedFd},
    str::FromStr,
};

use rustix::{
    fs::{Mode, OFlags, RawDir, openat},
    path::Arg,
};

pub(super) fn open_folder(folder: impl AsFd, path: impl Arg) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat(folder, path, flags, Mode::empty())?)
}

/// Returns the numbers in a folder (PIDs, threads), read with a buffer of this size.
pub(super) fn numbers(folder: &OwnedFd, buffer: usize) -> io::Result<Vec<u32>> {
    let mut buffer = vec![MaybeUninit::uninit(); buffer];
    let mut entries = RawDir::new(folder, &mut buffer);
    let mut found = Vec::new();
    while let Some(entry) = entries.next() {
        found.extend(parsed::<u32>(entry?.file_name().to_bytes()));
    }
    Ok(found)
}

pub(super) fn parsed<N: FromStr>(digits: &[u8]) -> Option<N> {
    str::from_utf8(digits).ok()?.parse().ok()
}
