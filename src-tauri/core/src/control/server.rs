//! The server side of the control socket: accepts connections and passes each request to a
//! [`Control`].

use std::{
    fs,
    future::Future,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use interprocess::local_socket::{
    tokio::{Listener, Stream},
    traits::tokio::Listener as _,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    connection::{refuse, serve},
    guard::{Guard, socket_id},
    lock::{Lock, Phase},
    protocol::{Doctor, Down, Outcome, Restart, Up},
    seats::{Place, Room},
};
use crate::{
    effects::log::Watcher,
    fs::quarantine::{Quarantined, quarantine},
    model::{finding::Finding, view::Snapshot},
    platform::{FileId, Remnant, local},
};

/// How long a connection waits for a place before it is rejected.
const TIME_LIMIT: Duration = Duration::from_secs(1);

/// The time limit for active requests when the daemon exits.
const DRAIN: Duration = Duration::from_secs(2);

/// The pause after a failed accept (out of file descriptors).
const PAUSE: Duration = Duration::from_millis(100);

/// Carries out requests. Each method returns when the request is done or has failed. A request
/// continues if its client disconnects.
pub trait Control: Clone + Send + Sync + 'static {
    /// Returns itself for the requests of the process with this PID. That process and its ancestors
    /// (a terminal, an editor) are never stopped for a port: see [`crate::effects::port::Callers`].
    #[must_use]
    fn for_client(self, client: u32) -> Self {
        let _ = client;
        self
    }
    /// Returns itself for requests on behalf of this program, which the snapshot names.
    #[must_use]
    fn on_behalf_of(self, program: Option<String>) -> Self {
        let _ = program;
        self
    }
    /// Submits a start of services and their dependencies. Returns once it is accepted: later
    /// requests are handled after it.
    fn start(&self, up: Up) -> impl Future<Output = Coming> + Send;
    /// Starts services and their dependencies.
    fn up(&self, up: Up) -> impl Future<Output = Outcome> + Send {
        async move { self.start(up).await.outcome().await }
    }
    /// Stops services.
    fn down(&self, down: Down) -> impl Future<Output = Outcome> + Send;
    /// Stops services, then starts them.
    fn restart(&self, restart: Restart) -> impl Future<Output = Outcome> + Send;
    /// Stops the daemon. The server runs until it is stopped, so that this request can be answered.
    fn quit(&self, leave_running: bool) -> impl Future<Output = Outcome> + Send;
    /// Diagnoses a stack and returns the root causes; `None` if the daemon does not have it.
    fn doctor(&self, doctor: Doctor) -> impl Future<Output = Option<Vec<Finding>>> + Send;
    /// Returns the latest snapshot with CPU and memory.
    fn usage(&self) -> impl Future<Output = Arc<Snapshot>> + Send;
    /// Returns a receiver of snapshots.
    fn snapshot(&self) -> watch::Receiver<Arc<Snapshot>>;
    /// Rewrites its persistent state because the files of its home were deleted.
    fn home_lost(&self) -> impl Future<Output = ()> + Send;
}

/// The outcome of an accepted request.
#[derive(Debug)]
pub struct Coming(oneshot::Receiver<Outcome>);

impl Coming {
    /// Returns the outcome. A daemon that stops early leaves the services running.
    pub async fn outcome(self) -> Outcome {
        self.0.await.unwrap_or(Outcome::Ending { taken: true })
    }
}

impl From<oneshot::Receiver<Outcome>> for Coming {
    fn from(answer: oneshot::Receiver<Outcome>) -> Self {
        Self(answer)
    }
}

/// A daemon's control socket. Clients that connect before [`Server::run`] wait.
pub struct Server {
    // Dropped in this order: the address must be free before the next daemon can look at it.
    listener: Listener,
    lock: Lock,
    socket: Option<FileId>,
}

