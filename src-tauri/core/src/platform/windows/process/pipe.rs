//! A pipe for the output of a program that is read without blocking.
//!
//! Anonymous pipes cannot be read without blocking on Windows, and data of a named pipe passes
//! through the runtime for a while, so that it is unknown at the end of a program whether
//! everything was read. So a thread waits here for data, with reads of zero bytes, and readers hold
//! the lock.

use std::{
    fs::{File, OpenOptions},
    hash::{BuildHasher as _, Hasher as _, RandomState},
    io,
    os::windows::io::{FromRawHandle as _, OwnedHandle},
    pin::Pin,
    ptr,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    thread,
};

use tokio::io::{AsyncRead, ReadBuf};
use windows_sys::Win32::{
    Foundation::{ERROR_BROKEN_PIPE, ERROR_IO_PENDING, INVALID_HANDLE_VALUE},
    Storage::FileSystem::{
        FILE_FLAG_FIRST_PIPE_INSTANCE, FILE_FLAG_OVERLAPPED, PIPE_ACCESS_INBOUND, ReadFile,
    },
    System::{
        IO::{CancelIoEx, GetOverlappedResult, OVERLAPPED},
        Pipes::{
            CreateNamedPipeW, PIPE_READMODE_BYTE, PIPE_REJECT_REMOTE_CLIENTS, PIPE_TYPE_BYTE,
            PIPE_WAIT, PeekNamedPipe,
        },
        Threading::CreateEventW,
    },
};

use crate::{
    platform::os::call::{check, is_code, raw, wide},
    sync::lock,
};

/// The capacity of a pipe in bytes, as requested at its creation.
pub(crate) const PIPE_SIZE: usize = 64 * 1024;

/// The reading end of a non-blocking pipe.
#[derive(Debug)]
pub(crate) struct Pipe(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pipe: OwnedHandle,
    /// Set when data is available.
    filled: OwnedHandle,
    /// Set when a read is complete.
    taken: OwnedHandle,
    state: Mutex<State>,
    /// A task waits to be woken, or none ever will.
    wanted: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The reader was dropped.
    closed: bool,
    waker: Option<Waker>,
}

/// Creates a pipe, and its writing end for the output of a process.
pub(crate) fn pipe() -> io::Result<(Pipe, File)> {
    // The name cannot be guessed, so no process can use it first.
    let name = format!(
        r"\\.\pipe\pilotlight-output-{}-{:016x}",
        std::process::id(),
        RandomState::new().build_hasher().finish()
    );
    let wide_name = wide(&name);
    // SAFETY: the name ends with a zero, and a null pointer means the default security, with which
    // others may read at most, from a pipe that cannot be read from that end. Returns an invalid or
    // an owned handle.
    let pipe = unsafe {
        let pipe = CreateNamedPipeW(
            wide_name.as_ptr(),
            PIPE_ACCESS_INBOUND | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
            PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS,
            1,
            0,
            64 * 1024,
            0,
            ptr::null(),
        );
        check(i32::from(pipe != INVALID_HANDLE_VALUE))?;
        OwnedHandle::from_raw_handle(pipe)
    };
    let writer = OpenOptions::new().write(true).open(name)?;
    let shared = Arc::new(Shared {
        pipe,
        filled: event()?,
        taken: event()?,
        state: Mutex::default(),
        wanted: Condvar::new(),
    });
    let waiting = Arc::clone(&shared);
    thread::Builder::new()
        .name("program output".to_owned())
        .spawn(move || waiting.wait_on())?;
    Ok((Pipe(shared), writer))
}

