//! Guards the files by which clients find a daemon: its lock and its socket. If they are deleted
//! (by a cleaner of temporary files or `rm -r`), the guard recreates them, so that no second daemon
//! starts and clients still reach this one.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::future::select_all;
use interprocess::local_socket::tokio::Listener;
use tokio::{sync::mpsc, time::Instant};

use super::{
    lock::{Lock, LockError},
    server::{Control, bind},
};
use crate::{
    effects::log::Watcher,
    platform::{FileId, file::Armed, local},
};

/// The delay before a repair, since neighbouring files are often deleted at the same moment.
const SETTLES: Duration = Duration::from_millis(50);

/// The delay of the first watches after the daemon has started, which leaves the processor to the
/// first request: setting a watch on a folder such as `/tmp` takes milliseconds if the kernel has
/// cached thousands of its entries. A file that is deleted in this time is noticed afterwards.
const FIRST_WATCH: Duration = Duration::from_millis(500);

/// The pause between two attempts to recreate lost files (for example on a full disk).
const RETRY: Duration = Duration::from_secs(1);

/// How long another process must hold the lock before this daemon gives up the home. A process that
/// only checks for a daemon holds it for a moment.
const CONCEDES: Duration = Duration::from_secs(2);

/// The interval at which the files are checked if the operating system refuses to watch them.
const UNWATCHED: Duration = Duration::from_secs(5);

/// A guard of the lock and the socket of a home.
pub(super) struct Guard {
    lock: Lock,
    watcher: Watcher,
    address: PathBuf,
    /// The identity of the socket file; `None` if the socket is not a file.
    socket: Option<FileId>,
}

impl Guard {
    /// Creates a guard for the socket that was just created at the home's address.
    pub(super) fn new(lock: Lock, socket: Option<FileId>, watcher: Watcher) -> Self {
        Self {
            address: lock.home().socket(),
            lock,
            watcher,
            socket,
        }
    }

    /// Recreates lost files and sends the new listener. Returns when another process has become the
    /// daemon of the home: this daemon then exits and leaves its services running.
    pub(super) async fn run(mut self, daemon: impl Control, renewed: mpsc::Sender<Listener>) {
        let mut held_since: Option<Instant> = None;
        tokio::time::sleep(FIRST_WATCH).await;
        loop {
            self.until_lost().await;
            tokio::time::sleep(SETTLES).await;
            if !self.lock.is_intact() {
                match self.lock.renew() {
                    Ok(()) => {
                        tracing::warn!(
                            "the home was deleted while the daemon is running; it was recreated"
                        );
                        held_since = None;
                        daemon.home_lost().await;
                    }
                    Err(LockError::Held(_))
                        if held_since.get_or_insert_with(Instant::now).elapsed() < CONCEDES =>
                    {
                        continue;
                    }
                    Err(LockError::Held(holder)) => {
                        tracing::warn!(
                            "{holder} is now the daemon of this home; this one exits, services keep running"
                        );
                        daemon.quit(true).await;
                        return;
                    }
                    Err(error) => {
                        tracing::warn!("the home cannot be recreated: {error}");
                        tokio::time::sleep(RETRY).await;
                        continue;
                    }
                }
            }
            if self.has_socket() {
                continue;
            }
            match bind(&self.address) {
                Ok((listener, aside)) => {
                    tracing::warn!("the control socket was deleted; it was recreated");
                    if let Some(aside) = aside {
                        tracing::warn!("{aside}");
                    }
                    self.socket = socket_id(&self.address);
                    if renewed.send(listener).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!("the control socket cannot be recreated: {error}");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// Waits until the lock or the socket is missing from its place.
    async fn until_lost(&self) {
        loop {
            let places = self.places();
            let armed = places.iter().map(|place| self.watcher.loss(place));
            let mut armed: Vec<_> = armed.collect();
            // Checked after the watches are set, so that no deletion in between is missed.
            if !self.lock.is_intact() || !self.has_socket() {
                return;
            }
            // A folder without read permission cannot be watched; the others still can.
            armed.retain(Armed::is_set);
            if armed.is_empty() {
                tokio::time::sleep(UNWATCHED).await;
            } else {
                let fired = armed.into_iter().map(|armed| Box::pin(armed.fired()));
                drop(select_all(fired).await);
            }
        }
    }

    fn has_socket(&self) -> bool {
        !local::is_file_address(&self.address)
            || (self.socket.is_some() && socket_id(&self.address) == self.socket)
    }

    /// Returns the files and the folders above them, which can be moved or deleted as well.
    fn places(&self) -> Vec<PathBuf> {
        let mut places = self.lock.files_at();
        if local::is_file_address(&self.address) {
            places.push(self.address.clone());
        }
        let folders: Vec<PathBuf> = places
            .iter()
            .flat_map(|place| place.ancestors().skip(1).map(Path::to_owned))
            .collect();
        places.extend(folders);
        places.sort_unstable();
        places.dedup();
        places
    }
}

/// Returns the identity of the socket at this address; `None` if it is not a file.
pub(super) fn socket_id(address: &Path) -> Option<FileId> {
    local::is_file_address(address)
        .then(|| local::id_at(address).ok())
        .flatten()
}
