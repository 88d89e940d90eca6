//! The machine. Windows refuses memory rather than kill for it, and limits no number of open files.

use std::{
    collections::BTreeMap, ffi::OsString, io, os::windows::ffi::OsStrExt as _, path::Path, ptr,
};

use sysinfo::Uid;
use windows_sys::Win32::Storage::FileSystem::GetDiskFreeSpaceExW;

use super::access;
use crate::platform::OomKill;

/// What a user is called.
///
/// The library that lists processes would list all users and sessions of the machine for this, and
/// trips over a system that has none of the latter.
pub(crate) fn user_name(id: &Uid) -> Option<String> {
    access::user_name(&id.to_string())
}

/// How many bytes the present user may still write where `path` is, which is a folder
/// (`GetDiskFreeSpaceExW`).
pub(crate) fn disk_available(path: &Path) -> io::Result<u64> {
    let path: Vec<u16> = path.as_os_str().encode_wide().chain([0]).collect();
    let mut available = 0;
    // SAFETY: the path ends with NUL, the first number is ours to write, the others may be null.
    let done = unsafe {
        GetDiskFreeSpaceExW(
            path.as_ptr(),
            &raw mut available,
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    if done == 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(available)
    }
}

/// How many files a process that this one starts may have open: any number.
pub(crate) fn open_files_limit() -> Option<u64> {
    None
}

/// The login shell of the user: there is none, the desktop's variables are those of a terminal.
pub(crate) fn login_shell(_variables: &BTreeMap<OsString, OsString>) -> Option<Vec<String>> {
    None
}

/// Whom the system killed for memory: nobody.
pub(crate) fn killings() -> Vec<OomKill> {
    Vec::new()
}

/// How many were killed for memory, with the name of the counter: there is none.
pub(crate) fn killing_count() -> Option<(u64, String)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_present_user_has_a_name_and_an_unknown_one_has_none() {
        let own = access::user_name(&access::user().unwrap()).unwrap();
        let expected = std::env::var("USERNAME").unwrap();
        assert!(own.eq_ignore_ascii_case(&expected), "{own} {expected}");
        assert_eq!(access::user_name("S-1-5-21-1-2-3-4444"), None);
        assert_eq!(access::user_name("garbage"), None);
    }
}
