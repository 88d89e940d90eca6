//! Signals about the terminal and the end of this process.

use std::io;

use crate::platform::program;

/// A request to end this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Ctrl-C.
    Interrupt,
    /// `kill`, a logout, a shutdown.
    Terminate,
    /// Its terminal was closed.
    HangUp,
}

/// Receives all requests to end this process. Once created, no request ends the process
/// automatically, even after this is dropped. A process can have only one.
pub struct Endings(program::Endings);

impl Endings {
    /// Starts listening. Must be called within the runtime. Fails if the system refuses.
    pub fn listen() -> io::Result<Self> {
        program::Endings::listen().map(Self)
    }

    /// Waits for the next request. Cancel-safe.
    pub async fn next(&mut self) -> Ending {
        self.0.next().await
    }
}

/// Receives all changes of the terminal size.
pub struct Resizes(program::Resizes);

impl Resizes {
    /// Starts listening. Must be called within the runtime. Fails if the system refuses.
    pub fn listen() -> io::Result<Self> {
        program::Resizes::listen().map(Self)
    }

    /// Waits for the next change. Never returns if the system does not report changes. Cancel-safe.
    pub async fn next(&mut self) {
        self.0.next().await;
    }
}

/// The keys that are pressed on the terminal of the standard input, without an echo. Ctrl-C is still a
/// request to end. The terminal is as before once this is dropped.
pub struct Keys(program::Keys);

impl Keys {
    /// Starts listening; `None` if the standard input is no terminal. Must be called within the runtime.
    ///
    /// # Errors
    ///
    /// Those of the terminal.
    pub fn listen() -> io::Result<Option<Self>> {
        Ok(program::Keys::listen()?.map(Self))
    }

    /// Waits for the next key. Cancel-safe.
    pub async fn next(&mut self) -> char {
        self.0.next().await
    }
}
