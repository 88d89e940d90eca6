//! The messages of the control socket.

use std::{path::PathBuf, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::changes::Changes;
use crate::{
    effects::gather::Patience,
    env::Env,
    model::{finding::Finding, view::Snapshot},
    stack::ServiceName,
};

/// The version of the protocol. It changes when a client and a daemon of different versions would
/// misunderstand each other.
pub const PROTOCOL: u32 = 1;

/// The interval at which a daemon reports that it still works on a request.
pub(super) const ALIVE: Duration = Duration::from_secs(3);

/// The first message in each direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version of the protocol, [`PROTOCOL`].
    pub pilotlight: u32,
    /// The version of the program.
    pub version: String,
    /// From a client: whether it understands [`Response::Working`] and [`Response::Taken`]. From a
    /// daemon: whether it sends them.
    #[serde(default)]
    pub hears_of_work: bool,
    /// Whether it understands, or sends, [`Response::Changes`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub changes: bool,
    /// From a client: the name of the program on whose behalf it makes requests, such as a coding
    /// agent. Shown to the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
}

tokio::task_local! {
    /// The name that a task sends in its greetings.
    static CLIENT: Option<String>;
}

/// The maximum length of a client's name.
const LONGEST_NAME: usize = 60;

/// Makes the requests of `work` on behalf of a program. A task that `work` spawns needs its own
/// call, with [`client`].
pub fn on_behalf_of<T>(
    client: Option<String>,
    work: impl Future<Output = T>,
) -> impl Future<Output = T> {
    let shown = client.map(|name| {
        let shown = name.chars().filter(|c| !c.is_control());
        shown.take(LONGEST_NAME).collect()
    });
    CLIENT.scope(shown, work)
}

/// Returns the name of the program on whose behalf this task makes requests.
#[must_use]
pub fn client() -> Option<String> {
    CLIENT.try_with(Clone::clone).unwrap_or_default()
}

impl Hello {
    /// Returns the greeting of this program.
    #[must_use]
    pub fn ours() -> Self {
        Self {
            pilotlight: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            hears_of_work: true,
            changes: true,
            client: client(),
        }
    }
}

/// A request of a client. One at a time on a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Start services and what they need. Answered when they are ready or one has failed.
    Up(Up),
    /// Stop services. Answered when they have verifiably exited.
    Down(Down),
    /// Stop services, then start them. Answered like [`Request::Up`].
    Restart(Restart),
    /// Return the current snapshot.
    Status,
    /// Return the current snapshot with CPU and memory, which take a moment to measure.
    Usage,
    /// Send the current snapshot, and later ones or their changes until the client closes the
    /// connection.
    Watch,
    /// Diagnose a stack now. A daemon that does not know this request rejects it as malformed.
    Doctor(Doctor),
    /// Stop the daemon.
    Quit {
        /// Whether the services keep running, for a later daemon to adopt.
        leave_running: bool,
    },
}

impl Request {
    /// Returns the name of the command.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Up(_) => "up",
            Self::Down(_) => "down",
            Self::Restart(_) => "restart",
            Self::Status | Self::Usage => "status",
            Self::Watch => "watch",
            Self::Doctor(_) => "doctor",
            Self::Quit { .. } => "quit",
        }
    }
}

/// Start services and what they need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Up {
    /// The stack file, absolute.
    #[serde(with = "crate::fs::native_text")]
    pub file: PathBuf,
    /// The services; none means all.
    pub services: Vec<ServiceName>,
    /// The environment of the caller, with which its services start.
    pub environment: Env,
}

/// Stop services, dependents first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Down {
    /// The stack file, absolute; without one, every stack.
    #[serde(with = "crate::fs::native_text::optional")]
    pub file: Option<PathBuf>,
    /// The services; none means all.
    pub services: Vec<ServiceName>,
    /// Whether to kill them without a grace period.
    pub kill: bool,
}

/// Stop services, then start them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    /// The stack file, absolute.
    #[serde(with = "crate::fs::native_text")]
    pub file: PathBuf,
    /// The services; none means all.
    pub services: Vec<ServiceName>,
}

/// Diagnose a stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doctor {
    /// The stack file, absolute.
    #[serde(with = "crate::fs::native_text")]
    pub file: PathBuf,
    /// The time limit in milliseconds; without one, each probe and check has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_ms: Option<u64>,
}

impl Doctor {
    /// Returns how long to wait for responses.
    #[must_use]
    pub fn within(&self) -> Patience {
        self.within_ms.map_or(Patience::Own, |limit| {
            Patience::Within(Duration::from_millis(limit))
        })
    }
}

/// A response of the daemon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// The daemon has accepted the request; the outcome follows. Sent before the outcome of
    /// [`Request::Up`], and only to a client that understands it.
    Taken,
    /// The outcome of a request.
    Outcome(Outcome),
    /// The requested snapshot.
    Snapshot(Arc<Snapshot>),
    /// The changes since the previous snapshot, for a watching client whose [`Hello`] announces
    /// that it understands them.
    Changes(Changes),
    /// The findings, root causes first; `None` if the daemon does not have the stack.
    Findings(Option<Vec<Finding>>),
    /// The request was rejected, and the connection ends.
    Error(String),
    /// The daemon still works on the request, or has no news for a watcher. Sent only to clients
    /// whose [`Hello`] announces that they understand this.
    Working,
}

/// The outcome of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum Outcome {
    /// The request succeeded.
    Done,
    /// The request failed.
    Failed {
        /// A sentence.
        message: String,
        /// The known causes.
        findings: Vec<Finding>,
    },
    /// The request was rejected, with the reason: the stack file is invalid, for example.
    Refused(String),
    /// A later request asked for the opposite. A sentence that names it.
    Overruled(String),
    /// The daemon is exiting, and leaves its services running.
    Ending {
        /// Whether the request had an effect: `false` means that the next daemon may carry it out.
        taken: bool,
    },
}

impl Outcome {
    /// The outcome of a request that came too late.
    pub const NOT_TAKEN: Self = Self::Ending { taken: false };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(message: &impl Serialize) -> String {
        serde_json::to_string(message).unwrap()
    }

    #[test]
    fn messages_have_their_documented_form() {
        assert_eq!(
            json(&Request::Up(Up {
                file: "/srv/nexus/pilotlight.toml".into(),
                services: vec!["redis".into()],
                environment: [("HOME", "/home/ada")].into(),
            })),
            r#"{"up":{"file":"/srv/nexus/pilotlight.toml","services":["redis"],"environment":[["HOME","/home/ada"]]}}"#
        );
        assert_eq!(json(&Request::Status), r#""status""#);
        assert_eq!(
            json(&Request::Quit {
                leave_running: true
            }),
            r#"{"quit":{"leave_running":true}}"#
        );
        assert_eq!(
            json(&Response::Outcome(Outcome::Done)),
            r#"{"outcome":"done"}"#
        );
        assert_eq!(json(&Response::Error("no".into())), r#"{"error":"no"}"#);
    }

    #[test]
    fn a_later_version_may_add_fields_to_its_hello() {
        let hello: Hello =
            serde_json::from_str(r#"{"pilotlight":2,"version":"3.0.0","features":[]}"#).unwrap();
        assert_eq!((hello.pilotlight, hello.hears_of_work), (2, false));
    }
}
