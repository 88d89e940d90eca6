//! Signals that ask this process to exit.
//!
//! This module sets its own handlers. Those of `tokio` are set a moment before there is a receiver,
//! and a signal that arrives in between is lost: it neither ends the process nor wakes a task.

use std::{
    future::pending,
    io::{self, PipeReader, PipeWriter, pipe},
    mem, ptr,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use libc::c_int;
use tokio::net::unix::pipe::Receiver;

use crate::host::signals::Ending;

const KINDS: [(c_int, Ending); 3] = [
    (libc::SIGINT, Ending::Interrupt),
    (libc::SIGTERM, Ending::Terminate),
    (libc::SIGHUP, Ending::HangUp),
];

/// The signals that have arrived and have not been returned yet, one bit for each.
static ARRIVED: AtomicU32 = AtomicU32::new(0);

/// Wakes the task that waits for signals. Both ends stay open, so that a write always has a reader.
static BELL: OnceLock<(PipeReader, PipeWriter)> = OnceLock::new();

/// Receives every signal that asks this process to exit. Once created, no such signal ends the
/// process, and none is lost. A process creates one.
pub(crate) struct Endings(Receiver);

impl Endings {
    /// Starts listening. Must be called within the runtime.
    pub(crate) fn listen() -> io::Result<Self> {
        let bell = if let Some(bell) = BELL.get() {
            bell
        } else {
            let made = pipe()?;
            // The signal handler must not block.
            rustix::io::ioctl_fionbio(&made.1, true)?;
            BELL.get_or_init(|| made)
        };
        let bell = Receiver::from_owned_fd(bell.0.try_clone()?.into())?;
        for (signal, _) in KINDS {
            catch(signal)?;
        }
        Ok(Self(bell))
    }

    /// Waits for the next request. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Ending {
        loop {
            for (signal, ending) in KINDS {
                if ARRIVED.fetch_and(!bit(signal), Ordering::SeqCst) & bit(signal) != 0 {
                    return ending;
                }
            }
            if self.0.readable().await.is_err() {
                // The runtime is shutting down.
                return pending().await;
            }
            // Emptied before the bits are read again: a later signal makes the pipe readable again.
            let _ = self.0.try_read(&mut [0; 64]);
        }
    }
}

const fn bit(signal: c_int) -> u32 {
    1 << signal
}

fn catch(signal: c_int) -> io::Result<()> {
    // SAFETY: all zeroes are a `sigaction` without flags that blocks no other signal.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    let handler: extern "C" fn(c_int) = note;
    action.sa_sigaction = handler as libc::sighandler_t;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: the action lives until this returns, and the handler does only what is safe in one:
    // atomic operations and `write(2)`.
    let set = unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) };
    if set == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

extern "C" fn note(signal: c_int) {
    ARRIVED.fetch_or(bit(signal), Ordering::SeqCst);
    if let Some((_, ring)) = BELL.get() {
        // A full pipe is readable too.
        let _ = rustix::io::write(ring, &[0]);
    }
}
