//! The machine: disk space, limits, users.

use std::{fs, io, path::Path};

use rustix::process::{Resource, getrlimit};
use sysinfo::{Uid, Users};

use crate::env::Env;

/// Returns the number of bytes that the current user may still write at `path` (`statvfs(3)`).
pub(crate) fn disk_available(path: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(path)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Returns the number of files that a process may open, or a child process of this one if `process` is
/// `None` or has exited (proc(5)); `None` if unlimited.
pub(crate) fn open_files_limit(process: Option<u32>) -> Option<u64> {
    let limits = process.and_then(|pid| fs::read_to_string(format!("/proc/{pid}/limits")).ok());
    let Some(limits) = limits else {
        return getrlimit(Resource::Nofile).current;
    };
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Returns the login shell of the user, with the options to read all start-up files and run a line.
pub(crate) fn login_shell(variables: &Env) -> Option<Vec<String>> {
    let shell = variables.get("SHELL")?.to_str()?;
    let words = [shell, "-l", "-i", "-c"].map(str::to_owned);
    Path::new(shell).is_absolute().then(|| words.into())
}

/// Returns the name of a user, if known.
pub(crate) fn user_name(id: &Uid) -> Option<String> {
    let mut users = Users::new().ok()?;
    users.refresh();
    Some(users.get_user_by_id(id)?.name().to_owned())
}
