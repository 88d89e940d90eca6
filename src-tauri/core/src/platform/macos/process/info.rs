//! Process details from the kernel (`libproc.h`, `sys/proc_info.h`, `sysctl(3)`).

use std::{ffi::c_void, io, mem::MaybeUninit, ptr};

/// Includes zombies (`proc_pidinfo`'s `arg` in `xnu`).
const WITH_ENDED: u64 = 1;

/// `NODEV` of `sys/param.h`, which is -1.
const NO_DEVICE: u32 = u32::MAX;

/// Details of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Info {
    pub(super) pid: u32,
    pub(super) parent: u32,
    pub(super) group: u32,
    pub(super) started: u64,
    /// The device of its terminal; [`NO_DEVICE`] if it has none.
    terminal: u32,
    /// Whether it is a zombie.
    pub(super) has_ended: bool,
}

/// Returns the process with this PID. Fails if there is none, or if it belongs to another user.
pub(super) fn info(pid: u32) -> io::Result<Info> {
    let number = i32::try_from(pid).map_err(|_| io::ErrorKind::NotFound)?;
    let mut told = MaybeUninit::<libc::proc_bsdinfo>::uninit();
    let length =
        libc::c_int::try_from(size_of::<libc::proc_bsdinfo>()).map_err(io::Error::other)?;
    // SAFETY: at most `length` bytes are written to `told`, which has them.
    let written = unsafe {
        libc::proc_pidinfo(
            number,
            libc::PROC_PIDTBSDINFO,
            WITH_ENDED,
            told.as_mut_ptr().cast::<c_void>(),
            length,
        )
    };
    if written < length {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: all of it was written.
    let told = unsafe { told.assume_init() };
    Ok(Info {
        pid,
        parent: told.pbi_ppid,
        group: told.pbi_pgid,
        started: told.pbi_start_tvsec * 1_000_000 + told.pbi_start_tvusec,
        terminal: told.e_tdev,
        has_ended: told.pbi_status == libc::SZOMB,
    })
}

/// Returns when the process with this PID started, in microseconds since 1970. Fails if there is
/// none, or if it belongs to another user.
pub(crate) fn started(pid: u32) -> io::Result<u64> {
    Ok(info(pid)?.started)
}

/// Returns whether the process has a controlling terminal. An unreadable process counts as one with
/// a terminal.
pub(crate) fn has_terminal(pid: u32) -> bool {
    info(pid).map_or(true, |info| info.terminal != NO_DEVICE)
}

/// Returns all PIDs.
pub(in crate::platform) fn all() -> io::Result<Vec<u32>> {
    let mut pids: Vec<libc::pid_t> = vec![0; 1024];
    loop {
        let room = libc::c_int::try_from(size_of_val(&*pids)).map_err(io::Error::other)?;
        // SAFETY: at most `room` bytes are written to `pids`, which has them.
        let count = unsafe { libc::proc_listallpids(pids.as_mut_ptr().cast::<c_void>(), room) };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        // A full list may be incomplete.
        if count < pids.len() {
            pids.truncate(count);
            let pids = pids.into_iter().filter(|pid| *pid > 0);
            return Ok(pids.filter_map(|pid| u32::try_from(pid).ok()).collect());
        }
        pids.resize(pids.len() * 2, 0);
    }
}

/// Reads arguments and environments of processes, with one buffer.
pub(super) struct Arguments(Vec<u8>);

impl Arguments {
    pub(super) fn new() -> Self {
        let mut largest: libc::c_int = 0;
        let mut length = size_of::<libc::c_int>();
        let mut name = [libc::CTL_KERN, libc::KERN_ARGMAX];
        // SAFETY: a name of two numbers, and room for the returned number.
        let outcome = unsafe {
            libc::sysctl(
                name.as_mut_ptr(),
                2,
                (&raw mut largest).cast::<c_void>(),
                &raw mut length,
                ptr::null_mut(),
                0,
            )
        };
        let largest = usize::try_from(largest).ok().filter(|_| outcome == 0);
        Self(vec![0; largest.unwrap_or(1024 * 1024)])
    }

    /// Returns the initial environment of a process as `NAME=value` entries. `None` if this user
    /// may not read it: the process belongs to another user, or is a protected system program.
    pub(super) fn environment(&mut self, pid: u32) -> Option<impl Iterator<Item = &[u8]>> {
        let mut name = [
            libc::CTL_KERN,
            libc::KERN_PROCARGS2,
            i32::try_from(pid).ok()?,
        ];
        let mut length = self.0.len();
        // SAFETY: a name of three numbers, and at most `length` bytes are written to the buffer,
        // which has them.
        let outcome = unsafe {
            libc::sysctl(
                name.as_mut_ptr(),
                3,
                self.0.as_mut_ptr().cast::<c_void>(),
                &raw mut length,
                ptr::null_mut(),
                0,
            )
        };
        if outcome != 0 {
            return None;
        }
        environment_of(self.0.get(..length)?)
    }
}

/// Returns the environment entries of the kernel's answer: the argument count, the path of the
/// program, zeros, the arguments, the environment, and internal data of the kernel after an empty
/// entry.
fn environment_of(text: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    let (count, text) = text.split_first_chunk()?;
    let words = usize::try_from(i32::from_ne_bytes(*count)).ok()?;
    let path = text.iter().position(|byte| *byte == 0)?;
    let text = text.get(path..)?;
    let first = text.iter().position(|byte| *byte != 0)?;
    let texts = text.get(first..)?.split(|byte| *byte == 0);
    Some(texts.skip(words).take_while(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_follows_the_arguments() {
        let mut text = 2_i32.to_ne_bytes().to_vec();
        text.extend(b"/bin/sleep\0\0\0\0sleep\x005\0HOME=/x\0A=\0\0ptr=1\0");
        let environment: Vec<_> = environment_of(&text).unwrap().collect();
        assert_eq!(environment, [&b"HOME=/x"[..], b"A="]);
        assert!(environment_of(&text[..3]).is_none());
        assert!(environment_of(&text[..10]).is_none());
    }

    #[test]
    fn this_process_is_listed_with_its_start() {
        let own = std::process::id();
        assert!(all().unwrap().contains(&own));
        let info = info(own).unwrap();
        assert!(info.started <= super::super::ticks_now());
        assert!(!info.has_ended);
    }
}
