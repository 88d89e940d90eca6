//! The lock that allows one daemon for each home.

use std::{
    fmt,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
    process,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

use crate::{
    fs::{
        home::{Home, HomeError},
        replace::replace,
    },
    platform::{FileId, local},
    sync::lock,
};

/// The right to be the daemon of a home. Clones share it. It ends with the last clone, or with the
/// process.
#[derive(Clone, Debug)]
pub struct Lock(Arc<Locked>);

#[derive(Debug)]
struct Locked {
    home: Home,
    files: Mutex<Files>,
}

/// The lock files, locked as long as they are open. No child inherits them.
#[derive(Debug)]
struct Files {
    first: Taken,
    /// A lock outside of the home, so that a deleted home is still locked. `None` if it is unavailable.
    second: Option<Taken>,
}

#[derive(Debug)]
struct Taken {
    path: PathBuf,
    file: File,
    id: FileId,
}

/// The reason why this process cannot be the daemon.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process is the daemon.
    #[error("the Pilot Light daemon is already running: {0}")]
    Held(Holder),
    /// The folders cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The lock file cannot be used.
    #[error("the lock file {} cannot be used: {source}", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
}

/// The phase of a daemon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It is adopting the runs of an earlier daemon, and will then listen.
    #[default]
    Starting,
    /// It is listening for clients.
    Listening,
    /// It has stopped listening, and will exit.
    Ending,
}

/// The known details of the daemon that holds a lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: Option<u32>,
    /// The version of its program.
    pub version: Option<String>,
    /// Its stage; `None` if it is not recorded, for example because its home was deleted.
    pub phase: Option<Phase>,
}

/// The lock holder's record about itself. It is in a separate file, since on Windows no other
/// process can read a locked one. A dead daemon's record is never read, because its lock is
/// released.
#[derive(Serialize, Deserialize)]
struct Card {
    pid: u32,
    version: String,
    #[serde(default)]
    phase: Phase,
    /// The volume of the home, in the second lock: in a container, another home may have the same path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<u64>,
}

impl Card {
    fn ours(phase: Phase) -> Self {
        Self {
            pid: process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            phase,
            device: None,
        }
    }

    fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }
}

impl Lock {
    /// Creates the folders of the home and takes its lock, without waiting.
    pub fn acquire(home: &Home) -> Result<Self, LockError> {
        let first = take_first(home)?;
        let second = take_second(home)?;
        let lock = Self(Arc::new(Locked {
            home: home.clone(),
            files: Mutex::new(Files { first, second }),
        }));
        lock.note(Phase::Starting);
        Ok(lock)
    }

    /// Returns the daemon that holds the lock of this home, if any. Creates nothing on disk.
    #[must_use]
    pub fn holder(home: &Home) -> Option<Holder> {
        let mut places = vec![home.lock()];
        places.extend(home.second_lock());
        places
            .iter()
            .any(|place| is_locked(place))
            .then(|| holder(home))
    }

    /// Returns the home that is locked.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.0.home
    }

    /// Records the stage of this daemon, for clients that cannot connect to it.
    pub(super) fn note(&self, phase: Phase) {
        if let Err(error) = leave_card(self.home(), phase) {
            tracing::warn!("failed to record the daemon's process: {error}");
        }
    }

    /// Returns whether the lock files are still at their paths.
    pub(super) fn is_intact(&self) -> bool {
        let files = self.files();
        files.first.is_intact() && files.second.as_ref().is_none_or(Taken::is_intact)
    }

    /// Returns the paths of the lock files.
    pub(super) fn files_at(&self) -> Vec<PathBuf> {
        let files = self.files();
        let second = files.second.as_ref();
        let all = std::iter::once(&files.first).chain(second);
        all.map(|taken| taken.path.clone()).collect()
    }

    /// Recreates the folders of the home and deleted lock files.
    pub(super) fn renew(&self) -> Result<(), LockError> {
        let mut files = self.files();
        if !files.first.is_intact() {
            files.first = take_first(self.home())?;
        }
        if files
            .second
            .as_ref()
            .is_some_and(|second| !second.is_intact())
        {
            files.second = take_second(self.home())?;
        }
        drop(files);
        self.note(Phase::Listening);
        Ok(())
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        lock(&self.0.files)
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        let files = self.files.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(second) = files.second.as_ref().filter(|second| second.is_intact()) {
            // A process that opened the old file finds that it is no longer the one at this path.
            let _ = fs::remove_file(&second.path);
        }
    }
}

