//! A second mark, for programs that overwrite the first one.
//!
//! redis, nginx, postgres and others write a title for `ps` over their arguments and environment,
//! which erases the mark: a `redis-server --daemonize yes` has left its group, lost its parent and
//! overwritten its environment within 2 ms. So each launched process also inherits a descriptor of
//! an empty memory file (`memfd_create(2)`) whose name is the mark. Programs that close all
//! inherited descriptors (most interpreters do, for their children) keep the environment, and
//! programs that overwrite the environment keep their descriptors.

use std::{
    ffi::c_int,
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    fs::{MemfdFlags, memfd_create, readlinkat},
    process::{Resource, getrlimit},
};

use crate::model::facts::Mark;

/// The inherited descriptor: above those that shells use for themselves (up to 10, and 255), and
/// below the smallest limit of open files on any system.
pub(super) const DESCRIPTOR: c_int = 198;

/// The prefix of the mark in the name.
const NAME: &str = "pilotlight:";

/// Creates a tag for this mark; `None` if the system does not support it or the name is too long.
/// Then only the environment has the mark.
pub(super) fn make(mark: &Mark) -> Option<OwnedFd> {
    let allowed = getrlimit(Resource::Nofile).current;
    if allowed.is_some_and(|allowed| allowed <= DESCRIPTOR.unsigned_abs().into()) {
        return None;
    }
    memfd_create(format!("{NAME}{mark}"), MemfdFlags::CLOEXEC).ok()
}

/// Returns the mark in the tag of a process, if this user may read it. `target` is a buffer.
pub(super) fn read(proc: impl AsFd, pid: u32, target: &mut Vec<u8>) -> Option<Mark> {
    let path = format!("{pid}/fd/{DESCRIPTOR}");
    let link = readlinkat(proc, path, std::mem::take(target)).ok()?;
    let mark = link
        .to_str()
        .ok()
        .and_then(|link| link.strip_prefix("/memfd:")?.strip_prefix(NAME))
        .and_then(|link| Mark::parse(link.strip_suffix(" (deleted)").unwrap_or(link)));
    *target = link.into_bytes();
    mark
}
