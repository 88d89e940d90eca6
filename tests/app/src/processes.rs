//! Processes of the test, by PID.

use std::{fs, path::Path};

use rustix::process::{Pid, Signal, kill_process};

/// Returns whether a process is running, and not only waiting to be reaped.
#[must_use]
pub fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest.as_bytes()[0]);
    !matches!(state, None | Some(b'Z' | b'X'))
}

/// Sends a signal to a process of the test, which may have exited.
pub fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let _ = kill_process(pid.expect("a process"), signal);
}

/// Kills a process of the test, which may have exited.
pub fn kill(pid: u32) {
    signal(pid, Signal::KILL);
}

/// Returns the processes that have this home in their environment, or are services with a tag of one of its stacks.
/// (Redis overwrites its environment with its title, but keeps the tag.)
#[must_use]
pub fn of_home(home: &Path, stacks: &[String]) -> Vec<u32> {
    let variable = format!("PILOTLIGHT_HOME={}", home.display());
    let belongs = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let mut entries = environment.split(|byte| *byte == 0);
        entries.any(|entry| entry == variable.as_bytes()) || tagged(*pid, stacks)
    };
    let entries = fs::read_dir("/proc").expect("/proc");
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| lives(*pid) && belongs(pid)).collect()
}

fn tagged(pid: u32, stacks: &[String]) -> bool {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd"));
    let mut files = descriptors
        .into_iter()
        .flatten()
        .filter_map(|descriptor| fs::read_link(descriptor.ok()?.path()).ok());
    files.any(|file| {
        let file = file.to_string_lossy();
        stacks
            .iter()
            .any(|stack| file.contains(&format!("pilotlight:{stack}/")))
    })
}
