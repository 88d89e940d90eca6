//! Text arguments and error codes of system calls.

use std::{
    ffi::OsStr,
    io,
    os::windows::{ffi::OsStrExt as _, io::AsRawHandle},
};

use windows_sys::{
    Win32::Foundation::{HANDLE, NTSTATUS, RtlNtStatusToDosError},
    core::{BOOL, HRESULT},
};

/// Converts the result of a call that returns zero on failure.
pub(super) fn check(outcome: BOOL) -> io::Result<()> {
    if outcome == 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Converts the result of a call that returns an error code.
pub(super) fn check_code(code: u32) -> io::Result<()> {
    match code {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code.cast_signed())),
    }
}

/// Converts the result of a native kernel call.
pub(super) fn check_status(status: NTSTATUS) -> io::Result<()> {
    if status >= 0 {
        return Ok(());
    }
    // SAFETY: takes and returns a number.
    let code = unsafe { RtlNtStatusToDosError(status) };
    Err(io::Error::from_raw_os_error(code.cast_signed()))
}

/// Converts the result of a shell or COM call.
pub(super) fn check_result(outcome: HRESULT) -> io::Result<()> {
    if outcome >= 0 {
        Ok(())
    } else {
        // The system has messages for these codes as well.
        Err(io::Error::from_raw_os_error(outcome))
    }
}

/// Returns whether the error has this system code.
pub(super) fn is_code(error: &io::Error, code: u32) -> bool {
    error.raw_os_error() == Some(code.cast_signed())
}

/// Converts text for the system: UTF-16 with a final zero.
pub(super) fn wide(text: impl AsRef<OsStr>) -> Vec<u16> {
    text.as_ref().encode_wide().chain([0]).collect()
}

/// Returns the handle for system calls, valid as long as `object`.
pub(super) fn raw(object: &impl AsRawHandle) -> HANDLE {
    object.as_raw_handle()
}

/// Returns the size of a structure for system calls.
pub(super) const fn size<T>() -> u32 {
    // No structure of the system is near four gigabytes.
    #[expect(clippy::cast_possible_truncation, reason = "see above")]
    let size = size_of::<T>() as u32;
    size
}
