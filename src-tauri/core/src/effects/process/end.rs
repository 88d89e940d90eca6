//! Stops one process that Pilot Light did not start: the holder of a port.

use std::{io, time::Duration};

use tokio::time::timeout;

use crate::{model::facts::Process, platform::process::Handle, stack::Signal};

/// The time limit for a killed process to exit.
const KILLING: Duration = Duration::from_secs(2);

/// The outcome of stopping one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It exited after the signal, or had exited before.
    Left,
    /// It had to be killed.
    Killed,
    /// It cannot be signalled (another user's process).
    Refused,
    /// It survived the kill: stuck in the kernel.
    Remains,
}

impl Ended {
    /// Returns whether it has verifiably exited.
    #[must_use]
    pub fn is_gone(self) -> bool {
        matches!(self, Self::Left | Self::Killed)
    }
}

/// Stops exactly this process: a termination signal, after `grace` a kill, then verifies that it
/// has exited. Takes at most `grace` and 2 s.
pub async fn end(process: Process, grace: Duration) -> Ended {
    let handle = match Handle::pin(process) {
        Ok(Some(handle)) => handle,
        Ok(None) => return Ended::Left,
        Err(_) => return Ended::Refused,
    };
    let steps = [
        (Signal::Terminate, grace, Ended::Left),
        (Signal::Kill, KILLING, Ended::Killed),
    ];
    for (signal, grace, ended) in steps {
        match handle.signal(signal) {
            Ok(true) => {}
            Ok(false) => return Ended::Left,
            // Windows has no termination signal for a single process.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => continue,
            Err(_) => return Ended::Refused,
        }
        if timeout(grace, handle.gone()).await.is_ok() {
            return ended;
        }
    }
    Ended::Remains
}
