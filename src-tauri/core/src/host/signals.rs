//! What the operating system tells a program of its terminal and its end.

use std::io;

use crate::platform::program;

/// Somebody wants this process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Ctrl-C.
    Interrupt,
    /// `kill`, the end of a session, a shutdown.
    Terminate,
    /// Its terminal is gone.
    HangUp,
}

/// Hears of every request to end this process. From the moment it is made, none of them ends it by
/// itself, also when it is gone. There is one in a process.
pub struct Endings(program::Endings);

impl Endings {
    /// Must be called within the runtime. Fails where the system refuses.
    pub fn listen() -> io::Result<Self> {
        program::Endings::listen().map(Self)
    }

    /// The next request. Cancel-safe.
    pub async fn next(&mut self) -> Ending {
        self.0.next().await
    }
}

/// Hears of every change of the terminal's size.
pub struct Resizes(program::Resizes);

impl Resizes {
    /// Must be called within the runtime. Fails where the system refuses.
    pub fn listen() -> io::Result<Self> {
        program::Resizes::listen().map(Self)
    }

    /// Waits for the next change. Never ends where the system does not tell. Cancel-safe.
    pub async fn next(&mut self) {
        self.0.next().await;
    }
}
