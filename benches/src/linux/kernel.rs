//! Process information from the kernel.

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

/// Returns all processes that match.
pub(crate) fn processes(matches: impl Fn(i32) -> bool) -> io::Result<Vec<i32>> {
    Ok(fs::read_dir("/proc")?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| matches(*pid))
        .collect())
}

/// Returns the program that a process runs; `None` if the process has exited, reaped or not.
pub(crate) fn program(pid: i32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/exe")).ok()
}

/// Returns whether the initial environment of a process contains `entry` (`NAME=VALUE`).
pub(crate) fn has_variable(pid: i32, entry: &OsStr) -> bool {
    fs::read(format!("/proc/{pid}/environ")).is_ok_and(|bytes| {
        bytes
            .split(|byte| *byte == 0)
            .any(|one| one == entry.as_bytes())
    })
}

/// Sends a signal to the process if it still matches, which is checked while its PID cannot be reused.
pub(crate) fn signal(pid: i32, signal: Signal, matches: impl Fn(i32) -> bool) -> Result<bool> {
    let number = Pid::from_raw(pid).ok_or("0 is no process")?;
    let Ok(process) = pidfd_open(number, PidfdFlags::empty()) else {
        return Ok(false);
    };
    if !matches(pid) {
        return Ok(false);
    }
    Ok(pidfd_send_signal(process, signal).is_ok())
}

/// Waits until a child that has not been reaped exits. Returns `false` after `time`.
pub(crate) fn ends_within(pid: u32, time: Duration) -> Result<bool> {
    let number = Pid::from_raw(pid.try_into()?).ok_or("0 is no process")?;
    let process = pidfd_open(number, PidfdFlags::empty())?;
    let mut end = [PollFd::new(&process, PollFlags::IN)];
    Ok(poll(&mut end, Some(&time.try_into()?))? > 0)
}

/// Returns the CPU time of a process, including that of exited threads (`clock_getcpuclockid(3)`).
/// `/proc/PID/schedstat` covers a single thread, and `stat` counts in steps of 10 ms.
pub(crate) fn cpu_time(pid: i32) -> Result<Duration> {
    let mut clock = 0;
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    #[expect(
        unsafe_code,
        reason = "rustix does not wrap the clocks of other processes"
    )]
    // SAFETY: both calls write to valid pointers and do not keep them.
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

/// Returns the memory of a process in KiB: private memory and its share of shared memory.
pub(crate) fn proportional_memory(pid: i32) -> Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = pss.and_then(|pss| pss.split_whitespace().next());
    Ok(kib.ok_or("no Pss in smaps_rollup")?.parse()?)
}

/// Returns whether a process runs this program, even if its file has been deleted.
pub(crate) fn runs(pid: i32, path: &Path) -> bool {
    program(pid).is_some_and(|program| {
        let program = program.as_os_str().as_bytes();
        program.strip_suffix(b" (deleted)").unwrap_or(program) == path.as_os_str().as_bytes()
    })
}
