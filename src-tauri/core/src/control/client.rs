//! The side that asks.

use std::{future::Future, io, path::PathBuf, sync::Arc, time::Duration};

use interprocess::local_socket::tokio::Stream;
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    lock::{Holder, Lock, Phase},
    protocol::{Doctor, Down, Hello, Outcome, PROTOCOL, Request, Response, Restart, Up},
    wire::{Wire, WireError},
};
use crate::{
    fs::home::Home,
    model::{finding::Finding, view::Snapshot},
    platform::local,
};

/// A daemon's answer may be long: a snapshot of a thousand services.
const ANSWER_LIMIT: usize = 64 << 20;

/// A daemon greets at once. One that does not is stopped or stuck.
const GREETING: Duration = Duration::from_secs(5);

/// The silence after which a daemon counts as stopped or stuck. A daemon that works on a request
/// reports that every few seconds ([`Response::Working`]).
const SILENCE: Duration = Duration::from_secs(10);

/// The time limit for a request that does not wait for services, to a daemon of an earlier version that
/// does not report that it is working.
const UNTOLD: Duration = Duration::from_secs(30);

/// The time limit for a daemon to recreate its deleted socket.
const LISTENS_ANEW: Duration = Duration::from_secs(1);

/// The pause between two attempts to reach a daemon.
const BETWEEN: Duration = Duration::from_millis(10);

/// A connection to the daemon of a home.
pub struct Client {
    wire: Wire<Stream>,
    daemon: Hello,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody keeps this home.
    #[error("reach a daemon: none runs")]
    NoDaemon,
    /// The daemon is of a version that speaks otherwise.
    #[error(
        "speak to the daemon: it is Pilot Light {version} (protocol {theirs}), this is {} \
         (protocol {PROTOCOL}); end it with its own version's `pilotlight down`",
        env!("CARGO_PKG_VERSION")
    )]
    OtherVersion {
        /// The version of its protocol.
        theirs: u32,
        /// The version of its program.
        version: String,
    },
    /// Whoever listens there is no daemon.
    #[error("speak to the daemon: who listens at {} does not answer as one: {reason}", address.display())]
    NotAKeeper {
        /// Where.
        address: PathBuf,
        /// What came instead.
        reason: WireError,
    },
    /// The daemon is there and says nothing.
    #[error("hear from the daemon within {} s: it is stopped or stuck", GREETING.as_secs())]
    Silent,
    /// A daemon holds the lock and should listen, but no process accepts connections at its socket. The
    /// message is a complete sentence.
    #[error(
        "the daemon ({holder}) runs, but its control socket {} is gone",
        address.display()
    )]
    NoSocket {
        /// The daemon.
        holder: Holder,
        /// The address of its socket.
        address: PathBuf,
    },
    /// The daemon ended in this moment.
    #[error("hear from the daemon: it closed the connection")]
    Closed,
    /// The address cannot be used, or is somebody else's.
    #[error("reach the daemon at {}: {source}", address.display())]
    Io {
        /// Where.
        address: PathBuf,
        /// The operating system's words.
        source: io::Error,
    },
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The daemon ended or was ended.
    #[error("hear from the daemon: it ended before it answered")]
    Closed,
    /// The daemon exited before it accepted the request.
    #[error("be heard by the daemon: it ended before it took the request")]
    NotHeard,
    /// The daemon did not take the request, and why.
    #[error("be heard by the daemon: {0}")]
    NotTaken(String),
    /// The daemon answered something else than was asked.
    #[error("understand the daemon: it answered something else than was asked")]
    Unexpected,
    /// The message or its answer did not come through.
    #[error("speak to the daemon: {0}")]
    Wire(WireError),
    /// The daemon is running but no longer responds. The message is a complete sentence.
    #[error("the daemon has not answered `{request}` for {} s: it is stopped or stuck", patience.as_secs())]
    Silent {
        /// The request.
        request: &'static str,
        /// How long the daemon has been silent.
        patience: Duration,
    },
}