impl Taken {
    fn is_intact(&self) -> bool {
        local::id_at(&self.path).is_ok_and(|id| id == self.id)
    }
}

fn take_first(home: &Home) -> Result<Taken, LockError> {
    home.prepare()?;
    let path = home.lock();
    match try_lock(&path) {
        Ok(Some(taken)) => Ok(taken),
        Ok(None) => Err(LockError::Held(holder(home))),
        Err(source) => Err(LockError::Io { path, source }),
    }
}

/// Takes the second lock. It is only a safeguard: if it is unavailable, the first one is enough.
fn take_second(home: &Home) -> Result<Option<Taken>, LockError> {
    let Some(path) = home.second_lock() else {
        return Ok(None);
    };
    let device = local::id_at(home.state()).ok().map(|id| id.device);
    let folder = path.parent().map_or(Ok(()), local::private_folder);
    match folder.and_then(|()| try_lock(&path)) {
        Ok(Some(mut taken)) => {
            let card = Card {
                device,
                ..Card::ours(Phase::Starting)
            };
            // The content is used in messages, and to distinguish homes with the same path.
            let text = serde_json::to_vec(&card).unwrap_or_default();
            let _ = taken
                .file
                .set_len(0)
                .and_then(|()| taken.file.write_all(&text));
            Ok(Some(taken))
        }
        Ok(None) if Card::read(&path).is_some_and(|card| card.device != device) => Ok(None),
        Ok(None) => Err(LockError::Held(holder(home))),
        Err(error) => {
            tracing::warn!("{} is not used as a lock: {error}", path.display());
            Ok(None)
        }
    }
}

/// Locks the file at this path; `None` if another process holds the lock.
fn try_lock(path: &Path) -> io::Result<Option<Taken>> {
    loop {
        let file = local::private_file()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(source)) => return Err(source),
        }
        let taken = Taken {
            path: path.to_owned(),
            id: local::id_of(&file)?,
            file,
        };
        // The file may have been deleted between opening and locking, and the path may be another
        // process's lock by now.
        if taken.is_intact() {
            return Ok(Some(taken));
        }
    }
}

/// Returns whether another process holds a lock on this file.
fn is_locked(path: &Path) -> bool {
    let Ok(file) = OpenOptions::new().read(true).open(path) else {
        return false;
    };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

fn card(home: &Home) -> PathBuf {
    home.state().join("keeper.json")
}

fn leave_card(home: &Home, phase: Phase) -> io::Result<()> {
    let text = serde_json::to_vec(&Card::ours(phase))?;
    replace(&card(home), &text)
}

fn holder(home: &Home) -> Holder {
    let written = Card::read(&card(home));
    let phase = written.as_ref().map(|card| card.phase);
    let second = || Card::read(&home.second_lock()?);
    written
        .or_else(second)
        .map_or_else(Holder::default, |card| Holder {
            pid: Some(card.pid),
            version: Some(card.version),
            phase,
        })
}

/// Describes the holder, for messages.
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.pid, self.version.as_deref()) {
            (Some(pid), Some(version)) => {
                write!(f, "process {pid} (Pilot Light {version})")
            }
            (Some(pid), None) => write!(f, "process {pid}"),
            (None, _) => f.write_str("another process"),
        }
    }
}
