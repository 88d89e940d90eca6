//! What the kernel tells about processes.

use std::{
    ffi::OsStr,
    fs, io,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};

use super::Result;

/// All processes for which this holds.
pub(crate) fn processes(is_meant: impl Fn(i32) -> bool) -> io::Result<Vec<i32>> {
    Ok(fs::read_dir("/proc")?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| is_meant(*pid))
        .collect())
}

/// The program that a process runs; `None` for one that has ended, reaped or not.
pub(crate) fn program(pid: i32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/exe")).ok()
}

/// Whether `entry` (`NAME=VALUE`) stands in the environment that a process was started with.
pub(crate) fn has_variable(pid: i32, entry: &OsStr) -> bool {
    fs::read(format!("/proc/{pid}/environ")).is_ok_and(|bytes| {
        bytes
            .split(|byte| *byte == 0)
            .any(|one| one == entry.as_bytes())
    })
}

/// Sends a signal to the process, if it is still the one that is meant: that is asked while its
/// number cannot be given to another.
pub(crate) fn signal(pid: i32, signal: Signal, is_meant: impl Fn(i32) -> bool) -> Result<bool> {
    let number = Pid::from_raw(pid).ok_or("0 is no process")?;
    let Ok(process) = pidfd_open(number, PidfdFlags::empty()) else {
        return Ok(false);
    };
    if !is_meant(pid) {
        return Ok(false);
    }
    Ok(pidfd_send_signal(process, signal).is_ok())
}

/// Waits for the end of a child that has not been reaped, and for no longer than that.
pub(crate) fn ends_within(pid: u32, time: Duration) -> Result<bool> {
    let number = Pid::from_raw(pid.try_into()?).ok_or("0 is no process")?;
    let process = pidfd_open(number, PidfdFlags::empty())?;
    let mut end = [PollFd::new(&process, PollFlags::IN)];
    Ok(poll(&mut end, Some(&time.try_into()?))? > 0)
}

/// The CPU time that a process has used, its ended threads included (`clock_getcpuclockid(3)`).
/// `/proc/PID/schedstat` tells it of a thread, and `stat` only in steps of 10 ms.
pub(crate) fn cpu_time(pid: i32) -> Result<Duration> {
    let mut clock = 0;
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    #[expect(
        unsafe_code,
        reason = "no crate of ours wraps the clocks of other processes"
    )]
    // SAFETY: both calls write to what they are given and keep nothing of it.
    let errors = unsafe {
        (
            libc::clock_getcpuclockid(pid, &raw mut clock),
            libc::clock_gettime(clock, &raw mut time),
        )
    };
    if errors != (0, 0) {
        return Err(format!("the CPU clock of process {pid} cannot be read").into());
    }
    Ok(Duration::new(
        time.tv_sec.try_into()?,
        time.tv_nsec.try_into()?,
    ))
}

/// Its share of memory in KiB: its own, and its part of what it shares.
pub(crate) fn proportional_memory(pid: i32) -> Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = pss.and_then(|pss| pss.split_whitespace().next());
    Ok(kib.ok_or("no Pss in smaps_rollup")?.parse()?)
}

/// Whether a process runs this program, which may have been deleted meanwhile.
pub(crate) fn runs(pid: i32, path: &Path) -> bool {
    program(pid).is_some_and(|program| {
        let program = program.as_os_str().as_bytes();
        program.strip_suffix(b" (deleted)").unwrap_or(program) == path.as_os_str().as_bytes()
    })
}
