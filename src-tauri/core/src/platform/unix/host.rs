//! The machine: room on its disks, and what a process may open.

use std::{collections::BTreeMap, ffi::OsString, io, path::Path};

use rustix::process::{Resource, getrlimit};
use sysinfo::{Uid, Users};

/// How many bytes the present user may still write where `path` is (`statvfs(3)`).
pub(crate) fn disk_available(path: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(path)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// How many files a process that this one starts may have open; `None` for any number.
pub(crate) fn open_files_limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// The login shell of the user, with the options by which it reads all of its files, before the line
/// that it is to run.
pub(crate) fn login_shell(variables: &BTreeMap<OsString, OsString>) -> Option<Vec<String>> {
    let shell = variables.get(&OsString::from("SHELL"))?.to_str()?;
    let words = [shell, "-l", "-i", "-c"].map(str::to_owned);
    Path::new(shell).is_absolute().then(|| words.into())
}

/// What a user is called; `None` where the machine does not know.
pub(crate) fn user_name(id: &Uid) -> Option<String> {
    let mut users = Users::new().ok()?;
    users.refresh();
    Some(users.get_user_by_id(id)?.name().to_owned())
}
