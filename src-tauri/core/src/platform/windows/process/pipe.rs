//! A pipe for the output of a program, read without blocking.
//!
//! Anonymous pipes have no event for new data, and data of a named pipe passes through the runtime
//! for a while, so that it is unknown at the end of a program whether everything was read. So the
//! pipe is polled for the number of bytes in it, after growing pauses while it is empty.

use std::{
    fs::File,
    io::{self, Read as _},
    os::windows::io::FromRawHandle as _,
    ptr,
    time::Duration,
};

use windows_sys::Win32::{
    Foundation::ERROR_BROKEN_PIPE,
    System::Pipes::{CreatePipe, PeekNamedPipe},
};

use crate::platform::os::call::{check, is_code, raw};

/// The capacity of a pipe in bytes, as requested at its creation.
pub(crate) const PIPE_SIZE: usize = 64 * 1024;

/// The pause before an empty pipe is polled again grows from the first to the second value.
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));

/// The reading end of a pipe.
#[derive(Debug)]
pub(crate) struct Pipe(File);

/// Creates a pipe, and its writing end for the output of a process.
pub(crate) fn pipe() -> io::Result<(Pipe, File)> {
    let (mut reader, mut writer) = (ptr::null_mut(), ptr::null_mut());
    let size = u32::try_from(PIPE_SIZE).map_err(io::Error::other)?;
    // SAFETY: a null pointer means the default security, without inheritance. Returns two owned handles.
    unsafe {
        check(CreatePipe(
            &raw mut reader,
            &raw mut writer,
            ptr::null(),
            size,
        ))?;
        let reader = File::from_raw_handle(reader);
        Ok((Pipe(reader), File::from_raw_handle(writer)))
    }
}

/// Waits for output, and reads some of it; 0 at the end of the pipe. Cancel-safe.
pub(crate) async fn read(pipe: &mut Pipe, buffer: &mut [u8]) -> io::Result<usize> {
    let (mut pause, longest) = PAUSES;
    loop {
        match read_rest(pipe, buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(longest);
            }
            read => return read,
        }
    }
}

/// Reads the current content of a pipe without waiting. Returns 0 at the end, and `WouldBlock` if
/// the pipe is empty.
pub(crate) fn read_rest(pipe: &Pipe, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    // SAFETY: the handle is open; only the number of bytes is requested, which has a variable.
    let peeked = check(unsafe {
        PeekNamedPipe(
            raw(&pipe.0),
            ptr::null_mut(),
            0,
            ptr::null_mut(),
            &raw mut length,
            ptr::null_mut(),
        )
    });
    match peeked {
        Err(error) if is_code(&error, ERROR_BROKEN_PIPE) => return Ok(0),
        peeked => peeked?,
    }
    if length == 0 {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    // Does not wait, since there is data and no other reader.
    (&pipe.0).read(buffer)
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, thread};

    use super::*;

    #[tokio::test]
    async fn output_is_read_in_order_up_to_the_end() {
        let (mut pipe, mut writer) = pipe().unwrap();
        let written = thread::spawn(move || {
            for number in 0..20_000_u32 {
                writer.write_all(&number.to_le_bytes()).unwrap();
            }
        });
        let mut all = Vec::new();
        let mut buffer = [0; 4096];
        while let length @ 1.. = read(&mut pipe, &mut buffer).await.unwrap() {
            all.extend_from_slice(&buffer[..length]);
        }
        written.join().unwrap();
        let numbers = all.chunks_exact(4).map(|chunk| chunk.try_into().unwrap());
        assert!(numbers.map(u32::from_le_bytes).eq(0..20_000));
    }

    #[test]
    fn the_rest_is_available_as_soon_as_it_is_written() {
        let (pipe, mut writer) = pipe().unwrap();
        let mut buffer = [0; 8];
        for round in 0..200_u8 {
            let nothing = read_rest(&pipe, &mut buffer).unwrap_err();
            assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
            writer.write_all(&[round]).unwrap();
            assert_eq!(read_rest(&pipe, &mut buffer).unwrap(), 1);
            assert_eq!(buffer[0], round);
        }
        drop(writer);
        assert_eq!(read_rest(&pipe, &mut buffer).unwrap(), 0);
    }
}
