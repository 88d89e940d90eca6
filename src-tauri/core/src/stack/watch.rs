//! The files whose changes affect a service.

use std::time::Duration;

use super::{ServiceName, Signal};

/// The files whose changes affect a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Patterns with `*`, `**`, `?`, `[…]` and `{a,b}`, relative to the service's folder.
    pub paths: Vec<String>,
    /// Patterns of excluded files, relative to the same folder.
    pub ignore: Vec<String>,
    /// How long no further file may change before the reaction.
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
