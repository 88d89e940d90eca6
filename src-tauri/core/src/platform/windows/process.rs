//! Processes: start, pin, signal, wait, find.
//!
//! A process is pinned by an open handle, which keeps its number from being given to another, and
//! by the time of its creation. Its group is a job object, which everything that it starts is in
//! from its first instruction on: it is made while the process is still suspended. The job does
//! *not* end its processes when its last handle is closed, so that a daemon's death ends no service.

mod command;
mod console;
mod handle;
mod job;
mod pipe;
mod scan;
mod table;
#[cfg(test)]
mod tests;

use std::{io, ptr};

pub(crate) use command::{
    DEFAULT_PATH, called, enterable, is_no_program, is_place, names, runnable, shell,
};
pub(crate) use console::errand;
pub(crate) use handle::Handle;
pub(in crate::platform) use handle::open;
pub(crate) use pipe::{PIPE_SIZE, Pipe, pipe, read_rest};
pub(crate) use scan::{Scanner, descendants, mark_of};
pub(crate) use table::started;
use windows_sys::Win32::{
    Foundation::{FILETIME, HANDLE, HANDLE_FLAG_INHERIT, SetHandleInformation},
    System::{
        SystemInformation::GetSystemTimeAsFileTime,
        Threading::{GetCurrentProcess, GetProcessHandleCount},
    },
};

pub(crate) use crate::platform::types::{Runnable, Start};

/// The code that a killed process ends with, as the task manager gives it.
const KILLED: u32 = 1;

/// Starts a process, hidden, as [`Start`] says, and pins it. Needs a tokio runtime.
///
/// It has a console of its own that nobody sees, by which it can be asked to leave, and is the
/// first of a job. Where this fails, nothing is left running.
pub(crate) fn spawn(start: &Start<'_>) -> io::Result<Handle> {
    let suspended = command::start_suspended(start)?;
    Handle::of_suspended(suspended, start.mark)
}

/// Nothing: there is no child to reap on Windows.
pub(crate) fn abandon(_child: &Handle) {}

/// This process.
pub(crate) fn own_pid() -> u32 {
    std::process::id()
}

/// Returns the session that a process leads: none, since a process cannot leave its service by a
/// session here. The job object prevents that.
pub(crate) fn session(_pid: u32) -> Option<u32> {
    None
}

/// Returns whether the process has a terminal. The system does not report the console of another
/// process, so each counts as having one, and none as an orphan.
pub(crate) fn has_terminal(_pid: u32) -> bool {
    true
}

/// Returns whether the process runs in a nested pid namespace: Windows has none, and processes in WSL
/// are not among its own.
pub(crate) fn is_contained(_pid: u32) -> bool {
    false
}

/// Returns whether `parent` adopted the process after the original parent exited: Windows reassigns no
/// orphans.
pub(crate) fn adopts(_parent: u32, _pid: u32) -> bool {
    false
}

/// Opens an input that does not end: not supported yet, so that there is nothing to read.
pub(crate) fn endless_input() -> io::Result<std::fs::File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The present moment in the unit of [`crate::model::facts::Process::started`]. Whatever starts
/// later has at least this: it is read from the clock that the kernel stamps processes with.
pub(crate) fn ticks_now() -> u64 {
    let mut now = FILETIME::default();
    // SAFETY: writes to a place that is ours.
    unsafe { GetSystemTimeAsFileTime(&raw mut now) };
    ticks(now)
}

/// A time of the system as one number: 100 ns since 1601.
fn ticks(time: FILETIME) -> u64 {
    u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime)
}

/// Keeps every handle that this process has inherited or opened so far out of the programs that it
/// starts, the standard three too: what a program is given as its own is duplicated for it.
pub(crate) fn seal_descriptors() {
    /// Handles are multiples of four, given from the lowest on.
    const STEP: usize = 4;
    const LAST: usize = 64 * 1024;
    let mut left = 0;
    // SAFETY: writes to a place that is ours; a process may ask this of itself.
    unsafe { GetProcessHandleCount(GetCurrentProcess(), &raw mut left) };
    if left == 0 {
        // Wine does not count them.
        left = u32::MAX;
    }
    for number in (STEP..=LAST).step_by(STEP) {
        if left == 0 {
            break;
        }
        let handle: HANDLE = ptr::without_provenance_mut(number);
        // SAFETY: takes numbers; what is no handle is refused, and what is one stays usable.
        if unsafe { SetHandleInformation(handle, HANDLE_FLAG_INHERIT, 0) } != 0 {
            left -= 1;
        }
    }
}
