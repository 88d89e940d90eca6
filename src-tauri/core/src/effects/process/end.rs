//! Ending one process that is not ours: the holder of a port.

use std::{io, time::Duration};

use tokio::time::timeout;

use crate::{model::facts::Process, platform::process::Handle, stack::Signal};

/// How long a killed process may take to be gone.
const KILLING: Duration = Duration::from_secs(2);

/// How it went to end one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It left when asked, or had left before.
    Left,
    /// It had to be killed.
    Killed,
    /// It may not be signalled (another user's process).
    Refused,
    /// It is still there although it was killed: stuck in the kernel.
    Remains,
}

impl Ended {
    /// Whether it is verified gone.
    #[must_use]
    pub fn is_gone(self) -> bool {
        matches!(self, Self::Left | Self::Killed)
    }
}

/// Ends this process and no other: a polite signal, then after `grace` a kill, then verified
/// gone. Takes at most `grace` and 2 s.
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
    for (signal, patience, ended) in steps {
        match handle.signal(signal) {
            Ok(true) => {}
            Ok(false) => return Ended::Left,
            // Nobody can ask a single process to leave on Windows.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => continue,
            Err(_) => return Ended::Refused,
        }
        if timeout(patience, handle.gone()).await.is_ok() {
            return ended;
        }
    }
    Ended::Remains
}
