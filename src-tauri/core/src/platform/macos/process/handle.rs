use std::{io, time::Duration};

use rustix::{
    io::Errno,
    process::{Signal as Number, kill_process, kill_process_group},
};

use super::{info::info, started};
use crate::{
    model::facts::{Exit, Process},
    platform::{
        os::notice::Notice,
        unix::process::{number, raw, reap_child},
    },
    stack::Signal,
};

/// The kernel tells of an end a moment before the process can be reaped, and of one that a
/// debugger holds long before: the pauses between two tries grow from the first to the second.
const REAPING: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(100));

/// A process, pinned: whatever is done through it reaches this process or nobody, but for the
/// moment between a look at the start of the process and the signal.
#[derive(Debug)]
pub(crate) struct Handle {
    process: Process,
    /// Of its end; `None` if it had ended when it was pinned, and only waited to be reaped.
    end: Option<Notice>,
}

impl Handle {
    /// Pins the process, or gives `None` when it is gone or its number means another by now.
    /// Needs a tokio runtime.
    pub(crate) fn pin(process: Process) -> io::Result<Option<Self>> {
        let Some(pid) = raw(process.pid) else {
            return Ok(None);
        };
        let end = match Notice::of_exit(pid) {
            Ok(end) => Some(end),
            Err(error) if Errno::from_io_error(&error) == Some(Errno::SRCH) => None,
            Err(error) => return Err(error),
        };
        // The order matters: if the number still means this process now, it did when the notice
        // was asked for.
        if started(process.pid).ok() != Some(process.started) {
            return Ok(None);
        }
        Ok(Some(Self { process, end }))
    }

    /// Which process.
    pub(crate) fn process(&self) -> Process {
        self.process
    }

    /// Sends a signal to this process alone. `false`: it is gone.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<bool> {
        self.send(number(signal))
    }

    /// Stops it from running, and so from starting others, until it is killed. `false`: it is gone.
    pub(crate) fn freeze(&self) -> io::Result<bool> {
        self.send(Number::STOP)
    }

    fn send(&self, signal: Number) -> io::Result<bool> {
        match raw(self.process.pid) {
            Some(pid) if !self.is_gone() && self.has_its_number() => {
                delivered(kill_process(pid, signal))
            }
            _ => Ok(false),
        }
    }

    /// Sends a signal to every process of the group that this process leads or led, in one step.
    /// `false`: nobody is left in it, or it cannot be told any more whose group it is.
    pub(crate) fn signal_group(&self, signal: Signal) -> io::Result<bool> {
        self.send_group(number(signal))
    }

    /// Stops the whole group from running, as [`Handle::freeze`] does.
    pub(crate) fn freeze_group(&self) -> io::Result<bool> {
        self.send_group(Number::STOP)
    }

    /// Whether the group that this process leads or led is still known to be its own: as long as
    /// the process has not been reaped.
    pub(crate) fn group_lives(&self) -> bool {
        self.has_its_number()
    }

    fn send_group(&self, signal: Number) -> io::Result<bool> {
        match raw(self.process.pid) {
            Some(group) if self.has_its_number() => {
                match kill_process_group(group, signal) {
                    // What the kernel says of a group in which all wait to be reaped.
                    Err(Errno::PERM) if self.is_gone() => Ok(false),
                    outcome => delivered(outcome),
                }
            }
            _ => Ok(false),
        }
    }

    /// Whether the number still means this process, ended or not.
    fn has_its_number(&self) -> bool {
        info(self.process.pid).is_ok_and(|info| info.started == self.process.started)
    }

    /// Whether it has ended. A process that nobody has reaped yet has.
    pub(crate) fn is_gone(&self) -> bool {
        self.end.as_ref().is_none_or(Notice::has_come)
    }

    /// Waits until it has ended.
    pub(crate) async fn gone(&self) {
        if let Some(end) = &self.end {
            end.come().await;
        }
    }

    /// Waits for the end of a child of this process, and gives what `reap` gave.
    pub(crate) async fn exited(&self, mut reap: impl FnMut() -> Option<Exit>) -> Exit {
        if let Some(exit) = reap() {
            return exit;
        }
        self.gone().await;
        let (mut pause, longest) = REAPING;
        loop {
            if let Some(exit) = reap() {
                return exit;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
    }

    /// Takes the exit of a child of this process from the kernel, if it has ended: once, and
    /// never again.
    pub(crate) fn reap(&self) -> Option<Exit> {
        reap_child(self.process.pid)
    }

    /// Waits for the end of a process that is not our child. How it ended is told to its parent
    /// alone (`EVFILT_PROC`, `NOTE_EXITSTATUS`).
    pub(crate) async fn exited_elsewhere(&self) -> Exit {
        self.gone().await;
        Exit::Unknown
    }
}

fn delivered(outcome: rustix::io::Result<()>) -> io::Result<bool> {
    match outcome {
        Ok(()) => Ok(true),
        Err(Errno::SRCH) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
