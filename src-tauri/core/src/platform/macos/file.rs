//! Files that one process writes and another reads, shortens and watches.

use std::{
    fs::OpenOptions,
    io,
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    },
    path::Path,
    time::Duration,
};

use rustix::event::kqueue::VnodeEvents;

use super::notice::Notice;
pub(crate) use crate::platform::{
    elsewhere::{WATCHES_TREES, has_events},
    types::Extent,
    unix::file::{
        create_append_private, extent, first_kept, make_private_folder, open_private,
        open_without_waiting,
    },
};

/// Frees the storage of the bytes before `before`, in whole blocks: up to one block less than
/// requested. Offsets and size stay, the freed bytes read as zeros, the bytes from `before` on stay
/// unchanged, and a writer that has the file open is not affected.
///
/// Fails if the file system does not support it (`fcntl(2)`, `F_PUNCHHOLE`: APFS does).
pub(crate) fn release(path: &Path, before: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    let block = file.metadata()?.blksize().max(4096);
    let length = before - before % block;
    if length == 0 {
        return Ok(());
    }
    let hole = libc::fpunchhole_t {
        fp_flags: 0,
        reserved: 0,
        fp_offset: 0,
        fp_length: i64::try_from(length).map_err(io::Error::other)?,
    };
    // SAFETY: the file is open, and the command reads the structure that it is defined with.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_PUNCHHOLE, &raw const hole) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// The polling interval if the operating system refuses to watch.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Reports when files grow and when files appear in a folder. One watcher is enough for a whole
/// process, with any number of files; clones share it.
///
/// A watch fires once (`kqueue(2)`, `EVFILT_VNODE`), and costs three descriptors while it is set.
#[derive(Clone, Debug, Default)]
pub struct Watcher(());

/// An active watch. [`Armed::fired`] waits for it; dropping it removes it.
#[derive(Debug)]
pub(crate) struct Armed(Option<Notice>);

impl Watcher {
    /// Creates a watcher.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a watch on the file. It fires when the file is written to or deleted, and may fire
    /// without a cause. The caller must check for earlier writes *after* this call.
    #[expect(
        clippy::unused_self,
        reason = "the signature is the same on all platforms"
    )]
    pub(crate) fn growth(&self, file: &Path) -> Armed {
        let events = VnodeEvents::WRITE | VnodeEvents::EXTEND | VnodeEvents::DELETE;
        Armed::new(file, events)
    }

    /// Sets a watch on the folder. It fires when a file is created in it or moved into it, and may
    /// fire without a cause. The caller must check for earlier files *after* this call.
    #[expect(
        clippy::unused_self,
        reason = "the signature is the same on all platforms"
    )]
    pub(crate) fn arrival(&self, folder: &Path) -> Armed {
        Armed::new(folder, VnodeEvents::WRITE)
    }

    /// Sets a watch on a file or a folder. It fires when that is deleted or moved away, and may fire
    /// without a cause. The caller must check *after* this call for files that were lost before it.
    #[expect(
        clippy::unused_self,
        reason = "the signature is the same on all platforms"
    )]
    pub(crate) fn loss(&self, path: &Path) -> Armed {
        let events = VnodeEvents::DELETE | VnodeEvents::RENAME | VnodeEvents::REVOKE;
        let armed = Armed::new(path, events);
        match path.parent() {
            // A socket cannot be opened, so any change of its folder fires the watch.
            Some(folder) if !armed.is_set() => Armed::new(folder, events | VnodeEvents::WRITE),
            _ => armed,
        }
    }
}

impl Armed {
    fn new(path: &Path, events: VnodeEvents) -> Self {
        // Opened only for events, so that the volume can still be ejected.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_EVTONLY)
            .open(path);
        // Deleted, or no descriptor left: the caller checks again soon and finds out.
        let notice = file.and_then(|file| Notice::of_change(OwnedFd::from(file), events));
        Self(notice.ok())
    }

    /// Returns whether the operating system watches the file; otherwise the watch fires after 100 ms.
    pub(crate) fn is_set(&self) -> bool {
        self.0.is_some()
    }

    /// Waits until the watch fires.
    pub(crate) async fn fired(self) {
        match self.0 {
            Some(notice) => notice.come().await,
            None => tokio::time::sleep(LOOK_AGAIN).await,
        }
    }
}
