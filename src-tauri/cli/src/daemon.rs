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

/// A connection to the daemon of the home.
pub(crate) struct Attached {
    pub(crate) client: Client,
    /// The daemon, if it is this process.
    pub(crate) own: Option<Daemon>,
}

/// Becomes the daemon of this home, or connects to its daemon. Waits for one that is starting or
/// exiting.
pub(crate) async fn attach(home: &Home) -> Result<Attached, Failure> {
    attach_for(home, Purpose::Keep).await
}

/// Like [`attach`], but only to stop the services of an earlier daemon. The daemon accepts no start.
pub(crate) async fn attach_to_stop(home: &Home) -> Result<Attached, Failure> {
    attach_for(home, Purpose::StopOnly).await
}

async fn attach_for(home: &Home, purpose: Purpose) -> Result<Attached, Failure> {
    let connected = connect_or(home, || async {
        match Lock::acquire(home) {
            Ok(lock) => begin(&lock, purpose).await.map(Some),
            Err(LockError::Held { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    });
    match connected.await {
        (Ok(client), own) => Ok(Attached { client, own }),
        (Err(failure), own) => {
            if let Some(own) = own {
                own.end().await;
            }
            Err(failure)
        }
    }
}

/// Connects to the daemon of this home. Starts one in the background if there is none.
pub(crate) async fn attach_in_background(context: &Context) -> Result<Client, Failure> {
    let home = &context.home;
    // The next connection attempt shows whether it is alive.
    let starting = context.starting.lock().ok().and_then(|mut it| it.take());
    if let Some(starting) = starting {
        drop(timeout(CHANGE, starting.ready()).await);
    }
    let connected = connect_or(home, || async {
        // A second daemon would fail, since this one holds the lock.
        if Lock::holder(home).is_some() {
            return Ok(None);
        }
        match start_in_background(home).await {
            Ok(()) => Ok(Some(())),
            // Another daemon may have been faster, or one is exiting.
            Err(_) if matches!(Lock::acquire(home), Err(LockError::Held { .. })) => Ok(None),
            Err(failure) => Err(failure),
        }
    });
    connected.await.0
}

/// Connects to the daemon of this home. Calls `otherwise` if there is none, and again after a pause if it
/// has returned `None`. Returns its result, too.
async fn connect_or<T, F>(
    home: &Home,
    otherwise: impl Fn() -> F,
) -> (Result<Client, Failure>, Option<T>)
where
    F: Future<Output = Result<Option<T>, Failure>>,
{
    let mut made = None;
    let attempt = async {
        let mut attempts = Attempts::new(home);
        loop {
            match Client::connect(home).await {
                Ok(client) => return Ok(client),
                Err(ConnectError::NoDaemon | ConnectError::Closed) => {}
                Err(error) => return Err(error.into()),
            }
            match otherwise().await? {
                Some(new) => made = Some(new),
                None => attempts.pause().await?,
            }
        }
    };
    let connected = timeout(CHANGE, attempt).await;
    (connected.unwrap_or_else(|_| Err(unreachable(home))), made)
}

/// Returns the error for a daemon that holds the lock but is not listening.
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

/// Starts a daemon in the background, which adopts the running services.
pub(crate) async fn start_in_background(home: &Home) -> Result<(), Failure> {
    let errors = errors(home)?;
    let program = env::current_exe().map_err(Failure::system("find this program"))?;
    Ok(background::start(&program, &["daemon"], errors).await?)
}

/// The file for panics during daemon start-up and for the runtime's last messages.
fn errors(home: &Home) -> Result<File, Failure> {
    home.prepare()?;
    let path = home.state().join("keeper.err");
    background::errors_file(&path).map_err(Failure::log(&path))
}

/// Listens for signals that request an exit.
pub(crate) fn listen() -> Result<Endings, Failure> {
    Endings::listen().map_err(Failure::system("listen for signals"))
}

/// Runs the hidden command `daemon` until no stack is left or a signal arrives. Reports the result of the
/// start to the process that started it.
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
