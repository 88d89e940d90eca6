//! A second mark, for programs that overwrite the first one.
//!
//! redis, nginx, postgres and others write a title for `ps` over their arguments and environment,
//! and the mark in it is gone: a `redis-server --daemonize yes` has left its group, lost its parent
//! and forgotten its environment within 2 ms. So each process that is launched also inherits a
//! descriptor of an empty file in memory (`memfd_create(2)`) whose name is the mark. Who closes
//! all descriptors that it inherits (most interpreters do, for what they start) keeps the
//! environment, and who overwrites the environment keeps its descriptors.

use std::{
    ffi::c_int,
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    fs::{MemfdFlags, memfd_create, readlinkat},
    process::{Resource, getrlimit},
};

use crate::model::facts::Mark;

/// The number under which it is handed down: above those that shells use for themselves (up to
/// 10, and 255), and below what is the least that a process may open on any system.
pub(super) const DESCRIPTOR: c_int = 198;

/// Before the mark in the name.
const NAME: &str = "pilotlight:";

/// A tag for this mark, or `None` where the system has none or the name is too long for it. Then
/// there is the environment still.
pub(super) fn make(mark: &Mark) -> Option<OwnedFd> {
    let allowed = getrlimit(Resource::Nofile).current;
    if allowed.is_some_and(|allowed| allowed <= DESCRIPTOR.unsigned_abs().into()) {
        return None;
    }
    memfd_create(format!("{NAME}{mark}"), MemfdFlags::CLOEXEC).ok()
}

/// The mark in the tag of a process, where this user may look at it. `target` is a
/// buffer.
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
