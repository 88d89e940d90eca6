//! How system calls take text and say that they failed.

use std::{
    ffi::OsStr,
    io,
    os::windows::{ffi::OsStrExt as _, io::AsRawHandle},
};

use windows_sys::{
    Win32::Foundation::{HANDLE, NTSTATUS, RtlNtStatusToDosError},
    core::{BOOL, HRESULT},
};

/// The outcome of a call that answers with zero where it fails.
pub(super) fn check(outcome: BOOL) -> io::Result<()> {
    if outcome == 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// The outcome of a call that answers with an error code.
pub(super) fn check_code(code: u32) -> io::Result<()> {
    match code {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code.cast_signed())),
    }
}

/// The outcome of a call into the kernel's own interface.
pub(super) fn check_status(status: NTSTATUS) -> io::Result<()> {
    if status >= 0 {
        return Ok(());
    }
    // SAFETY: takes a number and gives a number.
    let code = unsafe { RtlNtStatusToDosError(status) };
    Err(io::Error::from_raw_os_error(code.cast_signed()))
}

/// The outcome of a call into the shell or COM.
pub(super) fn check_result(outcome: HRESULT) -> io::Result<()> {
    if outcome >= 0 {
        Ok(())
    } else {
        // The system has words for these too.
        Err(io::Error::from_raw_os_error(outcome))
    }
}

/// Whether the error is this one of the system's codes.
pub(super) fn is_code(error: &io::Error, code: u32) -> bool {
    error.raw_os_error() == Some(code.cast_signed())
}

/// Text as the system takes it: UTF-16 with a zero at its end.
pub(super) fn wide(text: impl AsRef<OsStr>) -> Vec<u16> {
    text.as_ref().encode_wide().chain([0]).collect()
}

/// The handle as system calls take it, good for as long as `object` is.
pub(super) fn raw(object: &impl AsRawHandle) -> HANDLE {
    object.as_raw_handle()
}

/// The size of a structure, as system calls take it.
pub(super) const fn size<T>() -> u32 {
    // No structure of the system comes near four gigabytes.
    #[expect(clippy::cast_possible_truncation, reason = "see above")]
    let size = size_of::<T>() as u32;
    size
}