impl Client {
    /// Connects to the daemon of this home, if there is one. Makes nothing on disk.
    pub async fn connect(home: &Home) -> Result<Self, ConnectError> {
        let address = home.socket();
        let stream = match local::connect(&address).await {
            Ok(stream) => stream,
            Err(source) => return Err(unreachable(address, source)),
        };
        let mut wire = Wire::new(stream, ANSWER_LIMIT);
        // A daemon that turns its clients away closes at once; what it said before tells more than
        // that this could not be sent.
        drop(wire.send(&Hello::ours()).await);
        let daemon = match timeout(GREETING, wire.receive::<Hello>()).await {
            Err(_) => return Err(ConnectError::Silent),
            Ok(Ok(Some(daemon))) => daemon,
            Ok(Ok(None) | Err(WireError::Io(_))) => return Err(ConnectError::Closed),
            Ok(Err(reason)) => return Err(ConnectError::NotAKeeper { address, reason }),
        };
        if daemon.pilotlight != PROTOCOL {
            return Err(ConnectError::OtherVersion {
                theirs: daemon.pilotlight,
                version: daemon.version,
            });
        }
        Ok(Self { wire, daemon })
    }

    /// Connects to the daemon of this home, if there is one. Gives a daemon that has lost its socket
    /// time to recreate it. Creates nothing on disk.
    pub async fn find(home: &Home) -> Result<Option<Self>, ConnectError> {
        let mut attempts = Attempts::new(home);
        loop {
            match Self::connect(home).await {
                Ok(client) => return Ok(Some(client)),
                Err(ConnectError::NoDaemon | ConnectError::Closed) => {}
                Err(error) => return Err(error),
            }
            match Lock::holder(home).map(|holder| holder.phase) {
                // It is starting to listen, or exiting.
                None | Some(Some(Phase::Starting | Phase::Ending)) => return Ok(None),
                Some(Some(Phase::Listening) | None) => attempts.pause().await?,
            }
        }
    }

    /// What the daemon said of itself.
    #[must_use]
    pub fn daemon(&self) -> &Hello {
        &self.daemon
    }

    /// Starts services; returns when they are ready or one has failed.
    pub async fn up(&mut self, up: Up) -> Result<Outcome, ClientError> {
        self.start(up).await?.outcome().await
    }

