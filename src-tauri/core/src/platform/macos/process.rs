//! Starts, pins, signals, awaits and finds processes.
//!
//! macOS has no equivalent of a pidfd, so a PID may be reused at any time. So the start time of a
//! process is compared right before each signal, and the kernel reports the exit of exactly the
//! requested process (`kqueue(2)`, `EVFILT_PROC`).

mod handle;
mod info;
mod scan;

use std::{ffi::CString, fs, io};

pub(crate) use handle::Handle;
pub(in crate::platform) use info::all;
pub(crate) use info::{has_terminal, started};
pub(crate) use scan::{Scanner, descendants, mark_of};

pub(crate) use crate::platform::{
    types::Start,
    unix::process::{
        DEFAULT_PATH, PIPE_SIZE, Pipe, Runnable, called, enterable, helper_subcommand,
        is_no_program, is_place, names, own_pid, pipe, read_rest, runnable, session, shell,
    },
};
use crate::{
    host::clock,
    model::facts::Process,
    platform::unix::{
        process::{abandon_child, kill_child, reap_abandoned},
        spawn::spawn_child,
    },
};

/// Starts a process, hidden, and pins it. Its program runs when this returns. Needs a tokio
/// runtime.
///
/// After a failure, nothing is left running.
pub(crate) fn spawn(start: &Start<'_>) -> io::Result<Handle> {
    reap_abandoned();
    let pid = spawn_child(start, None)?;
    // The PID cannot be reused before the child is reaped, so there is no hurry here.
    let pinned = started(pid)
        .and_then(|started| Handle::pin(Process { pid, started }))
        .and_then(|handle| handle.ok_or_else(|| io::ErrorKind::NotFound.into()));
    if pinned.is_err() {
        kill_child(pid);
    }
    pinned
}

/// Reaps a child at a later [`spawn`], once it has exited, since no task will wait for it.
pub(crate) fn abandon(child: &Handle) {
    abandon_child(child.process().pid);
}

/// Returns whether the process runs in a nested pid namespace: macOS has none.
pub(crate) fn is_contained(_pid: u32) -> bool {
    false
}

/// Returns whether `parent` adopted the process after the original parent exited: orphans go to the
/// first process.
pub(crate) fn adopts(parent: u32, _pid: u32) -> bool {
    parent == 1
}

/// Opens an input from which nothing is ever read, and which does not end: a named pipe whose only
/// descriptor is its reader and its writer. Its name is removed at once.
pub(crate) fn endless_input() -> io::Result<fs::File> {
    let name = format!("pilotlight-{}-{}", std::process::id(), ticks_now());
    let path = std::env::temp_dir().join(name);
    let c_path = CString::new(path.as_os_str().as_encoded_bytes())?;
    // SAFETY: the path ends with NUL and lives until the call returns.
    if unsafe { libc::mkfifo(c_path.as_ptr(), 0o600) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let input = fs::File::options().read(true).write(true).open(&path);
    fs::remove_file(&path)?;
    input
}

/// Returns the current time in the unit of [`Process::started`], microseconds since the year
/// 1970. Later processes have at least this value, unless the clock is set back.
pub(crate) fn ticks_now() -> u64 {
    let since_1970 = clock::now().wall.duration_since(std::time::UNIX_EPOCH);
    let microseconds = since_1970.map_or(0, |since| since.as_micros());
    u64::try_from(microseconds).unwrap_or(u64::MAX)
}

/// Keeps every descriptor that this process has inherited or opened so far, except the standard
/// three, out of the programs that it starts (`fcntl(2)`, `FD_CLOEXEC`).
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
