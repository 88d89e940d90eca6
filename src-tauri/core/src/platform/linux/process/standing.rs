//! Facts about the surroundings of a process: its terminal, its namespace, and whether it is an orphan.

use std::fs;

use super::stat::Stat;

/// Returns whether the process has a controlling terminal (`proc_pid_stat(5)`, the seventh field).
/// An unreadable process counts as one with a terminal.
pub(crate) fn has_terminal(pid: u32) -> bool {
    let stat = fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
    Stat::parse(&stat).is_none_or(|stat| stat.terminal != 0)
}

/// Returns whether the process runs in a nested PID namespace, as in a container or a sandbox: then
/// it has a PID in each namespace (`proc_pid_status(5)`, `NSpid`).
pub(crate) fn is_contained(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    numbers.is_some_and(|numbers| numbers.split_ascii_whitespace().count() > 1)
}

/// Returns whether `parent` adopted the process after the original parent exited: orphans go to the
/// first process, or to the user's systemd (`PR_SET_CHILD_SUBREAPER(2const)`), which starts services
/// too.
pub(crate) fn adopts(parent: u32, pid: u32) -> bool {
    let read = |pid: u32, file: &str| fs::read_to_string(format!("/proc/{pid}/{file}"));
    let is_systemd = || read(parent, "comm").is_ok_and(|name| name.trim() == "systemd");
    let is_service = || {
        let groups = read(pid, "cgroup").unwrap_or_default();
        groups.lines().any(|group| group.ends_with(".service"))
    };
    parent == 1 || is_systemd() && !is_service()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_not_contained_and_was_not_adopted() {
        let own = std::process::id();
        assert!(!is_contained(own));
        assert!(!adopts(own, own));
        assert!(adopts(1, own));
    }

    #[test]
    fn a_missing_process_counts_as_one_with_a_terminal() {
        assert!(has_terminal(u32::MAX));
    }
}
