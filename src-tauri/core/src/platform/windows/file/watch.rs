use std::{
    fs, io,
    os::windows::io::{AsRawHandle, RawHandle},
    path::{Path, PathBuf},
    time::Duration,
};

use windows_sys::Win32::{
    Foundation::{HANDLE, INVALID_HANDLE_VALUE},
    Storage::FileSystem::{
        FILE_NOTIFY_CHANGE_FILE_NAME, FindCloseChangeNotification, FindFirstChangeNotificationW,
    },
};

use crate::platform::os::{
    call::{check, wide},
    wait::signalled,
};

/// The pause between two checks of a file grows from the first to the second value: a growing log
/// is noticed soon, a silent one costs ten checks a second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(100));

/// Reports when files grow and when files appear in a folder. One watcher is enough for a whole
/// process, with any number of files; clones share it.
///
/// A watch fires once. The system reports the growth of an open file only when the data reaches the
/// disk, so it is polled, while a watch is set, after pauses of 2 to 100 ms. Folders are reported
/// by events.
#[derive(Clone, Debug, Default)]
pub struct Watcher(());

/// An active watch. [`Armed::fired`] waits for it; dropping it removes it.
#[derive(Debug)]
pub(crate) enum Armed {
    Growth { file: PathBuf, size: Option<u64> },
    Arrival(io::Result<Change>),
}

/// The system's change notification of a folder.
#[derive(Debug)]
pub(crate) struct Change(HANDLE);

// SAFETY: a system handle, which any thread may use.
unsafe impl Send for Change {}
// SAFETY: as above; waiting changes nothing.
unsafe impl Sync for Change {}

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
        Armed::Growth {
            file: file.to_owned(),
            size: size(file),
        }
    }

    /// Sets a watch on the folder. It fires when a file is created in it or moved into it, and may
    /// fire without a cause. The caller must check for earlier files *after* this call.
    #[expect(
        clippy::unused_self,
        reason = "the signature is the same on all platforms"
    )]
    pub(crate) fn arrival(&self, folder: &Path) -> Armed {
        Armed::Arrival(Change::watch(folder))
    }

    /// Sets a watch on a file. It fires when that is deleted or moved away, and may fire without a
    /// cause. The caller must check *after* this call for files that were lost before it.
    ///
    /// A folder gets no watch: Windows does not delete one in which this process has a file open.
    #[expect(
        clippy::unused_self,
        reason = "the signature is the same on all platforms"
    )]
    pub(crate) fn loss(&self, path: &Path) -> Armed {
        Armed::Arrival(match path.parent() {
            Some(folder) if !path.is_dir() => Change::watch(folder),
            _ => Err(io::ErrorKind::Unsupported.into()),
        })
    }
}

impl Armed {
    /// Returns whether the operating system watches the file, or it is polled.
    pub(crate) fn is_set(&self) -> bool {
        !matches!(self, Self::Arrival(Err(_)))
    }

    /// Waits until the watch fires.
    pub(crate) async fn fired(self) {
        let (first, longest) = PAUSES;
        match self {
            Self::Growth { file, size: before } => {
                let mut pause = first;
                // A missing file may appear; the caller checks again.
                while before.is_some() && size(&file) == before {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(longest);
                }
                if before.is_none() {
                    tokio::time::sleep(longest).await;
                }
            }
            Self::Arrival(change) => {
                let told = match &change {
                    Ok(change) => signalled(change).await.is_ok(),
                    Err(_) => false,
                };
                if !told {
                    tokio::time::sleep(longest).await;
                }
            }
        }
    }
}

/// Returns the size as the writer sees it: the file is opened for that.
fn size(file: &Path) -> Option<u64> {
    Some(fs::metadata(file).ok()?.len())
}

impl Change {
    fn watch(folder: &Path) -> io::Result<Self> {
        let folder = wide(folder);
        // SAFETY: the path ends with a zero. The answer is invalid or a handle that is ours.
        let change = unsafe {
            FindFirstChangeNotificationW(folder.as_ptr(), 0, FILE_NOTIFY_CHANGE_FILE_NAME)
        };
        check(i32::from(change != INVALID_HANDLE_VALUE))?;
        Ok(Self(change))
    }
}

impl AsRawHandle for Change {
    fn as_raw_handle(&self) -> RawHandle {
        self.0
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        // SAFETY: owned here, and closed once.
        unsafe { FindCloseChangeNotification(self.0) };
    }
}
