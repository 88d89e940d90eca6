//! The state that outlives a daemon: the running stacks and their processes. Changes are written
//! before they are reported, so that a killed daemon leaves no unknown process.

pub mod consent;
pub mod events;
mod journal;
mod line;
pub mod profile;
pub mod slots;
mod snapshot;
#[cfg(test)]
mod tests;
mod texts;

use std::{path::PathBuf, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use journal::Journal;
pub use texts::applied_text;

use crate::{
    fs::quarantine::Quarantined,
    model::{
        container::ContainerInfo,
        facts::{Mark, Process, RunId, StackId},
    },
    stack::{Mode, Port, ServiceName},
};

/// The recorded state of a home.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// The stacks that were running, in the order of their first start.
    pub stacks: Vec<RememberedStack>,
    /// The runs at the last write. They may have ended since.
    pub running: Vec<RecordedRun>,
    /// Runs from before the last boot, which are over.
    pub before_boot: Vec<RecordedRun>,
    /// Damaged files that were moved aside.
    pub quarantine: Vec<Quarantined>,
}

/// A stack that was running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RememberedStack {
    /// Its identifier.
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
pub struct RecordedRun {
    /// Its stack.
    pub stack: StackId,
    /// The service.
    pub service: ServiceName,
    /// The run.
    pub run: RunId,
    /// Its first process.
    pub process: Process,
    /// Its container; the first process then follows the log of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Arc<ContainerInfo>>,
    /// The claimed port.
    pub port: Option<Port>,
    /// When it started.
    pub since: Timestamp,
    /// Whether it has been ready.
    pub ready: bool,
    /// Whether its first process has exited and the service is a process that it left behind.
    pub daemon: bool,
}

impl RecordedRun {
    /// Returns the mark of its processes.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark {
            stack: self.stack.clone(),
            service: self.service.clone(),
            run: self.run,
        }
    }
}
