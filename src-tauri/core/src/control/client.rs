//! The client side of the control socket.

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

/// The maximum size of a response: a snapshot of a thousand services is long.
const ANSWER_LIMIT: usize = 64 << 20;

/// The time limit for the daemon's greeting. A daemon that takes longer is stopped or stuck.
const GREETING: Duration = Duration::from_secs(5);

/// The silence after which a daemon counts as stopped or stuck. A daemon that is working on a
/// request reports that every few seconds ([`Response::Working`]).
const SILENCE: Duration = Duration::from_secs(10);

/// The time limit for a request that does not wait for services, to an older daemon that does not
/// report that it is working.
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
    /// No daemon is running.
    #[error("no Pilot Light daemon is running")]
    NoDaemon,
    /// The daemon uses another version of the protocol.
    #[error(
        "the daemon is Pilot Light {version} (protocol {theirs}), this is {} (protocol {PROTOCOL}); \
         stop it with `pilotlight down` of its own version",
        env!("CARGO_PKG_VERSION")
    )]
    OtherVersion {
        /// The version of its protocol.
        theirs: u32,
        /// The version of its program.
        version: String,
    },
    /// The process that listens there is not a daemon.
    #[error("the process that listens at {} is not a Pilot Light daemon: {reason}", address.display())]
    NotADaemon {
        /// The address.
        address: PathBuf,
        /// Why it is not a daemon.
        reason: WireError,
    },
    /// The daemon accepts connections but does not respond.
    #[error("the Pilot Light daemon is not responding (waited {} s)", GREETING.as_secs())]
    Silent,
    /// A daemon holds the lock and should listen, but no process accepts connections at its socket.
    #[error(
        "the daemon ({holder}) is running, but its control socket {} is missing",
        address.display()
    )]
    NoSocket {
        /// The daemon.
        holder: Holder,
        /// The address of its socket.
        address: PathBuf,
    },
    /// The daemon is just exiting.
    #[error("the daemon closed the connection")]
    Closed,
    /// The address cannot be used, or belongs to another user.
    #[error("the daemon at {} cannot be reached: {source}", address.display())]
    Io {
        /// The address.
        address: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The daemon exited.
    #[error("the daemon exited before it replied")]
    Closed,
    /// The daemon exited before it accepted the request.
    #[error("the daemon exited before it accepted the request")]
    NotHeard,
    /// The daemon rejected the request, with the reason.
    #[error("the daemon rejected the request: {0}")]
    NotTaken(String),
    /// The response does not match the request.
    #[error("the daemon sent an unexpected response")]
    Unexpected,
    /// The request or the response could not be transmitted.
    #[error("the connection to the daemon failed: {0}")]
    Wire(WireError),
    /// The daemon is running but no longer responds.
    #[error("the Pilot Light daemon is not responding to `{request}` (waited {} s)", time_limit.as_secs())]
    Silent {
        /// The request.
        request: &'static str,
        /// How long the daemon has been silent.
        time_limit: Duration,
    },
}

impl Client {
    /// Connects to the daemon of this home, if it is running. Creates nothing on disk.
    pub async fn connect(home: &Home) -> Result<Self, ConnectError> {
        let address = home.socket();
        let stream = match local::connect(&address).await {
            Ok(stream) => stream,
            Err(source) => return Err(unreachable(address, source)),
        };
        let mut wire = Wire::new(stream, ANSWER_LIMIT);
        // A daemon that rejects its clients closes at once. Its message is more informative than
        // the send error.
        drop(wire.send(&Hello::ours()).await);
        let daemon = match timeout(GREETING, wire.receive::<Hello>()).await {
            Err(_) => return Err(ConnectError::Silent),
            Ok(Ok(Some(daemon))) => daemon,
            Ok(Ok(None) | Err(WireError::Io(_))) => return Err(ConnectError::Closed),
            Ok(Err(reason)) => return Err(ConnectError::NotADaemon { address, reason }),
        };
        if daemon.pilotlight != PROTOCOL {
            return Err(ConnectError::OtherVersion {
                theirs: daemon.pilotlight,
                version: daemon.version,
            });
        }
        Ok(Self { wire, daemon })
    }

