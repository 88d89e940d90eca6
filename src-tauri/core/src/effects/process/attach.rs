//! Connects the terminal of this process with the terminal of a service (`tty = true`).

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    thread,
    time::Duration,
};

use tokio::sync::mpsc;

use super::Process;
use crate::{
    effects::log::{RunLog, Watcher},
    platform::{
        process::Handle,
        program::Resizes,
        terminal::{RawTerminal, resize},
    },
};

/// The bytes of earlier output that are shown at first, from the start of a line.
const BEFORE: u64 = 4 * 1024;

/// The pause before more is written to a service that has not read its input.
const UNREAD: Duration = Duration::from_millis(20);

/// Why a terminal is no longer connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parted {
    /// The user typed the detach keys.
    Detached,
    /// The service has exited.
    Exited,
}

/// The terminal of a run.
#[derive(Debug)]
pub struct Terminal {
    run: RunLog,
    process: Process,
    /// The path of the terminal.
    name: Vec<u8>,
    /// Locked by the process that types.
    lock: File,
    types: bool,
}

impl Terminal {
    /// Opens the terminal of a run, whose first process is `process`. If another process is attached to it,
    /// this one only shows its output.
    ///
    /// # Errors
    ///
    /// `NotFound`: the run has no terminal.
    pub fn open(run: RunLog, process: Process) -> io::Result<Self> {
        let mut lock = File::open(run.terminal())?;
        let mut name = Vec::new();
        lock.read_to_end(&mut name)?;
        Ok(Self {
            name,
            types: lock.try_lock().is_ok(),
            lock,
            run,
            process,
        })
    }

    /// Returns whether this process may type: no other was attached before it.
    #[must_use]
    pub fn types(&self) -> bool {
        self.types
    }

    /// Shows the end of the output and everything new, and sends every key to the service, until the service
    /// exits or `detach` is typed.
    ///
    /// # Errors
    ///
    /// Standard input is not a terminal, or the log cannot be read.
    pub async fn attach(self, detach: &[u8]) -> io::Result<Parted> {
        let parted = {
            let _raw = RawTerminal::enter()?;
            self.connect(DetachKeys::new(detach)).await
        };
        self.lock.unlock()?;
        parted
    }

    async fn connect(&self, mut detach: DetachKeys) -> io::Result<Parted> {
        let mut log = self.run.open_near_end(BEFORE)?;
        let (watcher, mut resizes) = (Watcher::new(), Resizes::listen()?);
        let mut keys = keys();
        let handle = Handle::pin(self.process)?;
        self.resize();
        let mut out = io::stdout().lock();
        let mut show = || io::copy(&mut log, &mut out).and_then(|_| out.flush());
        loop {
            // Set before the log is read, so that no output is missed.
            let growth = watcher.growth(self.run.log());
            show()?;
            let Some(handle) = &handle else {
                return Ok(Parted::Exited);
            };
            tokio::select! {
                () = growth.fired() => {}
                () = resizes.next() => self.resize(),
                Some(typed) = keys.recv() => {
                    let (typed, is_detached) = detach.read(&typed);
                    if is_detached {
                        return Ok(Parted::Detached);
                    }
                    if self.types {
                        self.send(&typed).await?;
                    }
                }
                () = handle.gone() => {
                    show()?;
                    return Ok(Parted::Exited);
                }
            }
        }
    }

    fn resize(&self) {
        if self.types
            && let Err(error) = resize(&self.name)
        {
            tracing::debug!(%error, "a terminal cannot be resized");
        }
    }

    async fn send(&self, typed: &[u8]) -> io::Result<()> {
        loop {
            match self.run.send(typed) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    tokio::time::sleep(UNREAD).await;
                }
                // The service has exited, which is noticed elsewhere.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                sent => return sent,
            }
        }
    }
}

/// Reads the keys from standard input. The thread lives until a key comes after the receiver was dropped.
fn keys() -> mpsc::UnboundedReceiver<Vec<u8>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    thread::spawn(move || {
        let mut keys = [0; 1024];
        while let Ok(length @ 1..) = io::stdin().lock().read(&mut keys) {
            if sender.send(keys[..length].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Finds the detach keys among the keys that are typed.
struct DetachKeys {
    keys: Vec<u8>,
    /// How many of them were typed, and held back.
    held: usize,
}

impl DetachKeys {
    fn new(keys: &[u8]) -> Self {
        Self {
            keys: keys.to_vec(),
            held: 0,
        }
    }

    /// Returns the keys for the service, and whether the detach keys are complete.
    fn read(&mut self, typed: &[u8]) -> (Vec<u8>, bool) {
        let mut passed = Vec::new();
        for key in typed {
            if self.keys.get(self.held) != Some(key) {
                passed.extend_from_slice(&self.keys[..self.held]);
                self.held = 0;
            }
            if self.keys.get(self.held) == Some(key) {
                self.held += 1;
                if self.held == self.keys.len() {
                    return (passed, true);
                }
            } else {
                passed.push(*key);
            }
        }
        (passed, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_passed_on_unless_they_are_the_detach_keys() {
        let mut keys = DetachKeys::new(b"\x10\x11");
        assert_eq!(keys.read(b"ls\r"), (b"ls\r".to_vec(), false));
        assert_eq!(
            keys.read(b"a\x10"),
            (b"a".to_vec(), false),
            "it may be the first of them"
        );
        assert_eq!(keys.read(b"b"), (b"\x10b".to_vec(), false));
        assert_eq!(keys.read(b"\x10\x10"), (b"\x10".to_vec(), false));
        assert_eq!(keys.read(b"\x11x"), (b"".to_vec(), true));
    }

    #[test]
    fn without_detach_keys_every_key_is_passed_on() {
        assert_eq!(
            DetachKeys::new(b"").read(b"\x10\x11"),
            (b"\x10\x11".to_vec(), false)
        );
    }
}
