//! Lists all processes of the machine in one system call.

use std::{ffi::c_void, io, mem::offset_of, os::windows::io::OwnedHandle};

use windows_sys::{
    Wdk::System::SystemInformation::{NtQuerySystemInformation, SystemProcessInformation},
    Win32::{
        Foundation::{
            ERROR_ACCESS_DENIED, FILETIME, HANDLE, STATUS_INFO_LENGTH_MISMATCH, UNICODE_STRING,
        },
        System::Threading::{
            GetProcessTimes, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE,
        },
    },
};

use super::{handle::open, ticks};
use crate::platform::os::{
    call::{check, check_status, is_code, raw},
    wait::is_signalled,
};

/// The program that shows a console. It runs as long as the programs on the console.
const CONSOLE_HOST: &str = "conhost.exe";

/// A process in the kernel's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) pid: u32,
    pub(super) parent: u32,
    pub(super) started: u64,
    /// Whether it only serves a console.
    pub(super) is_console_host: bool,
}

/// Returns all running processes, except those of the kernel.
pub(super) fn all() -> io::Result<Vec<Entry>> {
    read(&snapshot()?)
}

/// `SYSTEM_PROCESS_INFORMATION`, with names for fields that the headers call reserved. The layout
/// has not changed since Windows XP, and every task manager uses it.
#[repr(C)]
struct Listed {
    next: u32,
    threads: u32,
    working_set: i64,
    faults: u32,
    most_threads: u32,
    cycles: u64,
    created: i64,
    user_time: i64,
    kernel_time: i64,
    image: UNICODE_STRING,
    priority: i32,
    pid: HANDLE,
    parent: HANDLE,
}

/// Returns the list, in words of eight bytes, to which the kernel aligns the entries (Wine does
/// not).
fn snapshot() -> io::Result<Vec<u64>> {
    let mut words: Vec<u64> = vec![0; 32 * 1024];
    loop {
        let length = u32::try_from(words.len() * 8).map_err(io::Error::other)?;
        let mut needed = 0;
        // SAFETY: writes at most `length` bytes, which `words` has.
        let status = unsafe {
            NtQuerySystemInformation(
                SystemProcessInformation,
                words.as_mut_ptr().cast::<c_void>(),
                length,
                &raw mut needed,
            )
        };
        if status != STATUS_INFO_LENGTH_MISMATCH {
            check_status(status)?;
            return Ok(words);
        }
        // More processes may start until the next attempt.
        let wanted = needed.max(length) as usize / 8;
        words.resize(wanted + wanted / 4 + 1024, 0);
    }
}

fn read(words: &[u64]) -> io::Result<Vec<Entry>> {
    let cut_short = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let size = size_of_val(words);
    let mut found = Vec::with_capacity(512);
    let mut at = 0_usize;
    loop {
        if at + size_of::<Listed>() > size {
            return Err(cut_short());
        }
        // SAFETY: within `words`, as just checked; any bits are a valid `Listed`.
        let listed = unsafe {
            words
                .as_ptr()
                .byte_add(at)
                .cast::<Listed>()
                .read_unaligned()
        };
        let pid = number(listed.pid);
        // PID 0 represents idle processors, 4 the kernel. A process without threads has exited, and
        // is listed only because a handle of it is open.
        if pid > 4 && listed.threads > 0 {
            found.push(Entry {
                pid,
                parent: number(listed.parent),
                started: listed.created.cast_unsigned(),
                is_console_host: is_named(&listed.image, words, CONSOLE_HOST),
            });
        }
        match listed.next {
            0 => return Ok(found),
            next => at += next as usize,
        }
    }
}

/// Converts a PID, which the kernel writes as a handle.
fn number(handle: HANDLE) -> u32 {
    u32::try_from(handle.addr()).unwrap_or(0)
}

fn is_named(image: &UNICODE_STRING, words: &[u64], name: &str) -> bool {
    let length = usize::from(image.Length);
    let from = image.Buffer.addr().wrapping_sub(words.as_ptr().addr());
    let within = from
        .checked_add(length)
        .is_some_and(|end| end <= size_of_val(words));
    if length != 2 * name.len() || !within || !from.is_multiple_of(2) {
        return false;
    }
    let first = words.as_ptr().cast::<u16>();
    // SAFETY: `from` is even, and `length` bytes from there are within `words`, as just checked.
    let units = unsafe { std::slice::from_raw_parts(first.byte_add(from), length / 2) };
    let same = |(unit, byte): (&u16, u8)| {
        u8::try_from(*unit).is_ok_and(|unit| unit.eq_ignore_ascii_case(&byte))
    };
    units.iter().zip(name.bytes()).all(same)
}

/// Returns when the process with this PID started. Fails if there is none.
pub(crate) fn started(pid: u32) -> io::Result<u64> {
    let rights = PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE;
    match open(pid, rights) {
        // An open handle keeps an exited process and its PID.
        Ok(Some(object)) if is_signalled(&object) => Err(io::ErrorKind::NotFound.into()),
        Ok(Some(object)) => created(&object),
        Ok(None) => Err(io::ErrorKind::NotFound.into()),
        Err(error) if is_code(&error, ERROR_ACCESS_DENIED) => all()?
            .into_iter()
            .find_map(|entry| (entry.pid == pid).then_some(entry.started))
            .ok_or_else(|| io::ErrorKind::NotFound.into()),
        Err(error) => Err(error),
    }
}

/// Returns when the process behind an open handle started.
pub(super) fn created(object: &OwnedHandle) -> io::Result<u64> {
    let mut times = [FILETIME::default(); 4];
    let [created, ended, kernel, user] = &mut times;
    // SAFETY: the handle is open, and each of the four times has a variable.
    check(unsafe { GetProcessTimes(raw(object), created, ended, kernel, user) })?;
    Ok(ticks(times[0]))
}

// Fields with names in the headers have the same offsets here.
const _: () = {
    use windows_sys::Win32::System::WindowsProgramming::SYSTEM_PROCESS_INFORMATION as Theirs;
    assert!(offset_of!(Listed, threads) == offset_of!(Theirs, NumberOfThreads));
    assert!(offset_of!(Listed, image) == offset_of!(Theirs, ImageName));
    assert!(offset_of!(Listed, pid) == offset_of!(Theirs, UniqueProcessId));
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_listed_with_the_data_of_its_handle() {
        let own = std::process::id();
        let all = all().unwrap();
        let entry = all.iter().find(|entry| entry.pid == own).unwrap();
        assert_eq!(entry.started, started(own).unwrap());
        assert!(entry.started <= super::super::ticks_now());
        assert!(!entry.is_console_host);
    }

    #[test]
    fn a_truncated_list_is_an_error() {
        assert!(read(&[]).is_err());
        let mut words = vec![0_u64; 64];
        words[0] = 4096;
        assert!(read(&words).is_err());
    }

    #[test]
    fn no_process_has_an_odd_pid() {
        let error = started(3_000_000_001).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
