//! The current program: functions that only Linux has.

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
    Endings, ForkOutput, Keys, Resizes, assume_identity, begin_anew, close_output, detach,
    exit_code, hide, raise_file_limit, spawn_in_background,
};
use crate::{model::facts::Mark, platform::types::Fork};

/// Forks this process: the original continues, and the copy runs in the background, as
/// [`spawn_in_background`] starts one, without loading the program again.
///
/// Returns `None` if no copy is possible: this process has more than one thread, or has the mark of
/// a service, which the copy could not remove.
pub(crate) fn fork_in_background(errors: File) -> io::Result<Option<Fork>> {
    if env::var_os(Mark::VARIABLE).is_some() || fs::read_dir("/proc/self/task")?.count() != 1 {
        return Ok(None);
    }
    let (output, input) = pipe_with(PipeFlags::CLOEXEC)?;
    let nothing = File::open("/dev/null")?;
    // SAFETY: no other thread exists that could hold a lock which the copy would wait for.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let replaced = dup2_stdin(&nothing)
                .and_then(|()| dup2_stdout(&input))
                .and_then(|()| dup2_stderr(&errors));
            // Inherited descriptors would stay open for as long as the copy lives.
            mem::forget((output, input, nothing, errors));
            // SAFETY: of the descriptors from 3 on, only the four above had an owner in this program,
            // and they are forgotten.
            let closed = unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0) };
            if replaced.is_err() || closed != 0 {
                // SAFETY: ends this process, which must not continue as its parent did.
                unsafe { libc::_exit(1) };
            }
            Ok(Some(Fork::Copy))
        }
        _ => Ok(Some(Fork::Original(ForkOutput::new(output)))),
    }
}

/// Configures the allocator to cache less: one arena for all threads, and large blocks returned at
/// once. Must be called before a second thread exists.
pub(crate) fn save_memory() {
    #[cfg(target_env = "gnu")]
    for (parameter, value) in [
        (libc::M_ARENA_MAX, 1),
        (libc::M_MMAP_THRESHOLD, 128 * 1024),
        (libc::M_TRIM_THRESHOLD, 128 * 1024),
    ] {
        // SAFETY: takes two integers; unknown values have no effect.
        unsafe { libc::mallopt(parameter, value) };
    }
}

/// Returns free memory and the code pages used so far to the system, so that code needed only at
/// start-up takes no memory. Other pages are mapped again from the page cache on their next use,
/// sixteen at a time.
pub(crate) fn give_memory_back() {
    // SAFETY: takes an integer; safe in any thread at any time.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0)
    };
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    for (start, length) in maps.lines().filter_map(code) {
        // SAFETY: the executable, read-only mappings of a file have the file's content. The file cannot
        // be written while it is mapped executable (`ETXTBSY`); a replaced file lives as long as it is
        // mapped.
        unsafe { libc::madvise(start as *mut libc::c_void, length, libc::MADV_DONTNEED) };
    }
}

/// Returns the start and length of a code mapping, from a line of `proc_pid_maps(5)`.
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
    fn only_code_mapped_from_a_file_is_released() {
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
    fn released_code_still_runs() {
        give_memory_back();
        assert_eq!(format!("{:?}", vec![1, 2, 3]), "[1, 2, 3]");
    }
}