fn event() -> io::Result<OwnedHandle> {
    // SAFETY: null pointers mean the default security and no name. Returns null or an owned handle.
    unsafe {
        let event = CreateEventW(ptr::null(), 1, 0, ptr::null());
        check(i32::from(!event.is_null()))?;
        Ok(OwnedHandle::from_raw_handle(event))
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Wakes the waiting task when data is available, until the pipe has no writer or no reader.
    fn wait_on(&self) {
        loop {
            let goes_on = self.wait();
            let mut state = self.state();
            if let Some(waker) = state.waker.take() {
                waker.wake();
            }
            drop(state);
            if !goes_on {
                return;
            }
        }
    }

    /// Waits until the pipe has data that a task waits for. Returns whether that can happen again.
    fn wait(&self) -> bool {
        let mut waiting = overlapped(&self.filled);
        {
            // Held, so that `Drop` sees every wait that has begun.
            let state = self
                .wanted
                .wait_while(self.state(), |state| state.waker.is_none() && !state.closed)
                .unwrap_or_else(PoisonError::into_inner);
            if state.closed {
                return false;
            }
            // SAFETY: reads no byte; `waiting` stays valid until this is over, which is awaited
            // below.
            let begun = check(unsafe {
                ReadFile(
                    raw(&self.pipe),
                    ptr::dangling_mut(),
                    0,
                    ptr::null_mut(),
                    &raw mut waiting,
                )
            });
            if begun.is_err_and(|error| !is_code(&error, ERROR_IO_PENDING)) {
                return false;
            }
        }
        self.finish(&waiting).is_ok()
    }

    /// Reads the content of the pipe; 0 at its end. `WouldBlock`: it is empty. The lock is held,
    /// since the data must not disappear before the next step.
    fn take(&self, _state: &MutexGuard<'_, State>, buffer: &mut [u8]) -> io::Result<usize> {
        let mut length = 0;
        // SAFETY: requests only the number of bytes, which has a variable.
        let peeked = check(unsafe {
            PeekNamedPipe(
                raw(&self.pipe),
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
        let wanted = buffer.len().min(length as usize);
        if wanted == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut reading = overlapped(&self.taken);
        // SAFETY: `buffer` has room for that many bytes, and both stay valid until the read is
        // complete, which is awaited.
        let begun = check(unsafe {
            ReadFile(
                raw(&self.pipe),
                buffer.as_mut_ptr(),
                u32::try_from(wanted).map_err(io::Error::other)?,
                ptr::null_mut(),
                &raw mut reading,
            )
        });
        match begun {
            Err(error) if !is_code(&error, ERROR_IO_PENDING) => Err(error),
            _ => self.finish(&reading),
        }
    }

    /// Waits for the end of a read, and returns its number of bytes.
    fn finish(&self, reading: &OVERLAPPED) -> io::Result<usize> {
        let mut length = 0;
        // SAFETY: a read that was begun with it, on this pipe.
        check(unsafe { GetOverlappedResult(raw(&self.pipe), reading, &raw mut length, 1) })?;
        Ok(length as usize)
    }
}

fn overlapped(event: &OwnedHandle) -> OVERLAPPED {
    OVERLAPPED {
        hEvent: raw(event),
        ..OVERLAPPED::default()
    }
}

/// Reads the current content of a pipe without waiting. `WouldBlock`: it is empty; 0: it is at its
/// end.
pub(crate) fn read_rest(pipe: &Pipe, buffer: &mut [u8]) -> io::Result<usize> {
    pipe.0.take(&pipe.0.state(), buffer)
}

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.0.state();
        match self.0.take(&state, buffer.initialize_unfilled()) {
            Ok(length) => {
                buffer.advance(length);
                Poll::Ready(Ok(()))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // Later data ends the wait of the thread.
                state.waker = Some(context.waker().clone());
                self.0.wanted.notify_one();
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.0.state().closed = true;
        self.0.wanted.notify_one();
        // SAFETY: the handle is open; the thread's read is the only one, and ends with an error.
        unsafe { CancelIoEx(raw(&self.0.pipe), ptr::null()) };
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read_in_its_order_up_to_the_end() {
        let (mut pipe, mut writer) = pipe().unwrap();
        let written = thread::spawn(move || {
            for number in 0..20_000_u32 {
                writer.write_all(&number.to_le_bytes()).unwrap();
            }
        });
        let mut read = Vec::new();
        pipe.read_to_end(&mut read).await.unwrap();
        written.join().unwrap();
        let numbers = read.chunks_exact(4).map(|chunk| chunk.try_into().unwrap());
        assert!(numbers.map(u32::from_le_bytes).eq(0..20_000));
    }

    #[test]
    fn the_rest_is_there_as_soon_as_it_is_written() {
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

    #[test]
    fn a_reader_that_goes_leaves_no_thread_behind() {
        let (pipe, writer) = pipe().unwrap();
        let shared = Arc::downgrade(&pipe.0);
        drop(pipe);
        while shared.upgrade().is_some() {
            thread::yield_now();
        }
        drop(writer);
    }
}
