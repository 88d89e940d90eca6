//! Starts, pins, signals, awaits and finds processes.
//!
//! A process is pinned by an open handle, which keeps its PID from being reused, and by its
//! creation time. Its group is a job object that contains everything that it starts: the job is
//! created while the process is suspended. Closing the last handle of the job does *not* end its
//! processes, so that services survive their daemon.

mod command;
mod console;
mod handle;
mod job;
mod pipe;
mod scan;
mod table;
#[cfg(test)]
mod tests;

use std::{io, path::Path, ptr};

pub(crate) use command::{
    DEFAULT_PATH, called, enterable, is_no_program, is_place, names, runnable, shell,
};
pub(crate) use console::helper_subcommand;
pub(crate) use handle::Handle;
pub(in crate::platform) use handle::open;
pub(crate) use pipe::{PIPE_SIZE, Pipe, pipe, read, read_rest};
pub(crate) use scan::{Scanner, descendants, mark_of};
pub(crate) use table::started;
use windows_sys::Win32::{
    Foundation::{FILETIME, HANDLE, HANDLE_FLAG_INHERIT, SetHandleInformation},
    System::{
        SystemInformation::GetSystemTimeAsFileTime,
        Threading::{GetCurrentProcess, GetProcessHandleCount},
    },
};

pub(crate) use crate::platform::{
    elsewhere::{is_contained, lineage},
    types::{Runnable, Start},
};

/// The exit code of a killed process, as in the task manager.
const KILLED: u32 = 1;

/// Starts a process, hidden, and pins it. Needs a tokio runtime.
///
/// It has its own hidden console, through which it can be stopped gracefully, and is the first
/// process of a job. After a failure, no process is left running.
pub(crate) fn spawn(start: &Start<'_>) -> io::Result<Handle> {
    let suspended = command::start_suspended(start)?;
    Handle::of_suspended(suspended, start.mark)
}

/// Does nothing: Windows has no children to reap.
pub(crate) fn abandon(_child: &Handle) {}

/// Returns the PID of this process.
pub(crate) fn own_pid() -> u32 {
    std::process::id()
}

/// Returns `None`: on Windows the job object keeps a process from leaving its service through a
/// session.
pub(crate) fn session(_pid: u32) -> Option<u32> {
    None
}

/// Returns `true`: the system does not report the console of another process, so each counts as
/// having one, and none as an orphan.
pub(crate) fn has_terminal(_pid: u32) -> bool {
    true
}

/// Returns `false`: Windows does not reassign orphans.
pub(crate) fn adopts(_parent: u32, _pid: u32) -> bool {
    false
}

/// Creates an endless input: not implemented yet.
pub(crate) fn create_input(_path: &Path) -> io::Result<std::fs::File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Writes to such an input: not implemented yet.
pub(crate) fn write_input(_path: &Path, _text: &[u8]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Returns the current time in the unit of [`crate::model::facts::Process::started`], from the
/// clock of the kernel's process times. Later processes have at least this value.
pub(crate) fn ticks_now() -> u64 {
    let mut now = FILETIME::default();
    // SAFETY: writes to a local variable.
    unsafe { GetSystemTimeAsFileTime(&raw mut now) };
    ticks(now)
}

/// Converts a system time to a number: 100 ns since 1601.
fn ticks(time: FILETIME) -> u64 {
    u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime)
}

/// Keeps programs that this process starts from inheriting its handles so far, including the
/// standard three, which are duplicated for each program.
pub(crate) fn seal_descriptors() {
    /// The distance of two handles, which are multiples of four, assigned from the lowest.
    const STEP: usize = 4;
    const LAST: usize = 64 * 1024;
    let mut left = 0;
    // SAFETY: writes to a local variable.
    unsafe { GetProcessHandleCount(GetCurrentProcess(), &raw mut left) };
    if left == 0 {
        // Wine does not count handles.
        left = u32::MAX;
    }
    for number in (STEP..=LAST).step_by(STEP) {
        if left == 0 {
            break;
        }
        let handle: HANDLE = ptr::without_provenance_mut(number);
        // SAFETY: takes numbers. A number that is not a handle is rejected; a handle stays usable.
        if unsafe { SetHandleInformation(handle, HANDLE_FLAG_INHERIT, 0) } != 0 {
            left -= 1;
        }
    }
}