    /// Connects to the daemon of this home, if it is running. Gives a daemon that has lost its
    /// socket time to recreate it. Creates nothing on disk.
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

    /// Returns the daemon's greeting.
    #[must_use]
    pub fn daemon(&self) -> &Hello {
        &self.daemon
    }

    /// Starts services. Returns when they are ready or one has failed.
    pub async fn up(&mut self, up: Up) -> Result<Outcome, ClientError> {
        self.start(up).await?.outcome().await
    }

    /// Sends a start of services. Returns once the daemon has accepted it, so that a request on
    /// another connection is handled after it. An older daemon does not confirm this.
    pub async fn start(&mut self, up: Up) -> Result<Starting<'_>, ClientError> {
        let request = Request::Up(up);
        let (time_limit, name) = (self.time_limit(&request), request.name());
        let unsent = send(&mut self.wire, &request, time_limit).await?.err();
        if self.daemon.hears_of_work {
            match self.response(name, time_limit, unsent).await? {
                Some(Response::Taken) => {}
                None => return Err(ClientError::NotHeard),
                Some(_) => return Err(ClientError::Unexpected),
            }
        } else if let Some(fault) = unsent {
            return Err(ClientError::Wire(fault));
        }
        Ok(Starting {
            client: self,
            time_limit,
            request: name,
        })
    }

    /// Stops services. Returns when they have verifiably exited.
    pub async fn down(&mut self, down: Down) -> Result<Outcome, ClientError> {
        self.outcome_of(Request::Down(down)).await
    }

    /// Stops services, then starts them. Returns like [`Client::up`].
    pub async fn restart(&mut self, restart: Restart) -> Result<Outcome, ClientError> {
        self.outcome_of(Request::Restart(restart)).await
    }

    /// Stops the daemon.
    pub async fn quit(&mut self, leave_running: bool) -> Result<Outcome, ClientError> {
        self.outcome_of(Request::Quit { leave_running }).await
    }

    /// Returns the current snapshot.
    pub async fn status(&mut self) -> Result<Arc<Snapshot>, ClientError> {
        self.snapshot_of(Request::Status).await
    }

    /// Returns the current snapshot with CPU and memory.
    pub async fn usage(&mut self) -> Result<Arc<Snapshot>, ClientError> {
        self.snapshot_of(Request::Usage).await
    }

    /// Returns the findings for a stack, root causes first; `None` if the daemon does not have it.
    pub async fn doctor(&mut self, doctor: Doctor) -> Result<Option<Vec<Finding>>, ClientError> {
        match self.exchange(Request::Doctor(doctor)).await? {
            Response::Findings(findings) => Ok(findings),
            _ => Err(ClientError::Unexpected),
        }
    }

    /// Follows the daemon: returns the current snapshot and later ones after each change.
    pub async fn watch(mut self) -> Result<Watch, ClientError> {
        let time_limit = self.time_limit(&Request::Watch);
        let sent = send(&mut self.wire, &Request::Watch, time_limit).await?;
        Ok(Watch {
            wire: self.wire,
            fault: sent.err(),
            time_limit,
            heard: Instant::now(),
            latest: None,
        })
    }

    /// Returns how long the daemon may be silent after this request; `None` for no limit.
    fn time_limit(&self, request: &Request) -> Option<Duration> {
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

    async fn outcome_of(&mut self, request: Request) -> Result<Outcome, ClientError> {
        outcome(self.exchange(request).await?)
    }

    async fn snapshot_of(&mut self, request: Request) -> Result<Arc<Snapshot>, ClientError> {
        match self.exchange(request).await? {
            Response::Snapshot(snapshot) => Ok(snapshot),
            _ => Err(ClientError::Unexpected),
        }
    }

    async fn exchange(&mut self, request: Request) -> Result<Response, ClientError> {
        let time_limit = self.time_limit(&request);
        let unsent = send(&mut self.wire, &request, time_limit).await?.err();
        let response = self.response(request.name(), time_limit, unsent).await?;
        response.ok_or(ClientError::Closed)
    }

    /// Returns the next response other than a liveness message; `None` when the daemon has exited.
    async fn response(
        &mut self,
        request: &'static str,
        time_limit: Option<Duration>,
        mut unsent: Option<WireError>,
    ) -> Result<Option<Response>, ClientError> {
        loop {
            let answer = answer(&mut self.wire, unsent.take());
            match within(time_limit, request, answer).await? {
                Some(Response::Working) => {}
                response => return Ok(response),
            }
        }
    }
}

