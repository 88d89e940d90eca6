//! One keeper to a home.

use std::{
    fmt,
    fs::{self, File, TryLockError},
    io,
    path::PathBuf,
    process,
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::{
    home::{Home, HomeError},
    platform::local,
    replace::replace,
};

/// The right to be the keeper of a home. Clones share it; it ends with the last of them, or with
/// the process, however that ends.
#[derive(Clone, Debug)]
pub struct Lock(Arc<Locked>);

#[derive(Debug)]
struct Locked {
    home: Home,
    /// Locked as long as it is open. No child inherits it.
    _file: File,
}

/// Why this process cannot be the keeper.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process is.
    #[error("become the keeper: {} is it already; ask that one, or end it first", Holder(*pid, version.as_deref()))]
    Held {
        /// Its process id, where it is known.
        pid: Option<u32>,
        /// The version of its program, where it is known.
        version: Option<String>,
    },
    /// The folders cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The lock file cannot be used.
    #[error("lock {}: {source}", path.display())]
    Io {
        /// Where it is.
        path: PathBuf,
        /// The operating system's words.
        source: io::Error,
    },
}

/// Who holds the lock, for messages only. It stands in a file of its own, since Windows lets nobody
/// read a locked one; what a dead keeper left in it is never read, because its lock is gone.
#[derive(Serialize, Deserialize)]
struct Card {
    pid: u32,
    version: String,
}

impl Lock {
    /// Makes the folders of the home and takes its lock, without waiting.
    pub fn acquire(home: &Home) -> Result<Self, LockError> {
        home.prepare()?;
        let path = home.lock();
        let fail = |source| LockError::Io {
            path: path.clone(),
            source,
        };
        let file = local::private_file()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(home)),
            Err(TryLockError::Error(source)) => return Err(fail(source)),
        }
        if let Err(error) = leave_card(home) {
            tracing::warn!("failed to write down who the keeper is: {error}");
        }
        Ok(Self(Arc::new(Locked {
            home: home.clone(),
            _file: file,
        })))
    }

    /// What is locked.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.0.home
    }
}

fn card(home: &Home) -> PathBuf {
    home.state().join("keeper.json")
}

fn leave_card(home: &Home) -> io::Result<()> {
    let text = serde_json::to_vec(&Card {
        pid: process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })?;
    replace(&card(home), &text)
}

fn held(home: &Home) -> LockError {
    let card = fs::read(card(home)).ok();
    let card: Option<Card> = card.and_then(|text| serde_json::from_slice(&text).ok());
    match card {
        Some(Card { pid, version }) => LockError::Held {
            pid: Some(pid),
            version: Some(version),
        },
        None => LockError::Held {
            pid: None,
            version: None,
        },
    }
}

/// The holder as a person reads it.
struct Holder<'a>(Option<u32>, Option<&'a str>);

impl fmt::Display for Holder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(Some(pid), Some(version)) => {
                write!(f, "process {pid} (Pilot Light {version})")
            }
            Self(Some(pid), None) => write!(f, "process {pid}"),
            Self(None, _) => f.write_str("another process"),
        }
    }
}
