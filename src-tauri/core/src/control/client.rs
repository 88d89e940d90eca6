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
    home::Home,
    model::{finding::Finding, view::Snapshot},
    platform::local,
};

/// A keeper's answer may be long: a snapshot of a thousand services.
const ANSWER_LIMIT: usize = 64 << 20;

/// A keeper greets at once. One that does not is stopped or stuck.
const GREETING: Duration = Duration::from_secs(5);

/// A daemon that works on a request says so every few seconds ([`Response::Working`]), so that a
/// longer silence means that it is stopped or stuck.
const SILENCE: Duration = Duration::from_secs(10);

/// How long a daemon of an earlier version, which does not say that it works, may take for what
/// needs no waiting for services.
const UNTOLD: Duration = Duration::from_secs(30);

/// How long a daemon may take to make its socket again when that was deleted.
const LISTENS_ANEW: Duration = Duration::from_secs(1);

/// Between two attempts to reach a daemon.
const BETWEEN: Duration = Duration::from_millis(10);

/// A connection to the keeper of a home.
pub struct Client {
    wire: Wire<Stream>,
    keeper: Hello,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody keeps this home.
    #[error("reach a keeper: none runs")]
    NoKeeper,
    /// The keeper is of a version that speaks otherwise.
    #[error(
        "speak to the keeper: it is Pilot Light {version} (protocol {theirs}), this is {} \
         (protocol {PROTOCOL}); end it with its own version's `pilotlight down`",
        env!("CARGO_PKG_VERSION")
    )]
    OtherVersion {
        /// The version of its protocol.
        theirs: u32,
        /// The version of its program.
        version: String,
    },
    /// Whoever listens there is no keeper.
    #[error("speak to the keeper: who listens at {} does not answer as one: {reason}", address.display())]
    NotAKeeper {
        /// Where.
        address: PathBuf,
        /// What came instead.
        reason: WireError,
    },
    /// The keeper is there and says nothing.
    #[error("hear from the keeper within {} s: it is stopped or stuck", GREETING.as_secs())]
    Silent,
    /// A daemon has the lock and should listen, and nothing takes connections where its socket
    /// belongs. A sentence of its own.
    #[error(
        "the daemon ({holder}) runs, but its control socket {} is gone",
        address.display()
    )]
    NoSocket {
        /// The daemon.
        holder: Holder,
        /// Where its socket belongs.
        address: PathBuf,
    },
    /// The keeper ended in this moment.
    #[error("hear from the keeper: it closed the connection")]
    Closed,
    /// The address cannot be used, or is somebody else's.
    #[error("reach the keeper at {}: {source}", address.display())]
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
    /// The keeper ended or was ended.
    #[error("hear from the keeper: it ended before it answered")]
    Closed,
    /// The keeper ended before it took the request.
    #[error("be heard by the keeper: it ended before it took the request")]
    NotHeard,
    /// The keeper did not take the request, and why.
    #[error("be heard by the keeper: {0}")]
    NotTaken(String),
    /// The keeper answered something else than was asked.
    #[error("understand the keeper: it answered something else than was asked")]
    Unexpected,
    /// The message or its answer did not come through.
    #[error("speak to the keeper: {0}")]
    Wire(WireError),
    /// The daemon is there and says nothing more. A sentence of its own.
    #[error("the daemon has not answered `{request}` for {} s: it is stopped or stuck", patience.as_secs())]
    Silent {
        /// What it was asked.
        request: &'static str,
        /// How long it has said nothing.
        patience: Duration,
    },
}

impl Client {
    /// Connects to the keeper of this home, if there is one. Makes nothing on disk.
    pub async fn connect(home: &Home) -> Result<Self, ConnectError> {
        let address = home.socket();
        let stream = match local::connect(&address).await {
            Ok(stream) => stream,
            Err(source) => return Err(unreachable(address, source)),
        };
        let mut wire = Wire::new(stream, ANSWER_LIMIT);
        // A keeper that turns its clients away closes at once; what it said before tells more than
        // that this could not be sent.
        drop(wire.send(&Hello::ours()).await);
        let keeper = match timeout(GREETING, wire.receive::<Hello>()).await {
            Err(_) => return Err(ConnectError::Silent),
            Ok(Ok(Some(keeper))) => keeper,
            Ok(Ok(None) | Err(WireError::Io(_))) => return Err(ConnectError::Closed),
            Ok(Err(reason)) => return Err(ConnectError::NotAKeeper { address, reason }),
        };
        if keeper.pilotlight != PROTOCOL {
            return Err(ConnectError::OtherVersion {
                theirs: keeper.pilotlight,
                version: keeper.version,
            });
        }
        Ok(Self { wire, keeper })
    }

