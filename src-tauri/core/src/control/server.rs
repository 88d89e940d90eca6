//! The keeper's side: takes connections, and has each request carried out by a [`Keeper`].

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
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    connection::{refuse, serve},
    lock::Lock,
    protocol::{Doctor, Down, Outcome, Restart, Up},
};
use crate::{
    model::{finding::Finding, view::Snapshot},
    platform::{Remnant, local},
    set_aside::{SetAside, set_aside},
};

/// How many connections are served at once.
const SLOTS: usize = 256;

/// How long a connection waits for a free slot before it is turned away.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long requests at hand have to be answered once the keeper is to end.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long nobody is let in after the operating system would not (out of file descriptors).
const PAUSE: Duration = Duration::from_millis(100);

/// What carries out the requests. Each method returns when what was asked is done or has failed;
/// it is carried to its end even if the client leaves meanwhile.
pub trait Keeper: Clone + Send + Sync + 'static {
    /// Starts services and what they need.
    fn up(&self, up: Up) -> impl Future<Output = Outcome> + Send;
    /// Stops services.
    fn down(&self, down: Down) -> impl Future<Output = Outcome> + Send;
    /// Stops services, then starts them.
    fn restart(&self, restart: Restart) -> impl Future<Output = Outcome> + Send;
    /// Ends the keeper. The server goes on until it is told to stop, so that this is answered.
    fn quit(&self, leave_running: bool) -> impl Future<Output = Outcome> + Send;
    /// Finds out what is wrong with a stack, root causes first; `None` if it does not have it.
    fn doctor(&self, doctor: Doctor) -> impl Future<Output = Option<Vec<Finding>>> + Send;
    /// The latest snapshot with CPU and memory filled in.
    fn usage(&self) -> impl Future<Output = Arc<Snapshot>> + Send;
    /// The snapshot, now and as it changes.
    fn snapshot(&self) -> watch::Receiver<Arc<Snapshot>>;
}

/// A keeper's control socket, ready to be served. Clients that connect now wait.
pub struct Server {
    // Dropped in this order: the address is free before the next keeper may look at it.
    listener: Listener,
    _lock: Lock,
}

/// Why a keeper cannot be reached. [`io::ErrorKind::AddrInUse`] if somebody answers there already.
#[derive(Debug, thiserror::Error)]
#[error("listen at {}: {source}", address.display())]
pub struct BindError {
    /// Where.
    pub address: PathBuf,
    /// The operating system's words.
    pub source: io::Error,
}

impl Server {
    /// Listens for clients of the locked home. A dead keeper's socket is replaced; anything else
    /// that stands in its place is set aside and returned, to be said. Must be called within the
    /// runtime.
    pub fn bind(lock: &Lock) -> Result<(Self, Option<SetAside>), BindError> {
        let address = lock.home().socket();
        let bound = clear(&address).and_then(|aside| Ok((local::listen(&address)?, aside)));
        let (listener, aside) = bound.map_err(|source| BindError { address, source })?;
        let server = Self {
            listener,
            _lock: lock.clone(),
        };
        Ok((server, aside))
    }

    /// Serves until `stop` is cancelled, answers what is at hand, and closes every connection.
    pub async fn run(self, keeper: impl Keeper, stop: CancellationToken) {
        let slots = Arc::new(Semaphore::new(SLOTS));
        let mut connections = JoinSet::new();
        let mut patience = PATIENCE;
        loop {
            // All arms are cancel-safe: a slot or a connection is either had or still waits.
            tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                (slot, accepted) = admit(&self.listener, &slots, patience) => match (slot, accepted) {
                    (Some(slot), Ok(stream)) => {
                        patience = PATIENCE;
                        let serving = serve(stream, keeper.clone(), stop.clone());
                        connections.spawn(async move {
                            serving.await;
                            drop(slot);
                        });
                    }
                    (None, Ok(stream)) => {
                        // Those who wait behind it have waited as long.
                        patience = Duration::ZERO;
                        refuse(stream, SLOTS).await;
                    }
                    (_, Err(error)) => {
                        tracing::warn!("failed to accept a connection: {error}");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
            }
        }
        let farewell = async { while connections.join_next().await.is_some() {} };
        if timeout(FAREWELL, farewell).await.is_err() {
            tracing::warn!("closed {} connections unanswered", connections.len());
        }
        connections.shutdown().await;
    }
}

/// Frees the address for the holder of the lock.
fn clear(address: &Path) -> io::Result<Option<SetAside>> {
    match local::remnant(address)? {
        Remnant::Nothing => Ok(None),
        Remnant::Stale => fs::remove_file(address).map(|()| None),
        Remnant::Stranger => {
            set_aside(address, "it stood where the control socket belongs").map(Some)
        }
        Remnant::Answering => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "a keeper answers there that has lost its lock; end it first",
        )),
    }
}

/// Waits for a slot, but no longer than `patience`, and then for a connection.
async fn admit(
    listener: &Listener,
    slots: &Arc<Semaphore>,
    patience: Duration,
) -> (Option<OwnedSemaphorePermit>, io::Result<Stream>) {
    let slot = timeout(patience, slots.clone().acquire_owned()).await;
    (slot.ok().and_then(Result::ok), listener.accept().await)
}
