use std::{
    ffi::c_void,
    fs::{File, OpenOptions},
    io,
    path::Path,
    ptr,
};

use windows_sys::Win32::{
    Foundation::{ERROR_INVALID_FUNCTION, ERROR_MORE_DATA, ERROR_NOT_SUPPORTED},
    System::{
        IO::DeviceIoControl,
        Ioctl::{
            FILE_ALLOCATED_RANGE_BUFFER, FILE_ZERO_DATA_INFORMATION, FSCTL_QUERY_ALLOCATED_RANGES,
            FSCTL_SET_SPARSE, FSCTL_SET_ZERO_DATA,
        },
    },
};

use crate::platform::os::call::{check, is_code, raw, size};

/// The unit in which NTFS frees storage: 16 clusters, usually of 4 KiB each.
const BLOCK: u64 = 64 * 1024;

/// Frees the storage of the bytes before `before`, in whole blocks: up to one block less than
/// requested. Offsets and size stay, the freed bytes read as zeros, the bytes from `before` on stay
/// unchanged, and a writer that has the file open is not affected.
///
/// Fails if the file system has no sparse files (`FSCTL_SET_ZERO_DATA`: NTFS and `ReFS` have).
pub(crate) fn release(path: &Path, before: u64) -> io::Result<()> {
    let length = before - before % BLOCK;
    if length == 0 {
        return Ok(());
    }
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    control(&file, FSCTL_SET_SPARSE, None::<&()>, &mut [(); 0])?;
    let zeros = FILE_ZERO_DATA_INFORMATION {
        FileOffset: 0,
        BeyondFinalZero: i64::try_from(length).map_err(io::Error::other)?,
    };
    control(&file, FSCTL_SET_ZERO_DATA, Some(&zeros), &mut [(); 0])?;
    Ok(())
}

/// Returns the offset of the first byte that was not discarded, rounded to a block: 0 if none was
/// or the file system does not report it, the size if all were.
pub(crate) fn first_kept(file: &File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let whole = FILE_ALLOCATED_RANGE_BUFFER {
        FileOffset: 0,
        Length: i64::try_from(length).map_err(io::Error::other)?,
    };
    let mut first = [FILE_ALLOCATED_RANGE_BUFFER::default()];
    match control(file, FSCTL_QUERY_ALLOCATED_RANGES, Some(&whole), &mut first) {
        Ok(0) => Ok(length),
        // There are more ranges than the requested one.
        Err(error) if is_code(&error, ERROR_MORE_DATA) => Ok(start(&first)),
        Ok(_) => Ok(start(&first)),
        Err(error)
            if is_code(&error, ERROR_INVALID_FUNCTION) || is_code(&error, ERROR_NOT_SUPPORTED) =>
        {
            Ok(0)
        }
        Err(error) => Err(error),
    }
}

fn start(ranges: &[FILE_ALLOCATED_RANGE_BUFFER; 1]) -> u64 {
    u64::try_from(ranges[0].FileOffset).unwrap_or(0)
}

/// Sends a request to the file system and returns the length of the answer in bytes.
fn control<Q, A>(
    file: &File,
    code: u32,
    question: Option<&Q>,
    answer: &mut [A],
) -> io::Result<u32> {
    let (question, length) = match question {
        Some(question) => (ptr::from_ref(question).cast::<c_void>(), size::<Q>()),
        None => (ptr::null(), 0),
    };
    let room = u32::try_from(size_of_val(answer)).map_err(io::Error::other)?;
    let mut answered = 0;
    // SAFETY: the file is open; the lengths are those of the request and of the buffer for the
    // answer, both plain data that the system defines for `code`.
    check(unsafe {
        DeviceIoControl(
            raw(file),
            code,
            question,
            length,
            answer.as_mut_ptr().cast::<c_void>(),
            room,
            &raw mut answered,
            ptr::null_mut(),
        )
    })?;
    Ok(answered)
}
