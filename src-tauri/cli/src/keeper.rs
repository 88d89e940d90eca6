//! This process as the keeper: in the foreground of a terminal, in the background, or for as long as
//! it takes to end what an earlier one left.

use std::{env, fs::OpenOptions, sync::Arc, time::Duration};

use pilotlight::{
    background,
    control::{Client, ConnectError, Keeper as _, Lock, LockError, Server},
    home::Home,
    model::view::Snapshot,
    signals::{Ending as Request, Endings},
    supervisor::{self, Handle},
};
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    diary,
    failure::{Ending, Failure},
    view::is_dark,
};

/// How long a keeper that nobody has given a stack yet waits for one.
const FIRST_STACK: Duration = Duration::from_secs(30);

/// How long a keeper that begins or ends may stand in the way of a connection.
const CHANGE: Duration = Duration::from_secs(30);

/// Between two attempts to reach a keeper that is about to listen: nothing tells of that.
const RETRY: Duration = Duration::from_millis(10);

/// A keeper that this process is.
pub(crate) struct OwnKeeper {
    pub(crate) handle: Handle,
    /// What was found amiss and set aside, or taken over, to be said.
    pub(crate) remarks: Vec<String>,
    supervisor: JoinHandle<()>,
    server: JoinHandle<()>,
    stop: CancellationToken,
}

impl OwnKeeper {
    /// Takes over what an earlier keeper left, and answers whoever connects.
    pub(crate) async fn begin(lock: &Lock) -> Result<Self, Failure> {
        diary::open(lock.home())?;
        raise_file_limit();
        let started = supervisor::start(lock)
            .await
            .map_err(Failure::system("supervise"))?;
        let (server, set_aside) = Server::bind(lock)?;
        let stop = CancellationToken::new();
        let mut remarks = started.remarks;
        remarks.extend(set_aside.map(|set_aside| set_aside.to_string()));
        Ok(Self {
            server: tokio::spawn(server.run(started.handle.clone(), stop.clone())),
            supervisor: started.task,
            handle: started.handle,
            remarks,
            stop,
        })
    }

    /// Ends without touching what still runs.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        // Both have said what went wrong with them, if anything did.
        let _ = self.server.await;
        self.handle.quit(true).await;
        drop(self.handle);
        let _ = self.supervisor.await;
    }

    /// Waits until a stack has been given and nothing of any is wanted or runs any more, or until
    /// somebody has ended the keeper.
    pub(crate) async fn over(&self) {
        let mut snapshot = self.handle.snapshot();
        let is_given = |snapshot: &Arc<Snapshot>| !snapshot.stacks.is_empty();
        let over = async {
            if !matches!(
                timeout(FIRST_STACK, snapshot.wait_for(is_given)).await,
                Ok(Ok(_))
            ) {
                return;
            }
            loop {
                self.handle.idle().await;
                let seen = snapshot.borrow_and_update().clone();
                if seen.stacks.iter().all(|stack| is_dark(stack))
                    || snapshot.changed().await.is_err()
                {
                    return;
                }
            }
        };
        tokio::select! {
            () = over => {}
            () = self.handle.ended() => {}
        }
    }
}

/// Somebody who keeps the home: this process, or the one that does already.
pub(crate) enum Kept {
    Here(OwnKeeper),
    There(Client),
}

/// Becomes the keeper of this home, or connects to the one that it has. One that is just beginning
/// or ending is waited for.
pub(crate) async fn keep(home: &Home) -> Result<Kept, Failure> {
    let attempt = async {
        loop {
            match Client::connect(home).await {
                Ok(client) => return Ok(Kept::There(client)),
                Err(ConnectError::NoKeeper | ConnectError::Closed) => {}
                Err(error) => return Err(error.into()),
            }
            match Lock::acquire(home) {
                Ok(lock) => return OwnKeeper::begin(&lock).await.map(Kept::Here),
                Err(LockError::Held { .. }) => tokio::time::sleep(RETRY).await,
                Err(error) => return Err(error.into()),
            }
        }
    };
    match timeout(CHANGE, attempt).await {
        Ok(kept) => kept,
        Err(_) => Err(unreachable(home)),
    }
}

/// Connects to the keeper of this home; where there is none, one is started in the background.
pub(crate) async fn keep_in_background(home: &Home) -> Result<Client, Failure> {
    let attempt = async {
        loop {
            match Client::connect(home).await {
                Ok(client) => return Ok(client),
                Err(ConnectError::NoKeeper | ConnectError::Closed) => {}
                Err(error) => return Err(error.into()),
            }
            let Err(failure) = start_in_background(home).await else {
                continue;
            };
            // Another one may have been faster, or is about to end.
            if matches!(Lock::acquire(home), Err(LockError::Held { .. })) {
                tokio::time::sleep(RETRY).await;
            } else {
                return Err(failure);
            }
        }
    };
    match timeout(CHANGE, attempt).await {
        Ok(client) => client,
        Err(_) => Err(unreachable(home)),
    }
}

/// Somebody has the lock and does not listen.
fn unreachable(home: &Home) -> Failure {
    match Lock::acquire(home) {
        Err(held) => held.into(),
        Ok(_) => ConnectError::NoKeeper.into(),
    }
}

async fn start_in_background(home: &Home) -> Result<(), Failure> {
    home.prepare()?;
    // Where a panic of the very beginning goes, and the last words of the runtime.
    let path = home.state().join("keeper.err");
    let errors = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .open(&path);
    let errors = errors.map_err(|source| Failure::Log { path, source })?;
    let program = env::current_exe().map_err(Failure::system("find this program"))?;
    Ok(background::start(&program, &["keeper"], errors).await?)
}

/// Hears of requests to end this process.
pub(crate) fn listen() -> Result<Endings, Failure> {
    Endings::listen().map_err(Failure::system("listen for signals"))
}

/// The hidden command `keeper`: keeps stacks until none is left, or until it is told to end. What
/// comes of its beginning is said to whoever started it.
pub(crate) async fn keep_here(home: &Home) -> Result<Ending, Failure> {
    match begin_here(home).await {
        Ok((keeper, endings)) => {
            if let Err(error) = background::announce(Ok(())) {
                tracing::warn!("whoever started this keeper is gone: {error}");
            }
            keep_until_over(keeper, endings).await;
            tracing::info!("ended");
            Ok(Ending::Done)
        }
        Err(failure) => {
            tracing::error!("failed to {failure}");
            background::announce(Err(&format!("failed to {failure}")))?;
            Ok(Ending::Undone)
        }
    }
}

async fn begin_here(home: &Home) -> Result<(OwnKeeper, Endings), Failure> {
    background::detach().map_err(Failure::system("leave the terminal"))?;
    let endings = listen()?;
    let lock = Lock::acquire(home)?;
    let keeper = OwnKeeper::begin(&lock).await?;
    for remark in &keeper.remarks {
        tracing::warn!("{remark}");
    }
    tracing::info!(pid = std::process::id(), "keeping");
    Ok((keeper, endings))
}

/// A keeper of few services does without.
fn raise_file_limit() {
    if let Err(error) = background::raise_file_limit() {
        tracing::warn!("failed to raise the number of files that may be open: {error}");
    }
}

async fn keep_until_over(keeper: OwnKeeper, mut endings: Endings) {
    let told = async {
        // It has no terminal that could be gone.
        while endings.next().await == Request::HangUp {}
    };
    tokio::select! {
        () = keeper.over() => {}
        () = told => {
            tracing::info!("told to end: stopping everything");
            keeper.handle.quit(false).await;
        }
    }
    keeper.end().await;
}