/// A start that the daemon has accepted.
pub struct Starting<'a> {
    client: &'a mut Client,
    time_limit: Option<Duration>,
    request: &'static str,
}

impl Starting<'_> {
    /// Returns the outcome, once all services are ready or one has failed.
    pub async fn outcome(self) -> Result<Outcome, ClientError> {
        let response = self.client.response(self.request, self.time_limit, None);
        outcome(response.await?.ok_or(ClientError::Closed)?)
    }
}

fn outcome(response: Response) -> Result<Outcome, ClientError> {
    match response {
        Response::Outcome(outcome) => Ok(outcome),
        _ => Err(ClientError::Unexpected),
    }
}

/// Attempts to reach a daemon that is starting to listen or exiting. No event announces either.
pub struct Attempts<'a> {
    home: &'a Home,
    /// When a daemon that should listen was first found not to.
    lost_since: Option<Instant>,
}

impl<'a> Attempts<'a> {
    /// Creates the first attempt.
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

/// A stream of snapshots. A slow reader misses intermediate ones, never the latest.
pub struct Watch {
    wire: Wire<Stream>,
    /// Why the request could not be sent. The daemon may have sent a reason.
    fault: Option<WireError>,
    /// How long the daemon may be silent.
    time_limit: Option<Duration>,
    /// When the daemon last sent a message.
    heard: Instant,
    /// The snapshot to which the next changes apply.
    latest: Option<Arc<Snapshot>>,
}

impl Watch {
    /// Returns the next snapshot; `None` when the daemon has exited. Fails if the daemon has been
    /// silent for too long; the caller may then try again. Cancel-safe.
    pub async fn next(&mut self) -> Result<Option<Arc<Snapshot>>, ClientError> {
        loop {
            let time_limit = self.time_limit.unwrap_or(Duration::MAX);
            let answer = answer(&mut self.wire, self.fault.take());
            let said = match self.heard.checked_add(time_limit) {
                Some(end) => timeout_at(end, answer).await,
                None => Ok(answer.await),
            };
            self.heard = Instant::now();
            let said = said.map_err(|_| ClientError::Silent {
                request: Request::Watch.name(),
                time_limit,
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
                Some(_) => None,
            };
            self.latest.clone_from(&snapshot);
            return snapshot.map(Some).ok_or(ClientError::Unexpected);
        }
    }
}

/// Sends a request. The inner error is for the code that reads the answer, since the daemon may
/// have sent the reason for a rejection.
async fn send(
    wire: &mut Wire<Stream>,
    request: &Request,
    time_limit: Option<Duration>,
) -> Result<Result<(), WireError>, ClientError> {
    within(time_limit, request.name(), async {
        Ok(wire.send(request).await)
    })
    .await
}

async fn within<T>(
    time_limit: Option<Duration>,
    request: &'static str,
    coming: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    let Some(time_limit) = time_limit else {
        return coming.await;
    };
    let silent = ClientError::Silent {
        request,
        time_limit,
    };
    timeout(time_limit, coming).await.unwrap_or(Err(silent))
}

/// Receives the next response. A daemon that rejects a request sends the reason before it closes,
/// so the response is read even if the request could not be sent completely.
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

/// Returns the error for an address that does not accept connections. A missing or dead socket
/// means that no daemon is running. So does another file in its place, which the next daemon
/// quarantines.
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
