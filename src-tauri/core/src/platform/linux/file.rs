//! Files that one process writes and another reads, shortens and watches.

use std::{
    collections::HashMap,
    fs::OpenOptions,
    io,
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use rustix::{
    fs::{
        FallocateFlags, fallocate,
        inotify::{self, CreateFlags, ReadFlags, WatchFlags},
    },
    io::Errno,
};
use tokio::{io::unix::AsyncFd, sync::oneshot};
use tokio_util::task::AbortOnDropHandle;

pub(crate) use crate::platform::{
    types::Extent,
    unix::file::{
        create_append_private, extent, first_kept, make_private_folder, open_private,
        open_without_waiting,
    },
};
use crate::sync::lock;

/// Frees the storage of the bytes before `before`, in whole blocks: up to one block less than
/// requested. Offsets and size stay, the freed bytes read as zeros, the bytes from `before` on stay
/// unchanged, and a writer that has the file open is not affected.
///
/// Fails if the file system does not support it (`fallocate(2)`, `FALLOC_FL_PUNCH_HOLE`: ext4, XFS,
/// btrfs and tmpfs do).
pub(crate) fn release(path: &Path, before: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    let block = file.metadata()?.blksize().max(512);
    let length = before - before % block;
    if length == 0 {
        return Ok(());
    }
    let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    Ok(fallocate(&file, punch, 0, length)?)
}

/// Whether one watch covers a folder with all its subfolders. inotify has one for each folder.
pub(crate) const WATCHES_TREES: bool = false;

/// The types of file systems whose changes may come from another machine, which inotify does not
/// report: 9P (`/mnt` of WSL), NFS, SMB, CIFS, FUSE and the shared folders of virtual machines
/// (`statfs(2)`).
const WITHOUT_EVENTS: [u64; 6] = [
    0x0102_1997,
    0x6969,
    0xfe53_4d42,
    0xff53_4d42,
    0x6573_5546,
    0x786f_4256,
];

/// Returns whether the operating system reports changes below a path.
pub(crate) fn has_events(path: &Path) -> bool {
    let kind = rustix::fs::statfs(path).map(|statfs| statfs.f_type);
    let kind = kind.ok().and_then(|kind| u64::try_from(kind).ok());
    kind.is_none_or(|kind| !WITHOUT_EVENTS.contains(&(kind & 0xffff_ffff)))
}

/// Reports when files grow and when files appear in a folder. One watcher is enough for a whole
/// process, with any number of files; clones share it.
///
/// A watch fires once. A writer pays for a file's watch only while one is set (some hundred
/// nanoseconds at its next write), so a reader of a flood sets none until the flood pauses.
#[derive(Clone, Debug)]
pub struct Watcher {
    /// `None` if the operating system refuses a watcher.
    inotify: Option<Arc<Inotify>>,
    /// Reads the events; ends with the last clone.
    _dispatch: Option<Arc<AbortOnDropHandle<()>>>,
}

/// The active watches and the source of their events.
#[derive(Debug)]
struct Inotify {
    events: AsyncFd<OwnedFd>,
    waiting: Mutex<Waiting>,
}

/// The waiting tasks by watch descriptor. Two watches on one file share it.
type Waiting = HashMap<i32, Vec<oneshot::Sender<()>>>;

/// An active watch. [`Armed::fired`] waits for it; dropping it removes it.
#[derive(Debug)]
pub(crate) struct Armed(Option<Set>);

#[derive(Debug)]
struct Set {
    inotify: Arc<Inotify>,
    descriptor: i32,
    fired: oneshot::Receiver<()>,
}

/// The polling interval if the operating system refuses to watch.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

impl Watcher {
    /// Creates a watcher. If the operating system refuses one (`fs.inotify.max_user_instances`),
    /// that is logged and every watch fires after 100 ms.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime with I/O enabled.
    #[must_use]
    pub fn new() -> Self {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)
            .map_err(io::Error::from)
            .and_then(|inotify| {
                // SAFETY: an `OwnedFd` returns the one descriptor that it owns from `as_raw_fd`,
                // and nothing closes that before the `AsyncFd` drops it, deregistered.
                Ok(unsafe { AsyncFd::register(inotify) }?)
            });
        match inotify {
            Ok(events) => {
                let inotify = Arc::new(Inotify {
                    events,
                    waiting: Mutex::default(),
                });
                let dispatch = tokio::spawn(Arc::clone(&inotify).dispatch());
                Self {
                    inotify: Some(inotify),
                    _dispatch: Some(Arc::new(AbortOnDropHandle::new(dispatch))),
                }
            }
            Err(error) => {
                tracing::warn!(%error, "files cannot be watched and are checked ten times a second");
                Self {
                    inotify: None,
                    _dispatch: None,
                }
            }
        }
    }

    /// Sets a watch on the file. It fires when the file is written to or deleted, and may fire
    /// without a cause. The caller must check for earlier writes *after* this call.
    pub(crate) fn growth(&self, file: &Path) -> Armed {
        self.arm(file, WatchFlags::MODIFY)
    }

    /// Sets a watch on the folder. It fires when a file is created in it or moved into it, and may
    /// fire without a cause. The caller must check for earlier files *after* this call.
    pub(crate) fn arrival(&self, folder: &Path) -> Armed {
        self.arm(folder, WatchFlags::CREATE | WatchFlags::MOVED_TO)
    }

    /// Sets a watch on a file or a folder. It fires when that is deleted or moved away, and may fire
    /// without a cause. The caller must check *after* this call for files that were lost before it.
    pub(crate) fn loss(&self, path: &Path) -> Armed {
        // An open file still exists when its name is removed: only its link count changes.
        let events = WatchFlags::ATTRIB | WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF;
        self.arm(path, events)
    }

    fn arm(&self, path: &Path, events: WatchFlags) -> Armed {
        let Some(inotify) = &self.inotify else {
            return Armed(None);
        };
        // Locked until the watch is in the map, so that its event finds it.
        let mut waiting = inotify.waiting();
        // A second watch on a file must not replace the events of the first.
        let flags = events | WatchFlags::ONESHOT | WatchFlags::MASK_ADD;
        let Ok(descriptor) = inotify::add_watch(&inotify.events, path, flags) else {
            // Deleted, or too many watches: the caller checks again soon and finds out.
            return Armed(None);
        };
        let (fire, fired) = oneshot::channel();
        waiting.entry(descriptor).or_default().push(fire);
        drop(waiting);
        Armed(Some(Set {
            inotify: Arc::clone(inotify),
            descriptor,
            fired,
        }))
    }
}