    /// Sends a start of services. Returns once the daemon has accepted it, so that a request on another
    /// connection is handled after it. A daemon of an earlier version does not confirm this.
    pub async fn start(&mut self, up: Up) -> Result<Starting<'_>, ClientError> {
        let request = Request::Up(up);
        let (patience, name) = (self.patience(&request), request.name());
        let unsent = send(&mut self.wire, &request, patience).await?.err();
        if self.daemon.hears_of_work {
            match self.response(name, patience, unsent).await? {
                Some(Response::Taken) => {}
                None => return Err(ClientError::NotHeard),
                Some(_) => return Err(ClientError::Unexpected),
            }
        } else if let Some(fault) = unsent {
            return Err(ClientError::Wire(fault));
        }
        Ok(Starting {
            client: self,
            patience,
            request: name,
        })
    }

    /// Stops services; returns when they are verified gone.
    pub async fn down(&mut self, down: Down) -> Result<Outcome, ClientError> {
        self.act(Request::Down(down)).await
    }

    /// Stops services, then starts them; returns like [`Client::up`].
    pub async fn restart(&mut self, restart: Restart) -> Result<Outcome, ClientError> {
        self.act(Request::Restart(restart)).await
    }

    /// Ends the daemon.
    pub async fn quit(&mut self, leave_running: bool) -> Result<Outcome, ClientError> {
        self.act(Request::Quit { leave_running }).await
    }

    /// The snapshot of this moment.
    pub async fn status(&mut self) -> Result<Arc<Snapshot>, ClientError> {
        self.look(Request::Status).await
    }

    /// The snapshot of this moment with CPU and memory.
    pub async fn usage(&mut self) -> Result<Arc<Snapshot>, ClientError> {
        self.look(Request::Usage).await
    }

    /// What is wrong with a stack, root causes first; `None` if the daemon does not have it.
    pub async fn doctor(&mut self, doctor: Doctor) -> Result<Option<Vec<Finding>>, ClientError> {
        match self.exchange(Request::Doctor(doctor)).await? {
            Response::Findings(findings) => Ok(findings),
            Response::Taken
            | Response::Outcome(_)
            | Response::Snapshot(_)
            | Response::Changes(_)
            | Response::Error(_)
            | Response::Working => Err(ClientError::Unexpected),
        }
    }

    /// Follows the daemon: a snapshot now and after every change.
    pub async fn watch(mut self) -> Result<Watch, ClientError> {
        let patience = self.patience(&Request::Watch);
        let sent = send(&mut self.wire, &Request::Watch, patience).await?;
        Ok(Watch {
            wire: self.wire,
            fault: sent.err(),
            patience,
            heard: Instant::now(),
            latest: None,
        })
    }

    /// Returns how long the daemon may be silent after this request; `None` means without limit.
    fn patience(&self, request: &Request) -> Option<Duration> {
        match request {
            _ if self.daemon.hears_of_work => Some(SILENCE),
            Request::Up(_)
            | Request::Down(_)
            | Request::Restart(_)
            | Request::Quit { .. }
            | Request::Watch => None,
            Request::Status | Request::Usage | Request::Doctor(_) => Some(UNTOLD),
        }
    }

    async fn act(&mut self, request: Request) -> Result<Outcome, ClientError> {
        outcome(self.exchange(request).await?)
    }

    async fn look(&mut self, request: Request) -> Result<Arc<Snapshot>, ClientError> {
        match self.exchange(request).await? {
            Response::Snapshot(snapshot) => Ok(snapshot),
            Response::Taken
            | Response::Changes(_)
            | Response::Outcome(_)
            | Response::Findings(_)
            | Response::Error(_)
            | Response::Working => Err(ClientError::Unexpected),
        }
    }

    async fn exchange(&mut self, request: Request) -> Result<Response, ClientError> {
        let patience = self.patience(&request);
        let unsent = send(&mut self.wire, &request, patience).await?.err();
        let response = self.response(request.name(), patience, unsent).await?;
        response.ok_or(ClientError::Closed)
    }

    /// Returns the next response other than a liveness message; `None` when the daemon has exited.
    async fn response(
        &mut self,
        request: &'static str,
        patience: Option<Duration>,
        mut unsent: Option<WireError>,
    ) -> Result<Option<Response>, ClientError> {
        loop {
            let answer = answer(&mut self.wire, unsent.take());
            match within(patience, request, answer).await? {
                Some(Response::Working) => {}
                response => return Ok(response),
            }
        }
    }
}

/// A start that the daemon has accepted.
pub struct Starting<'a> {
    client: &'a mut Client,
    patience: Option<Duration>,
    request: &'static str,
}

impl Starting<'_> {
    /// Returns the outcome, once all services are ready or one has failed.
    pub async fn outcome(self) -> Result<Outcome, ClientError> {
        let response = self.client.response(self.request, self.patience, None);
        outcome(response.await?.ok_or(ClientError::Closed)?)
    }
}

fn outcome(response: Response) -> Result<Outcome, ClientError> {
    match response {
        Response::Outcome(outcome) => Ok(outcome),
        Response::Taken
        | Response::Snapshot(_)
        | Response::Changes(_)
        | Response::Findings(_)
        | Response::Error(_)
        | Response::Working => Err(ClientError::Unexpected),
    }
}

/// Attempts to reach a daemon that is starting to listen or exiting. No event announces either.
pub struct Attempts<'a> {
    home: &'a Home,
    /// When a daemon that should listen was first found not to.
    lost_since: Option<Instant>,
}

impl<'a> Attempts<'a> {
    /// The first attempt comes next.
    #[must_use]
    pub fn new(home: &'a Home) -> Self {
        Self {
            home,
            lost_since: None,
        }
    }

    /// Waits before the next attempt. Fails if a daemon holds the lock but does not recreate its lost
    /// socket.
    pub async fn pause(&mut self) -> Result<(), ConnectError> {
        let holder = Lock::holder(self.home);
        let lost = holder.filter(|holder| match holder.phase {
            Some(Phase::Starting | Phase::Ending) => false,
            Some(Phase::Listening) | None => true,
        });
        match (lost, self.lost_since) {
            (None, _) => self.lost_since = None,
            (Some(_), None) => self.lost_since = Some(Instant::now()),
            (Some(holder), Some(since)) if since.elapsed() > LISTENS_ANEW => {
                return Err(ConnectError::NoSocket {
                    holder,
                    address: self.home.socket(),
                });
            }
            (Some(_), Some(_)) => {}
        }
        tokio::time::sleep(BETWEEN).await;
        Ok(())
    }
}

