//! The side that asks.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use interprocess::local_socket::tokio::Stream;
use tokio::time::timeout;

use super::{
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
    /// The keeper did not take the request, and why.
    #[error("be heard by the keeper: {0}")]
    NotTaken(String),
    /// The keeper answered something else than was asked.
    #[error("understand the keeper: it answered something else than was asked")]
    Unexpected,
    /// The message or its answer did not come through.
    #[error("speak to the keeper: {0}")]
    Wire(WireError),
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

    /// What the keeper said of itself.
    #[must_use]
    pub fn keeper(&self) -> &Hello {
        &self.keeper
    }

    /// Starts services; returns when they are ready or one has failed.
    pub async fn up(&mut self, up: Up) -> Result<Outcome, ClientError> {
        self.act(Request::Up(up)).await
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
            Response::Outcome(_) | Response::Snapshot(_) | Response::Error(_) => {
                Err(ClientError::Unexpected)
            }
        }
    }

    /// Follows the keeper: a snapshot now and after every change.
    pub async fn watch(mut self) -> Result<Watch, ClientError> {
        let sent = self.wire.send(&Request::Watch).await;
        Ok(Watch {
            wire: self.wire,
            fault: sent.err(),
        })
    }

    async fn act(&mut self, request: Request) -> Result<Outcome, ClientError> {
        match self.exchange(request).await? {
            Response::Outcome(outcome) => Ok(outcome),
            Response::Snapshot(_) | Response::Findings(_) | Response::Error(_) => {
                Err(ClientError::Unexpected)
            }
        }
    }

    async fn look(&mut self, request: Request) -> Result<Arc<Snapshot>, ClientError> {
        match self.exchange(request).await? {
            Response::Snapshot(snapshot) => Ok(snapshot),
            Response::Outcome(_) | Response::Findings(_) | Response::Error(_) => {
                Err(ClientError::Unexpected)
            }
        }
    }

    async fn exchange(&mut self, request: Request) -> Result<Response, ClientError> {
        let sent = self.wire.send(&request).await;
        answer(&mut self.wire, sent.err())
            .await?
            .ok_or(ClientError::Closed)
    }
}

/// The snapshots of a keeper, as they change. A slow reader misses some, never the latest.
pub struct Watch {
    wire: Wire<Stream>,
    /// Why the request could not be sent; the keeper may have said more.
    fault: Option<WireError>,
}

impl Watch {
    /// The next snapshot; `None` when the keeper has ended. Cancel-safe.
    pub async fn next(&mut self) -> Result<Option<Arc<Snapshot>>, ClientError> {
        match answer(&mut self.wire, self.fault.take()).await? {
            None => Ok(None),
            Some(Response::Snapshot(snapshot)) => Ok(Some(snapshot)),
            Some(Response::Outcome(_) | Response::Findings(_) | Response::Error(_)) => {
                Err(ClientError::Unexpected)
            }
        }
    }
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
        _ => ConnectError::Io { address, source },
    }
}