impl Default for Watcher {
    fn default() -> Self {
        Self::new()
    }
}

impl Armed {
    /// Returns whether the operating system watches the file; otherwise the watch fires after 100 ms.
    pub(crate) fn is_set(&self) -> bool {
        self.0.is_some()
    }

    /// Waits until the watch fires.
    pub(crate) async fn fired(self) {
        match self.0 {
            // The sender exists, since the set holds it. An error is a reason to check, too.
            Some(mut set) => drop((&mut set.fired).await),
            None => tokio::time::sleep(LOOK_AGAIN).await,
        }
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        self.fired.close();
        let mut waiting = self.inotify.waiting();
        let Some(others) = waiting.get_mut(&self.descriptor) else {
            return;
        };
        others.retain(|fire| !fire.is_closed());
        if others.is_empty() {
            waiting.remove(&self.descriptor);
            // It may have fired just now and no longer exist.
            let _ = inotify::remove_watch(&self.inotify.events, self.descriptor);
        }
    }
}

impl Inotify {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        lock(&self.waiting)
    }

    async fn dispatch(self: Arc<Self>) {
        while let Ok(mut ready) = self.events.readable().await {
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut events = inotify::Reader::new(&self.events, &mut buffer);
            loop {
                match events.next() {
                    Ok(event) => self.fire(event.wd(), event.events()),
                    Err(Errno::INTR) => {}
                    Err(Errno::AGAIN) => break,
                    Err(error) => {
                        tracing::warn!(%error, "the watch on the log files broke");
                        return self.fire(-1, ReadFlags::QUEUE_OVERFLOW);
                    }
                }
            }
            ready.clear_ready();
        }
    }

    /// Wakes the tasks that wait for the descriptor, even on the notice that its watch was removed:
    /// it may have been set again, with the same number, between the event and that notice.
    fn fire(&self, descriptor: i32, events: ReadFlags) {
        let mut waiting = self.waiting();
        if events.contains(ReadFlags::QUEUE_OVERFLOW) {
            waiting.drain().for_each(|(_, fires)| wake(fires));
        } else if let Some(fires) = waiting.remove(&descriptor) {
            wake(fires);
        }
    }
}

fn wake(waiting: Vec<oneshot::Sender<()>>) {
    for one in waiting {
        // The task may no longer wait.
        let _ = one.send(());
    }
}
