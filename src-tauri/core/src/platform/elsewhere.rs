//! The functions that macOS and Windows share, including stubs for those that only Linux supports.

use std::{collections::BTreeSet, fs::File, io, net::SocketAddr, path::Path};

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::{
    OomKill,
    os::process::started,
    types::{Fork, GENERATIONS},
};
use crate::model::facts::Process;

/// Returns a process and its ancestors, each child before its parent. If this user may not read the
/// start time of a process (the `login` of a terminal belongs to root), only the PID is known.
pub(crate) fn lineage(pid: u32) -> io::Result<Vec<Process>> {
    let mut system = System::new().map_err(|error| io::Error::other(error.to_string()))?;
    let mut line = Vec::new();
    let (mut next, mut born) = (Some(Pid::from_u32(pid)), u64::MAX);
    while let Some(pid) = next.filter(|_| line.len() < GENERATIONS) {
        let what = ProcessRefreshKind::nothing().without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, what);
        // After a parent has exited, its PID may be reused by a younger process.
        let process = system.process(pid);
        let Some(process) = process.filter(|process| process.start_time() <= born) else {
            break;
        };
        (next, born) = (process.parent(), process.start_time());
        let pid = pid.as_u32();
        let started = started(pid).unwrap_or_default();
        line.push(Process { pid, started });
    }
    Ok(line)
}

/// Returns the descendants of a process among `all`, which contains each process with the PID of
/// its parent.
pub(super) fn descendants_in(all: &[(Process, u32)], first: Process) -> Vec<Process> {
    let mut found = Vec::new();
    let mut parents = vec![first];
    while let Some(parent) = parents.pop() {
        // The PID of an exited parent may be reused by a younger process.
        let is_child =
            |child: &Process, of: u32| of == parent.pid && child.started >= parent.started;
        for (child, of) in all {
            if is_child(child, *of) && !found.contains(child) {
                found.push(*child);
                parents.push(*child);
            }
        }
    }
    found
}

/// Returns whether the process runs in a nested PID namespace: neither system has any, and Windows
/// does not list processes in WSL.
pub(crate) fn is_contained(_pid: u32) -> bool {
    false
}

/// Returns `None`: the frameworks of macOS do not work in a forked process (`fork(2)`), and Windows
/// cannot copy a process.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature is the same on all platforms"
)]
pub(crate) fn fork_in_background(_errors: File) -> io::Result<Option<Fork>> {
    Ok(None)
}

/// Does nothing: the allocator has no such settings.
pub(crate) fn save_memory() {}

/// Does nothing: the allocator does this itself.
pub(crate) fn give_memory_back() {}

/// Returns nothing: macOS does not report which processes it killed for memory, and Windows kills none.
pub(crate) fn killings() -> Vec<OomKill> {
    Vec::new()
}

/// Returns `None`: there is no such counter.
pub(crate) fn killing_count() -> Option<(u64, String)> {
    None
}

/// Whether one watch covers a folder with all its subfolders.
pub(crate) const WATCHES_TREES: bool = true;

/// Returns whether the operating system reports changes below a path. A network drive that reports
/// none is not recognized.
pub(crate) fn has_events(_path: &Path) -> bool {
    true
}

/// Returns `None`: a listener can only be found among all sockets, which costs more than a
/// connection.
pub(crate) fn accepts(_address: SocketAddr) -> Option<bool> {
    None
}

/// Returns the remote port of every established connection of these processes: not implemented yet.
pub(crate) fn connections(_processes: &BTreeSet<Process>) -> io::Result<Vec<u16>> {
    Err(io::ErrorKind::Unsupported.into())
}
