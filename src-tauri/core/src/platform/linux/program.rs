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

/// Gives back to the system what is free, and the pages of code that were in use so far: what the start
/// needed and nothing runs any more stays out. The others come back from the page cache with their
/// next use, sixteen at a time.
pub(crate) fn give_memory_back() {
    // SAFETY: takes a number; safe in any thread at any time.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0)
    };
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    for (start, length) in maps.lines().filter_map(code) {
        // SAFETY: what is mapped from a file, and may be run and not written, is what the file has. The
        // file is not written while it is mapped to be run (`ETXTBSY`); one that was replaced lives
        // on as long as it is mapped.
        unsafe { libc::madvise(start as *mut libc::c_void, length, libc::MADV_DONTNEED) };
    }
}

/// Where code of a file is mapped, from a line of `proc_pid_maps(5)`: its start and its length.
fn code(line: &str) -> Option<(usize, usize)> {
    let mut fields = line.split_ascii_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let is_code = fields.next()? == "r-xp" && fields.nth(3)?.starts_with('/');
    let number = |digits| usize::from_str_radix(digits, 16).ok();
    let (start, end) = (number(start)?, number(end)?);
    is_code.then_some((start, end.checked_sub(start)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_that_is_a_file_s_is_given_back() {
        let line = |rights, path| format!("7f00-8f00 {rights} 00001000 fe:00 42 {path}");
        assert_eq!(
            code(&line("r-xp", "/usr/lib/libc.so.6")),
            Some((0x7f00, 0x1000))
        );
        assert_eq!(code(&line("r--p", "/usr/lib/libc.so.6")), None);
        assert_eq!(code(&line("rwxp", "/usr/lib/libc.so.6")), None);
        assert_eq!(code(&line("r-xp", "[vdso]")), None);
        assert_eq!(code(&line("r-xp", "")), None);
    }

    #[test]
    fn what_was_given_back_runs_again() {
        give_memory_back();
        assert_eq!(format!("{:?}", vec![1, 2, 3]), "[1, 2, 3]");
    }
}