/// Why the control socket cannot be created. [`io::ErrorKind::AddrInUse`] if another process
/// responds at its address.
#[derive(Debug, thiserror::Error)]
#[error("the control socket {} cannot be created: {source}", address.display())]
pub struct BindError {
    /// The address.
    pub address: PathBuf,
    /// The operating system's error.
    pub source: io::Error,
}

impl Server {
    /// Listens for clients of the locked home. Replaces the socket of a dead daemon; quarantines
    /// and returns any other file in its place. Must be called within the runtime.
    pub fn bind(lock: &Lock) -> Result<(Self, Option<Quarantined>), BindError> {
        let address = lock.home().socket();
        let bound = bind(&address).map_err(|source| BindError {
            address: address.clone(),
            source,
        });
        let (listener, aside) = bound?;
        lock.note(Phase::Listening);
        let server = Self {
            listener,
            socket: socket_id(&address),
            lock: lock.clone(),
        };
        Ok((server, aside))
    }

    /// Serves until `stop` is cancelled, answers active requests, and closes every connection.
    /// Listens again if the socket or the home is deleted.
    pub async fn run(mut self, daemon: impl Control, watcher: Watcher, stop: CancellationToken) {
        let room = Room::new();
        let mut connections = JoinSet::new();
        let mut time_limit = TIME_LIMIT;
        let (sender, mut renewed) = mpsc::channel(1);
        let guard = Guard::new(self.lock.clone(), self.socket, watcher);
        let guard = AbortOnDropHandle::new(tokio::spawn(guard.run(daemon.clone(), sender)));
        loop {
            // All branches are cancel-safe: a place or a connection is either obtained or still
            // pending.
            tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                Some(listener) = renewed.recv() => {
                    // The address belongs to the new listener now.
                    self.listener.do_not_reclaim_name_on_drop();
                    self.listener = listener;
                    self.lock.note(Phase::Listening);
                }
                (place, accepted) = admit(&self.listener, &room, time_limit) => match (place, accepted) {
                    (Some(place), Ok(stream)) => {
                        time_limit = TIME_LIMIT;
                        let daemon = match local::peer(&stream) {
                            Some(client) => daemon.clone().for_client(client),
                            None => daemon.clone(),
                        };
                        connections.spawn(serve(stream, place, daemon, stop.clone()));
                    }
                    (None, Ok(stream)) => {
                        // The connections behind this one have waited as long.
                        time_limit = Duration::ZERO;
                        refuse(stream).await;
                    }
                    (_, Err(error)) => {
                        tracing::warn!("failed to accept a connection: {error}");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
            }
        }
        // The guard shares the lock, which must be released together with this.
        guard.abort();
        drop(guard.await);
        self.lock.note(Phase::Ending);
        let drain = async { while connections.join_next().await.is_some() {} };
        if timeout(DRAIN, drain).await.is_err() {
            tracing::warn!("closed {} connections unanswered", connections.len());
        }
        connections.shutdown().await;
    }
}

/// Listens at the address, and first frees it for the holder of the lock. Must be called within the
/// runtime.
pub(super) fn bind(address: &Path) -> io::Result<(Listener, Option<Quarantined>)> {
    let aside = clear(address)?;
    Ok((local::listen(address)?, aside))
}

/// Frees the address for the holder of the lock.
fn clear(address: &Path) -> io::Result<Option<Quarantined>> {
    match local::remnant(address)? {
        Remnant::Nothing => Ok(None),
        Remnant::Stale => fs::remove_file(address).map(|()| None),
        Remnant::Stranger => {
            quarantine(address, "it was at the path of the control socket").map(Some)
        }
        Remnant::Answering => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "a daemon that has lost its lock responds there; stop it first",
        )),
    }
}

/// Waits for a place (for at most `time_limit`, unless a client gives up its place) and then for a
/// connection.
async fn admit(
    listener: &Listener,
    room: &Room,
    time_limit: Duration,
) -> (Option<Place>, io::Result<Stream>) {
    (room.place(time_limit).await, listener.accept().await)
}
