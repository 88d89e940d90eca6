//! A pipe that a program prints into and that is read without blocking.
//!
//! An anonymous pipe cannot be read that way on Windows, and what the runtime reads of a named one
//! is on its way through the runtime for a while, so that nobody could tell at the end of a program
//! whether all it has printed was read. So a thread waits here for something to be in the pipe, by
//! reading nothing of it, and whoever takes it out holds the lock.

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

use crate::platform::os::call::{check, is_code, raw, wide};

/// How much a pipe holds, in bytes: as much as is asked for at its making.
pub(crate) const PIPE_SIZE: usize = 64 * 1024;

/// The end of a pipe that is read without blocking.
#[derive(Debug)]
pub(crate) struct Pipe(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pipe: OwnedHandle,
    /// Set when the wait for something to read is over.
    filled: OwnedHandle,
    /// Set when a read is done.
    taken: OwnedHandle,
    state: Mutex<State>,
    /// Somebody waits to be woken, or nobody ever will.
    wanted: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Nobody reads any more.
    closed: bool,
    waker: Option<Waker>,
}

/// A pipe, and its other end, which can be the output of a process.
pub(crate) fn pipe() -> io::Result<(Pipe, File)> {
    // Nobody can be there first under a name that nobody can guess.
    let name = format!(
        r"\\.\pipe\pilotlight-output-{}-{:016x}",
        std::process::id(),
        RandomState::new().build_hasher().finish()
    );
    let wide_name = wide(&name);
    // SAFETY: the name ends with a zero, and a null pointer means the default security, with which
    // others may read at most, of a pipe that cannot be read from there. The answer is invalid or a
    // handle that is ours.
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
    // SAFETY: null pointers mean the default security and no name. The answer is null or a handle
    // that is ours.
    unsafe {
        let event = CreateEventW(ptr::null(), 1, 0, ptr::null());
        check(i32::from(!event.is_null()))?;
        Ok(OwnedHandle::from_raw_handle(event))
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes whoever waits when there is something, until nobody can write any more or nobody
    /// reads.
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

    /// Waits until there is something in the pipe that somebody waits for. Whether that can be
    /// again.
    fn wait(&self) -> bool {
        let mut waiting = overlapped(&self.filled);
        {
            // Held, so that a wait which has begun is one that `Drop` can see.
            let state = self
                .wanted
                .wait_while(self.state(), |state| state.waker.is_none() && !state.closed)
                .unwrap_or_else(PoisonError::into_inner);
            if state.closed {
                return false;
            }
            // SAFETY: reads no byte; `waiting` stays in place until this is over, which is waited
            // for below.
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

    /// Takes what is in the pipe, and 0 at its end. `WouldBlock`: there is nothing. The lock is
    /// held, since what is there must not be gone at the next step.
    fn take(&self, _state: &MutexGuard<'_, State>, buffer: &mut [u8]) -> io::Result<usize> {
        let mut length = 0;
        // SAFETY: asks for the number of bytes alone, which has a place.
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
        // SAFETY: so many bytes have room in `buffer`, and both stay in place until the read is
        // done, which is waited for.
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

    /// Waits for the end of a read, and gives how many bytes it read.
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

/// Reads what is in a pipe already, without waiting for more. `WouldBlock`: nothing; 0: nothing
/// and never more.
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
                // What comes from now on ends the wait of the thread.
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
