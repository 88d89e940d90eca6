//! Runs the daemon of a home in this process: the supervisor and the control server.

use std::{io, sync::Arc, time::Duration};

use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    control::{Attempts, BindError, Client, ConnectError, Control as _, Lock, LockError, Server},
    fs::home::Home,
    host::background,
    model::view::Snapshot,
    supervisor::{self, Handle},
};

/// How long a new daemon waits for its first stack.
const FIRST_STACK: Duration = Duration::from_secs(30);

/// The time limit for a running daemon to hand over.
const CHANGE: Duration = Duration::from_secs(30);

/// Why this process cannot be the daemon.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The operating system cannot list processes or watch files.
    #[error("processes cannot be supervised: {0}")]
    Supervise(io::Error),
    /// The control socket cannot be created.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Another process is the daemon.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Another daemon cannot be told to hand over.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

/// The daemon in this process.
pub struct Daemon {
    /// The handle of its supervisor.
    pub handle: Handle,
    /// Messages about quarantined files and cleaned-up runs.
    pub remarks: Vec<String>,
    supervisor: JoinHandle<()>,
    server: JoinHandle<()>,
    stop: CancellationToken,
}

impl Daemon {
    /// Starts the daemon: adopts earlier runs and accepts clients. Must be called within the
    /// runtime.
    pub async fn begin(lock: &Lock) -> Result<Self, DaemonError> {
        Self::begin_as(lock, true).await
    }

    /// Does the same for a process that only stops earlier runs: it accepts no start, so that no
    /// service is left without a daemon when it exits.
    pub async fn begin_to_stop(lock: &Lock) -> Result<Self, DaemonError> {
        Self::begin_as(lock, false).await
    }

    async fn begin_as(lock: &Lock, takes_starts: bool) -> Result<Self, DaemonError> {
        // A daemon with few services does not need this.
        if let Err(error) = background::raise_file_limit() {
            tracing::warn!("failed to raise the number of files that may be open: {error}");
        }
        let started = supervisor::start(lock)
            .await
            .map_err(DaemonError::Supervise)?;
        if !takes_starts {
            started.handle.refuse_starts().await;
        }
        let (server, quarantine) = Server::bind(lock)?;
        let stop = CancellationToken::new();
        let mut remarks = started.remarks;
        remarks.extend(quarantine.map(|quarantine| quarantine.to_string()));
        Ok(Self {
            server: tokio::spawn(server.run(started.handle.clone(), started.watcher, stop.clone())),
            supervisor: started.task,
            handle: started.handle,
            remarks,
            stop,
        })
    }

    /// Becomes the daemon even if another one is running: that one is told to exit and leave its
    /// services running, which are then adopted.
    pub async fn take_over(home: &Home) -> Result<Self, DaemonError> {
        let lock = timeout(CHANGE, room(home)).await;
        let lock = match lock {
            Ok(lock) => lock?,
            // The other daemon has not exited: this returns its identity.
            Err(_) => Lock::acquire(home)?,
        };
        Self::begin(&lock).await
    }

    /// Stops the daemon and leaves its services running.
    pub async fn end(self) {
        self.stop.cancel();
        // Both have logged their errors.
        let _ = self.server.await;
        self.handle.quit(true).await;
        drop(self.handle);
        let _ = self.supervisor.await;
    }

    /// Waits until a stack has been started and none is wanted or running any more, or until
    /// another request has stopped the daemon. No start is accepted after that. Cancel-safe.
    pub async fn over(&self) {
        let mut snapshot = self.handle.snapshot();
        let is_given = |snapshot: &Arc<Snapshot>| !snapshot.stacks.is_empty();
        let given = async {
            // Ignores the timeout: a start that is being accepted continues.
            drop(timeout(FIRST_STACK, snapshot.wait_for(is_given)).await);
        };
        tokio::select! {
            () = given => self.handle.retire().await,
            () = self.handle.ended() => {}
        }
    }
}

/// Waits for the lock, and tells the daemon that holds it to exit.
async fn room(home: &Home) -> Result<Lock, DaemonError> {
    let mut asked = false;
    let mut attempts = Attempts::new(home);
    loop {
        match Lock::acquire(home) {
            Err(LockError::Held { .. }) => {}
            lock => return Ok(lock?),
        }
        if !asked {
            match Client::connect(home).await {
                // The answer is not needed: either the daemon exits, or the lock shows that it does
                // not.
                Ok(mut client) => {
                    asked = client.quit(true).await.is_ok();
                }
                // The daemon is starting or exiting.
                Err(ConnectError::NoDaemon | ConnectError::Closed) => {}
                Err(error) => return Err(error.into()),
            }
        }
        attempts.pause().await?;
    }
}
