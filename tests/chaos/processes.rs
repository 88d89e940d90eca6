//! Processes from `/proc`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// A process that runs a program of the stage.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    /// Program and arguments.
    pub(crate) argv: Vec<String>,
}

impl Process {
    /// The service that the process belongs to, and its PID.
    pub(crate) fn told(&self) -> String {
        let service = self.argv.get(2).map_or("?", String::as_str);
        format!("{service} ({})", self.pid)
    }
}

/// Returns the processes that run this file, by PID, without zombies.
pub(crate) fn of_program(program: &Path) -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut found: Vec<_> = pids
        .filter(|pid| runs(*pid, program))
        .map(|pid| Process {
            pid,
            argv: argv(pid),
        })
        .collect();
    found.sort_by_key(|process| process.pid);
    found
}

fn runs(pid: u32, program: &Path) -> bool {
    let file = fs::read_link(format!("/proc/{pid}/exe"));
    file.is_ok_and(|file: PathBuf| file == program) && !matches!(state(pid), None | Some('Z' | 'X'))
}

fn argv(pid: u32) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = bytes.split(|byte| *byte == 0);
    words
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect()
}

/// Returns whether it leads a session. State, parent, group and session are the fields after the name:
/// proc(5).
pub(crate) fn leads_a_session(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let session = stat
        .rsplit_once(") ")
        .and_then(|(_, rest)| rest.split(' ').nth(3)?.parse().ok());
    session == Some(pid)
}

/// Returns the state of a process as its letter in proc(5): `T` is stopped, `Z` a zombie.
pub(crate) fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Signals a process if it still runs this program, and not another process that has reused its PID.
pub(crate) fn signal(pid: u32, program: &Path, signal: Signal) {
    let number = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let Some(Ok(descriptor)) = number.map(|pid| pidfd_open(pid, PidfdFlags::empty())) else {
        return;
    };
    if runs(pid, program) {
        // It may exit by itself meanwhile.
        let _ = pidfd_send_signal(&descriptor, signal);
    }
}
