//! This process as the daemon: in the foreground of a terminal, in the background, or to stop the
//! services of an earlier daemon.

use std::{env, fs::File, sync::PoisonError, time::Duration};

use pilotlight::{
    control::{Attempts, Client, ConnectError, Control as _, Lock, LockError},
    fs::home::Home,
    host::{
        background::{self, Forked},
        daemon::Daemon,
        logging,
        signals::{Ending as Request, Endings},
    },
    stack::{ServiceName, Stack},
};
use tokio::time::timeout;

use crate::{
    context::{Context, read},
    failure::{Ending, Failure},
};

/// The time limit of a connection while a daemon is starting or exiting.
const CHANGE: Duration = Duration::from_secs(30);

/// The purpose of a daemon in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Keep,
    /// Accepts no start.
    StopOnly,
}

/// Becomes the daemon: adopts the services of an earlier one and accepts clients.
async fn begin(lock: &Lock, purpose: Purpose) -> Result<Daemon, Failure> {
    logging::open(lock.home().state(), "keeper")?;
    let keeping = match purpose {
        Purpose::Keep => Daemon::begin(lock).await,
        Purpose::StopOnly => Daemon::begin_to_stop(lock).await,
    };
    Ok(keeping?)
}

/// The daemon of the home: this process, or one that was already running.
pub(crate) enum Attached {
    Here(Daemon),
    There(Client),
}

/// Becomes the daemon of this home, or connects to its daemon. Waits for one that is starting or
/// exiting.
pub(crate) async fn attach(home: &Home) -> Result<Attached, Failure> {
    attach_for(home, Purpose::Keep).await
}

/// Does the same to stop the services of an earlier daemon. The daemon accepts no start.
pub(crate) async fn attach_to_stop(home: &Home) -> Result<Attached, Failure> {
    attach_for(home, Purpose::StopOnly).await
}

async fn attach_for(home: &Home, purpose: Purpose) -> Result<Attached, Failure> {
    let attempt = async {
        let mut attempts = Attempts::new(home);
        loop {
            match Client::connect(home).await {
                Ok(client) => return Ok(Attached::There(client)),
                Err(ConnectError::NoDaemon | ConnectError::Closed) => {}
                Err(error) => return Err(error.into()),
            }
            match Lock::acquire(home) {
                Ok(lock) => return begin(&lock, purpose).await.map(Attached::Here),
                Err(LockError::Held { .. }) => attempts.pause().await?,
                Err(error) => return Err(error.into()),
            }
        }
    };
    match timeout(CHANGE, attempt).await {
        Ok(kept) => kept,
        Err(_) => Err(unreachable(home)),
    }
}

/// Connects to the daemon of this home. Starts one in the background if there is none.
pub(crate) async fn attach_in_background(context: &Context) -> Result<Client, Failure> {
    let home = &context.home;
    let attempt = async {
        // The next connection attempt shows whether it is alive.
        let starting = context.starting.lock().ok().and_then(|mut it| it.take());
        if let Some(starting) = starting {
            drop(starting.ready().await);
        }
        let mut attempts = Attempts::new(home);
        loop {
            match Client::connect(home).await {
                Ok(client) => return Ok(client),
                Err(ConnectError::NoDaemon | ConnectError::Closed) => {}
                Err(error) => return Err(error.into()),
            }
            // A second daemon would only find the lock held.
            if Lock::holder(home).is_some() {
                attempts.pause().await?;
                continue;
            }
            let Err(failure) = start_in_background(home).await else {
                continue;
            };
            // Another one may have been faster, or is exiting.
            if matches!(Lock::acquire(home), Err(LockError::Held { .. })) {
                attempts.pause().await?;
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

/// The error for a daemon that holds the lock and does not listen.
fn unreachable(home: &Home) -> Failure {
    match Lock::acquire(home) {
        Err(held) => held.into(),
        Ok(_) => ConnectError::NoDaemon.into(),
    }
}

/// Starts a daemon as a copy of this process, if none is running, before the runtime exists. That saves
/// loading the program a second time. Returns whether this process is the copy.
///
/// Starts nothing if the stack file is missing or invalid, or lacks the named services; the command
/// itself reports these errors.
pub(crate) fn fork(context: &Context, services: &[ServiceName]) -> Result<bool, Failure> {
    let has_all = |stack: &Stack| services.iter().all(|name| stack.service(name).is_some());
    let is_wanted = || {
        let stack = context.find().and_then(|file| read(&file));
        stack.is_ok_and(|stack| has_all(&stack))
    };
    if context.home.socket().exists() || !is_wanted() {
        return Ok(false);
    }
    let forked = background::fork(errors(&context.home)?);
    Ok(match forked.map_err(Failure::system("start a daemon"))? {
        Some(Forked::Background) => true,
        Some(Forked::Starter(starting)) => {
            *context
                .starting
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = Some(starting);
            false
        }
        None => false,
    })
}

/// Starts a daemon in the background, which adopts the services that run.
pub(crate) async fn start_in_background(home: &Home) -> Result<(), Failure> {
    let errors = errors(home)?;
    let program = env::current_exe().map_err(Failure::system("find this program"))?;
    Ok(background::start(&program, &["daemon"], errors).await?)
}

/// The file for panics during daemon start-up and for the runtime's last messages.
fn errors(home: &Home) -> Result<File, Failure> {
    home.prepare()?;
    let path = home.state().join("keeper.err");
    background::errors_file(&path).map_err(|source| Failure::Log { path, source })
}

/// Listens for signals that request an exit.
pub(crate) fn listen() -> Result<Endings, Failure> {
    Endings::listen().map_err(Failure::system("listen for signals"))
}

/// The hidden command `daemon`: runs until no stack is left, or until a signal. Reports the result of
/// its start to the process that started it.
pub(crate) async fn run(home: &Home) -> Result<Ending, Failure> {
    match begin_here(home).await {
        Ok((daemon, endings)) => {
            if let Err(error) = background::announce(Ok(())) {
                tracing::warn!("the process that started this daemon has exited: {error}");
            }
            run_until_over(daemon, endings).await;
            tracing::info!("exited");
            Ok(Ending::Done)
        }
        Err(failure) => {
            tracing::error!("{failure}");
            background::announce(Err(&failure.to_string()))?;
            Ok(Ending::Undone)
        }
    }
}

async fn begin_here(home: &Home) -> Result<(Daemon, Endings), Failure> {
    background::detach().map_err(Failure::system("leave the terminal"))?;
    let endings = listen()?;
    let lock = Lock::acquire(home)?;
    let daemon = begin(&lock, Purpose::Keep).await?;
    for remark in &daemon.remarks {
        tracing::warn!("{remark}");
    }
    tracing::info!(pid = std::process::id(), "listening");
    Ok((daemon, endings))
}

async fn run_until_over(daemon: Daemon, mut endings: Endings) {
    let told = async {
        // Without a terminal, a hang-up means nothing.
        while endings.next().await == Request::HangUp {}
    };
    tokio::select! {
        () = daemon.over() => {}
        () = told => {
            tracing::info!("received a signal: stopping everything");
            daemon.handle.quit(false).await;
        }
    }
    daemon.end().await;
}