    /// Connects to the daemon of this home, if one has it. One that has lost its socket is given a
    /// moment to make it again. Makes nothing on disk.
    pub async fn find(home: &Home) -> Result<Option<Self>, ConnectError> {
        let mut attempts = Attempts::new(home);
        loop {
            match Self::connect(home).await {
                Ok(client) => return Ok(Some(client)),
                Err(ConnectError::NoKeeper | ConnectError::Closed) => {}
                Err(error) => return Err(error),
            }
            match Lock::holder(home).map(|holder| holder.phase) {
                // It is about to listen, or to end.
                None | Some(Some(Phase::Starting | Phase::Ending)) => return Ok(None),
                Some(Some(Phase::Listening) | None) => attempts.pause().await?,
            }
        }
    }

    /// What the keeper said of itself.
    #[must_use]
    pub fn keeper(&self) -> &Hello {
        &self.keeper
    }

    /// Starts services; returns when they are ready or one has failed.
    pub async fn up(&mut self, up: Up) -> Result<Outcome, ClientError> {
        self.start(up).await?.outcome().await
    }

    /// Hands in a start of services. Returns once the daemon has taken it, so that a request of
    /// another connection comes after it. One of an earlier version does not say so.
    pub async fn start(&mut self, up: Up) -> Result<Starting<'_>, ClientError> {
        let request = Request::Up(up);
        let (patience, name) = (self.patience(&request), request.name());
        let unsent = send(&mut self.wire, &request, patience).await?.err();
        if self.keeper.hears_of_work {
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

    /// Ends the keeper.
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

    /// What is wrong with a stack, root causes first; `None` if the keeper does not have it.
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

    /// Follows the keeper: a snapshot now and after every change.
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

    /// How long the daemon may say nothing when it is asked this; `None` for any time.
    fn patience(&self, request: &Request) -> Option<Duration> {
        match request {
            _ if self.keeper.hears_of_work => Some(SILENCE),
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

    /// The next response that tells more than that the daemon is alive; `None` when it has ended.
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

/// A start that the daemon has taken.
pub struct Starting<'a> {
    client: &'a mut Client,
    patience: Option<Duration>,
    request: &'static str,
}

impl Starting<'_> {
    /// The outcome, once all is ready or a service has failed.
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

/// Attempts to reach a daemon that is about to listen, or to end, which nothing tells of.
pub struct Attempts<'a> {
    home: &'a Home,
    /// Since when a daemon that should listen does not.
    lost_since: Option<Instant>,
}

impl<'a> Attempts<'a> {
    /// The first is about to be made.
    #[must_use]
    pub fn new(home: &'a Home) -> Self {
        Self {
            home,
            lost_since: None,
        }
    }

    /// Waits before the next attempt. Fails where a daemon has the lock and does not make the socket
    /// again that it has lost.
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

/// The snapshots of a keeper, as they change. A slow reader misses some, never the latest.
pub struct Watch {
    wire: Wire<Stream>,
    /// Why the request could not be sent; the keeper may have said more.
    fault: Option<WireError>,
    /// How long the daemon may say nothing.
    patience: Option<Duration>,
    /// When it said something last.
    heard: Instant,
    /// What the next changes are changes of.
    latest: Option<Arc<Snapshot>>,
}

impl Watch {
    /// Returns the next snapshot; `None` when the keeper has ended. Fails when the daemon has said
    /// nothing for too long; it may be asked again then. Cancel-safe.
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

/// Sends a request. The inner error is for the reader of the answer, since the keeper may have said
/// why it does not take the request.
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

/// The next answer. A keeper that does not take a request says why before it closes, so that what
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

/// A missing or dead socket means that no keeper runs; so does a stranger in its place, which the
/// next keeper sets aside.
fn unreachable(address: PathBuf, source: io::Error) -> ConnectError {
    match source.kind() {
        io::ErrorKind::NotFound
        | io::ErrorKind::ConnectionRefused
        | io::ErrorKind::NotADirectory => ConnectError::NoKeeper,
        // Nothing takes the connections that wait there already.
        io::ErrorKind::WouldBlock => ConnectError::Silent,
        _ => ConnectError::Io { address, source },
    }
}