/// The snapshots of a daemon, as they change. A slow reader misses some, never the latest.
pub struct Watch {
    wire: Wire<Stream>,
    /// Why the request could not be sent; the daemon may have said more.
    fault: Option<WireError>,
    /// How long the daemon may be silent.
    patience: Option<Duration>,
    /// When the daemon last sent a message.
    heard: Instant,
    /// The snapshot that the next changes apply to.
    latest: Option<Arc<Snapshot>>,
}

impl Watch {
    /// Returns the next snapshot; `None` when the daemon has exited. Fails when the daemon has been
    /// silent for too long; the caller may try again then. Cancel-safe.
    pub async fn next(&mut self) -> Result<Option<Arc<Snapshot>>, ClientError> {
        loop {
            let patience = self.patience.unwrap_or(Duration::MAX);
            let answer = answer(&mut self.wire, self.fault.take());
            let said = match self.heard.checked_add(patience) {
                Some(end) => timeout_at(end, answer).await,
                None => Ok(answer.await),
            };
            self.heard = Instant::now();
            let said = said.map_err(|_| ClientError::Silent {
                request: Request::Watch.name(),
                patience,
            })??;
            let snapshot = match said {
                None => return Ok(None),
                Some(Response::Snapshot(snapshot)) => Some(snapshot),
                Some(Response::Changes(changes)) => self
                    .latest
                    .as_ref()
                    .and_then(|latest| changes.apply(latest))
                    .map(Arc::new),
                Some(Response::Working) => continue,
                Some(
                    Response::Taken
                    | Response::Outcome(_)
                    | Response::Findings(_)
                    | Response::Error(_),
                ) => None,
            };
            self.latest.clone_from(&snapshot);
            return snapshot.map(Some).ok_or(ClientError::Unexpected);
        }
    }
}

/// Sends a request. The inner error is for the reader of the answer, since the daemon may have sent the
/// reason for its refusal.
async fn send(
    wire: &mut Wire<Stream>,
    request: &Request,
    patience: Option<Duration>,
) -> Result<Result<(), WireError>, ClientError> {
    within(patience, request.name(), async {
        Ok(wire.send(request).await)
    })
    .await
}

async fn within<T>(
    patience: Option<Duration>,
    request: &'static str,
    coming: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    let Some(patience) = patience else {
        return coming.await;
    };
    let silent = ClientError::Silent { request, patience };
    timeout(patience, coming).await.unwrap_or(Err(silent))
}

/// The next answer. A daemon that does not take a request says why before it closes, so that what
/// it said is read even if the request could not be sent to its end.
async fn answer(
    wire: &mut Wire<Stream>,
    unsent: Option<WireError>,
) -> Result<Option<Response>, ClientError> {
    match (wire.receive().await, unsent) {
        (Ok(Some(Response::Error(why))), _) => Err(ClientError::NotTaken(why)),
        (Ok(Some(response)), None) => Ok(Some(response)),
        (Ok(None) | Err(WireError::CutShort), None) => Ok(None),
        (Err(WireError::Io(error)), _) if is_gone(&error) => Ok(None),
        (Ok(_), Some(WireError::Io(error))) if is_gone(&error) => Ok(None),
        (Err(error), None) | (_, Some(error)) => Err(ClientError::Wire(error)),
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof
    )
}

/// A missing or dead socket means that no daemon runs; so does a stranger in its place, which the
/// next daemon sets aside.
fn unreachable(address: PathBuf, source: io::Error) -> ConnectError {
    match source.kind() {
        io::ErrorKind::NotFound
        | io::ErrorKind::ConnectionRefused
        | io::ErrorKind::NotADirectory => ConnectError::NoDaemon,
        // No process accepts the connections in the queue.
        io::ErrorKind::WouldBlock => ConnectError::Silent,
        _ => ConnectError::Io { address, source },
    }
}
