//! Starts, pins, signals, awaits and finds processes.
//!
//! macOS has no equivalent of a pidfd, so a PID may be reused at any time. So the start time of a
//! process is compared right before each signal, and the kernel reports the exit of exactly the
//! requested process (`kqueue(2)`, `EVFILT_PROC`).

mod handle;
mod info;
mod scan;

use std::{fs, io};

pub(crate) use handle::Handle;
pub(in crate::platform) use info::all;
pub(crate) use info::{has_terminal, started};
pub(crate) use scan::{Scanner, descendants, mark_of};

pub(crate) use crate::platform::{
    elsewhere::{is_contained, lineage},
    types::Start,
    unix::process::{
        DEFAULT_PATH, PIPE_SIZE, Pipe, Runnable, called, create_input, enterable,
        helper_subcommand, is_no_program, is_place, names, own_pid, pipe, read, read_rest,
        runnable, session, shell, write_input,
    },
    unix::spawn::abandon,
};
use crate::{host::clock, platform::unix::spawn::spawn_pinned};

/// Starts a process; see [`spawn_pinned`].
pub(crate) fn spawn(start: &Start<'_>) -> io::Result<Handle> {
    spawn_pinned(start, None)
}

/// Returns whether `parent` adopted the process after the original parent exited: orphans go to the
/// first process.
pub(crate) fn adopts(parent: u32, _pid: u32) -> bool {
    parent == 1
}

/// Returns the current time in the unit of [`crate::model::facts::Process::started`], microseconds since
/// the year 1970. Later processes have at least this value, unless the clock is set back.
pub(crate) fn ticks_now() -> u64 {
    let since_1970 = clock::now().wall.duration_since(std::time::UNIX_EPOCH);
    let microseconds = since_1970.map_or(0, |since| since.as_micros());
    u64::try_from(microseconds).unwrap_or(u64::MAX)
}

/// Keeps programs that this process starts from inheriting its descriptors so far, except the
/// standard three (`fcntl(2)`, `FD_CLOEXEC`).
pub(crate) fn seal_descriptors() {
    let Ok(folder) = fs::read_dir("/dev/fd") else {
        return;
    };
    let numbers = folder.flatten().filter_map(|entry| {
        let name = entry.file_name();
        name.to_str()?.parse::<libc::c_int>().ok()
    });
    for descriptor in numbers.filter(|descriptor| *descriptor > 2) {
        // SAFETY: takes plain numbers; setting close-on-exec closes nothing.
        unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}
