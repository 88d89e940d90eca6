//! The machine: disk space, limits, users.

use std::{io, path::Path};

use rustix::process::{Resource, getrlimit};
use sysinfo::{Uid, Users};

use crate::env::Env;

/// Returns the number of bytes that the current user may still write at `path` (`statvfs(3)`).
pub(crate) fn disk_available(path: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(path)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Returns the number of files that a child process may open; `None` if unlimited.
pub(crate) fn open_files_limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
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
