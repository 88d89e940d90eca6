//! The present program, where Linux can do more than Unix.

use std::{
    env,
    fs::{self, File},
    io, mem,
};

use rustix::{
    pipe::{PipeFlags, pipe_with},
    stdio::{dup2_stderr, dup2_stdin, dup2_stdout},
};

pub(crate) use crate::platform::unix::program::{
    Endings, ForkOutput, Resizes, assume_identity, begin_anew, close_output, detach,
    raise_file_limit, spawn_in_background,
};
use crate::{model::facts::Mark, platform::start::Fork};

/// Goes on as two processes: this one, and a copy in the background as
/// [`spawn_in_background`] starts one, without a program to load once more.
///
/// `None` where no copy is possible: this process has more than one thread, or carries the mark of
/// a service, which the copy could not lay down.
pub(crate) fn fork_in_background(errors: File) -> io::Result<Option<Fork>> {
    if env::var_os(Mark::VARIABLE).is_some() || fs::read_dir("/proc/self/task")?.count() != 1 {
        return Ok(None);
    }
    let (output, input) = pipe_with(PipeFlags::CLOEXEC)?;
    let nothing = File::open("/dev/null")?;
    // SAFETY: there is no other thread that could hold a lock which the copy would wait for.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let replaced = dup2_stdin(&nothing)
                .and_then(|()| dup2_stdout(&input))
                .and_then(|()| dup2_stderr(&errors));
            // Whatever was inherited would be held open for as long as the copy lives.
            mem::forget((output, input, nothing, errors));
            // SAFETY: of all that is open from 3 on, the four above were the only ones with an owner
            // in this program, and they are forgotten.
            let closed = unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0) };
            if replaced.is_err() || closed != 0 {
                // SAFETY: ends this process; it must not go on as its starter.
                unsafe { libc::_exit(1) };
            }
            Ok(Some(Fork::Copy))
        }
        _ => Ok(Some(Fork::Original(ForkOutput::new(output)))),
    }
}

/// Has the allocator keep less for later: one pool for all threads, and large pieces given back at
/// once. To be called before there is a second thread.
pub(crate) fn save_memory() {
    #[cfg(target_env = "gnu")]
    for (parameter, value) in [
        (libc::M_ARENA_MAX, 1),
        (libc::M_MMAP_THRESHOLD, 128 * 1024),
        (libc::M_TRIM_THRESHOLD, 128 * 1024),
    ] {
        // SAFETY: takes two numbers; what it does not know it leaves alone.
        unsafe { libc::mallopt(parameter, value) };
    }
}

/// Gives memory that is free back to the system.
pub(crate) fn give_memory_back() {
    // SAFETY: takes a number; safe in any thread at any time.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0)
    };
}
