//! The files whose changes a service reacts to.

use std::time::Duration;

use super::{ServiceName, Signal};

/// The files whose changes a service reacts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Patterns with `*`, `**`, `?`, `[…]` and `{a,b}`, relative to the service's folder.
    pub paths: Vec<String>,
    /// Patterns of files that are left out, relative to the same folder.
    pub ignore: Vec<String>,
    /// How long no further file must change.
    pub debounce: Duration,
    /// The reaction to a change.
    pub reaction: Reaction,
    /// Whether the services that depend on it restart too.
    pub cascade: bool,
}

/// The reaction of a service to a changed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// The service restarts.
    Restart,
    /// The service gets a signal.
    Signal(Signal),
    /// A task runs.
    Task(ServiceName),
}
