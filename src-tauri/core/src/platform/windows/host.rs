//! The machine. Windows refuses memory instead of killing processes, and does not limit open files.

use std::{io, path::Path, ptr, time::Duration};

use sysinfo::Uid;
use windows_sys::Win32::{
    Storage::FileSystem::GetDiskFreeSpaceExW,
    System::{SystemInformation::GetTickCount64, WindowsProgramming::QueryUnbiasedInterruptTime},
};

use super::{
    access,
    call::{check, wide},
};
use crate::env::Env;
pub(crate) use crate::platform::elsewhere::{killing_count, killings};

/// Returns the name of a user.
///
/// Does not use the library that lists processes: it would list all users and sessions of the
/// machine, and fails on a system without sessions.
pub(crate) fn user_name(id: &Uid) -> Option<String> {
    access::user_name(&id.to_string())
}

/// Returns the number of bytes that the current user may still write to the folder `path`
/// (`GetDiskFreeSpaceExW`).
pub(crate) fn disk_available(path: &Path) -> io::Result<u64> {
    let (path, mut available) = (wide(path), 0);
    let (total, free) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: the path ends with NUL, the first number is ours to write, the others may be null.
    check(unsafe { GetDiskFreeSpaceExW(path.as_ptr(), &raw mut available, total, free) })?;
    Ok(available)
}

/// Returns how long the machine has slept since its boot (`GetTickCount64`,
/// `QueryUnbiasedInterruptTime`: only one of the two clocks includes that time).
pub(crate) fn slept() -> Duration {
    let mut without: u64 = 0;
    // SAFETY: writes to a local variable.
    let with = unsafe {
        QueryUnbiasedInterruptTime(&raw mut without);
        GetTickCount64()
    };
    let without = Duration::from_nanos(without.saturating_mul(100));
    Duration::from_millis(with).saturating_sub(without)
}

/// Returns `None`: the number of open files is unlimited.
pub(crate) fn open_files_limit(_process: Option<u32>) -> Option<u64> {
    None
}

/// Returns `None`: programs from the desktop have the same variables as in a terminal.
pub(crate) fn login_shell(_variables: &Env) -> Option<Vec<String>> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_user_has_a_name_and_an_unknown_one_has_none() {
        let own = access::user_name(&access::user().unwrap()).unwrap();
        let expected = std::env::var("USERNAME").unwrap();
        assert!(own.eq_ignore_ascii_case(&expected), "{own} {expected}");
        assert_eq!(access::user_name("S-1-5-21-1-2-3-4444"), None);
        assert_eq!(access::user_name("garbage"), None);
    }
}
