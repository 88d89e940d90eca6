//! Starts, pins, signals, awaits and finds processes.
//!
//! A process is pinned by a pidfd (`pidfd_open(2)`), which never refers to another process, and
//! found in `/proc` (`proc_pid_stat(5)`, `proc_pid_environ(5)`).

mod handle;
mod scan;
mod standing;
mod stat;
mod tag;

use std::{io, os::fd::AsFd as _};

pub(crate) use handle::Handle;
use rustix::time::ClockId;
pub(crate) use scan::{Scanner, descendants, lineage, mark_of, started};
pub(crate) use standing::{adopts, has_terminal, is_contained};

use crate::platform::unix::spawn::spawn_pinned;
pub(crate) use crate::platform::{
    types::Start,
    unix::process::{
        DEFAULT_PATH, PIPE_SIZE, Pipe, Runnable, called, create_input, enterable,
        helper_subcommand, is_no_program, is_place, names, own_pid, pipe, read, read_rest,
        runnable, session, shell, write_input,
    },
    unix::spawn::abandon,
};

/// Clock ticks per second in `/proc`: `USER_HZ`, 100 on every platform that Rust supports.
const TICKS_PER_SECOND: u64 = 100;

/// Starts a process; see [`spawn_pinned`].
pub(crate) fn spawn(start: &Start<'_>) -> io::Result<Handle> {
    let tag = tag::make(start.mark);
    let tag = tag.as_ref().map(|tag| (tag.as_fd(), tag::DESCRIPTOR));
    spawn_pinned(start, tag)
}

/// Returns the current time in the unit of [`crate::model::facts::Process::started`]. Later processes
/// have at least this value.
pub(crate) fn ticks_now() -> u64 {
    let since_boot = rustix::time::clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(since_boot.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(since_boot.tv_nsec).unwrap_or(0);
    seconds * TICKS_PER_SECOND + nanoseconds / (1_000_000_000 / TICKS_PER_SECOND)
}

/// Keeps programs that this process starts from inheriting its descriptors so far, except the
/// standard three (`close_range(2)` with `CLOSE_RANGE_CLOEXEC`).
pub(crate) fn seal_descriptors() {
    // SAFETY: takes plain numbers; setting close-on-exec closes nothing. An older kernel returns an
    // error, which changes nothing.
    unsafe {
        libc::syscall(
            libc::SYS_close_range,
            3_u32,
            u32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        );
    }
}
