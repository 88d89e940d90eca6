//! What is remembered across daemons: which stacks are up, and who runs as which process. It is
//! written down before it is reported, so that a daemon that is killed leaves nothing unknown.

pub mod consent;
mod journal;
mod line;
mod snapshot;
mod stacks;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use journal::Journal;

use crate::{
    fs::quarantine::Quarantined,
    model::facts::{Mark, Process, RunId, StackId},
    stack::{Mode, Port, ServiceName},
};

/// What a daemon finds when it opens its home.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// The stacks that were up, in the order in which they were started first.
    pub stacks: Vec<RememberedStack>,
    /// What ran when the last daemon wrote; whether it still does is for the adopter to find out.
    pub running: Vec<Running>,
    /// What ran before the machine started anew, and therefore is gone.
    pub before_boot: Vec<Running>,
    /// What was damaged and is kept under another name, to be said.
    pub quarantine: Vec<Quarantined>,
}

/// A stack that was up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RememberedStack {
    /// What tells it from others.
    pub id: StackId,
    /// Its stack file, absolute. It may have been changed or deleted meanwhile.
    pub file: PathBuf,
    /// Its mode.
    pub mode: Mode,
    /// The text of the stack file as it was applied; `None` if the copy is lost.
    pub text: Option<String>,
}

/// A run of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Whose service it is.
    pub stack: StackId,
    /// The service.
    pub service: ServiceName,
    /// The run.
    pub run: RunId,
    /// Its first process.
    pub process: Process,
    /// The port that it was given.
    pub port: Option<Port>,
    /// When it began.
    pub since: Timestamp,
    /// Whether it has been ready.
    pub ready: bool,
    /// Whether its first process has ended, and what that left behind is the service now.
    pub daemon: bool,
}

impl Running {
    /// What its processes carry.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark {
            stack: self.stack.clone(),
            service: self.service.clone(),
            run: self.run,
        }
    }
}
