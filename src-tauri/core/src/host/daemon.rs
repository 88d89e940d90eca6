//! A process as the daemon of a home: the supervisor, and the server by which others reach it.

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

/// How long a daemon that nobody has given a stack yet waits for one.
const FIRST_STACK: Duration = Duration::from_secs(30);

/// How long a daemon that is told to make room may take.
const CHANGE: Duration = Duration::from_secs(30);

/// Why this process is not the daemon. A fragment that follows "failed to".
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The operating system cannot tell of processes or of files that grow.
    #[error("supervise: {0}")]
    Supervise(io::Error),
    /// Nobody could connect.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Another process is, and stays.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Another process is, and cannot be asked to make room.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

/// A daemon that this process is.
pub struct Daemon {
    /// How to talk to its supervisor.
    pub handle: Handle,
    /// What was found amiss and set aside, or taken over, to be said.
    pub remarks: Vec<String>,
    supervisor: JoinHandle<()>,
    server: JoinHandle<()>,
    stop: CancellationToken,
}

impl Daemon {
    /// Takes over what an earlier daemon left, and answers whoever connects. Must be called within
    /// the runtime.
    pub async fn begin(lock: &Lock) -> Result<Self, DaemonError> {
        Self::begin_as(lock, true).await
    }

    /// Does the same for a process that only stops what an earlier daemon left: it accepts no start, so
    /// that nothing is left running without a daemon when it exits.
    pub async fn begin_to_stop(lock: &Lock) -> Result<Self, DaemonError> {
        Self::begin_as(lock, false).await
    }

    async fn begin_as(lock: &Lock, takes_starts: bool) -> Result<Self, DaemonError> {
        // A daemon of few services does without.
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

    /// Becomes the daemon also where there is one: that one is told to end and to leave its services
    /// running, which are then adopted as they are.
    pub async fn take_over(home: &Home) -> Result<Self, DaemonError> {
        let lock = timeout(CHANGE, room(home)).await;
        let lock = match lock {
            Ok(lock) => lock?,
            // It does not end: who it is.
            Err(_) => Lock::acquire(home)?,
        };
        Self::begin(&lock).await
    }

    /// Ends without touching what still runs.
    pub async fn end(self) {
        self.stop.cancel();
        // Both have said what went wrong with them, if anything did.
        let _ = self.server.await;
        self.handle.quit(true).await;
        drop(self.handle);
        let _ = self.supervisor.await;
    }

    /// Waits until a stack has been started and no stack is wanted or running any more, or until
    /// another request has ended the daemon. No start is accepted after that. Cancel-safe.
    pub async fn over(&self) {
        let mut snapshot = self.handle.snapshot();
        let is_given = |snapshot: &Arc<Snapshot>| !snapshot.stacks.is_empty();
        let given = async {
            // Ignores the timeout: a start that is being accepted right now continues.
            drop(timeout(FIRST_STACK, snapshot.wait_for(is_given)).await);
        };
        tokio::select! {
            () = given => self.handle.retire().await,
            () = self.handle.ended() => {}
        }
    }
}

/// Waits for the lock, and asks whoever holds it to end.
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
                // What it answers does not matter: it ends, or the lock tells that it does not.
                Ok(mut client) => {
                    asked = client.quit(true).await.is_ok();
                }
                // It is just beginning or ending.
                Err(ConnectError::NoDaemon | ConnectError::Closed) => {}
                Err(error) => return Err(error.into()),
            }
        }
        attempts.pause().await?;
    }
}
