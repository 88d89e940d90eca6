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
        unix::process::{delivered, number, raw, reap_child},
    },
    stack::Signal,
};

/// The pause between two attempts to reap grows from the first to the second value: the kernel
/// reports an exit a moment before the process can be reaped, and long before if a debugger holds
/// it.
const REAPING: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(100));

/// A pinned process: operations reach this process or none, except for the moment between the check
/// of its start time and the signal.
#[derive(Debug)]
pub(crate) struct Handle {
    process: Process,
    /// The event of its exit; `None` if it had already exited when it was pinned.
    end: Option<Notice>,
}

impl Handle {
    /// Pins the process; `None` if it has exited or its PID was reused. Needs a tokio runtime.
    pub(crate) fn pin(process: Process) -> io::Result<Option<Self>> {
        let Some(pid) = raw(process.pid) else {
            return Ok(None);
        };
        let end = match Notice::of_exit(pid) {
            Ok(end) => Some(end),
            Err(error) if Errno::from_io_error(&error) == Some(Errno::SRCH) => None,
            Err(error) => return Err(error),
        };
        // The order matters: if the PID still refers to this process now, it did when the notice
        // was requested.
        if started(process.pid).ok() != Some(process.started) {
            return Ok(None);
        }
        Ok(Some(Self { process, end }))
    }

    /// Returns the process.
    pub(crate) fn process(&self) -> Process {
        self.process
    }

    /// Sends a signal to this process only. Returns `false` if it has exited.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<bool> {
        self.send(number(signal))
    }

    /// Suspends it until it is killed, so that it cannot start other processes. Returns `false` if
    /// it has exited.
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

    /// Sends a signal to all processes of the group that this process leads or led, in one step.
    /// Returns `false` if the group is empty or can no longer be identified.
    pub(crate) fn signal_group(&self, signal: Signal) -> io::Result<bool> {
        self.send_group(number(signal))
    }

    /// Suspends the whole group, as [`Handle::freeze`] does.
    pub(crate) fn freeze_group(&self) -> io::Result<bool> {
        self.send_group(Number::STOP)
    }

    /// Returns whether the group that this process leads or led can be identified: until the
    /// process is reaped.
    pub(crate) fn group_lives(&self) -> bool {
        self.has_its_number()
    }

    fn send_group(&self, signal: Number) -> io::Result<bool> {
        match raw(self.process.pid) {
            Some(group) if self.has_its_number() => {
                match kill_process_group(group, signal) {
                    // The kernel reports this error for a group of zombies.
                    Err(Errno::PERM) if self.is_gone() => Ok(false),
                    outcome => delivered(outcome),
                }
            }
            _ => Ok(false),
        }
    }

    /// Returns whether the PID still refers to this process, running or not.
    fn has_its_number(&self) -> bool {
        info(self.process.pid).is_ok_and(|info| info.started == self.process.started)
    }

    /// Returns whether it has exited, even if it was not reaped.
    pub(crate) fn is_gone(&self) -> bool {
        self.end.as_ref().is_none_or(Notice::has_come)
    }

    /// Waits until it has exited.
    pub(crate) async fn gone(&self) {
        if let Some(end) = &self.end {
            end.come().await;
        }
    }

    /// Waits until a child of this process has exited, and returns the result of `reap`.
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

    /// Reaps a child of this process if it has exited. Works only once.
    pub(crate) fn reap(&self) -> Option<Exit> {
        reap_child(self.process.pid)
    }

    /// Waits until a process that is not our child exits. Its exit is reported only to its parent
    /// (`EVFILT_PROC`, `NOTE_EXITSTATUS`).
    pub(crate) async fn exited_elsewhere(&self) -> Exit {
        self.gone().await;
        Exit::Unknown
    }
}
