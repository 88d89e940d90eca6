//! What tray, window and command line show: the snapshot, and nothing that would have to be
//! computed from it. Its JSON is a contract (`pilotlight status --json`).

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    facts::{Exit, RunId},
    finding::Finding,
};
use crate::stack::{Mode, Port, ServiceName};

/// The latest whole truth about all stacks of a daemon.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Snapshot {
    /// In the order in which they were started first.
    pub stacks: Vec<Arc<StackView>>,
}

/// A stack as people see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct StackView {
    /// Its name.
    pub name: String,
    /// Its stack file, absolute: what tells it from others.
    #[serde(with = "crate::fs::native_text")]
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub file: PathBuf,
    /// Its mode.
    pub mode: Mode,
    /// The worst of its services.
    pub light: Light,
    /// In the order of the stack file.
    pub services: Vec<Arc<ServiceView>>,
    /// What is wrong, root causes first, each once: what the diagnosis found that begins by itself
    /// when a service fails, is unhealthy or blocked, or a check fails. Empty until it has found
    /// something, and again when anything has changed.
    #[serde(default)]
    pub findings: Vec<Arc<Finding>>,
}

impl StackView {
    /// Returns the service of this name. It is looked for at `place` first, where it mostly is if another
    /// view of the stack has it there.
    #[must_use]
    pub fn service(&self, name: &ServiceName, place: usize) -> Option<&Arc<ServiceView>> {
        let is_it = |service: &&Arc<ServiceView>| service.name == *name;
        let there = self.services.get(place).filter(is_it);
        there.or_else(|| self.services.iter().find(is_it))
    }

    /// Whether nothing of it is wanted or runs.
    #[must_use]
    pub fn is_dark(&self) -> bool {
        self.services
            .iter()
            .all(|service| service.light == Light::Off)
    }
}

/// A service as people see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct ServiceView {
    /// Its name.
    pub name: ServiceName,
    /// Where it is.
    pub phase: PhaseName,
    /// What a person sees of it.
    pub light: Light,
    /// Its first process, while it runs.
    pub pid: Option<u32>,
    /// The port that it has, or is to have.
    pub port: Option<Port>,
    /// Since when it is in its phase.
    #[cfg_attr(feature = "typescript", ts(type = "string | null"))]
    pub since: Option<Timestamp>,
    /// How often it was started again by itself since it was last asked for.
    pub restarts: u32,
    /// How long the latest round of probes took.
    pub latency_ms: Option<f64>,
    /// Of one core; filled where it is shown.
    pub cpu_percent: Option<f64>,
    /// Of its whole tree; filled where it is shown.
    #[cfg_attr(feature = "typescript", ts(type = "number | null"))]
    pub memory_bytes: Option<u64>,
    /// The needs that it waits for.
    pub waiting_for: Vec<ServiceName>,
    /// How its latest run ended.
    pub last_exit: Option<Exit>,
    /// Whether an earlier daemon started what runs now.
    pub adopted: bool,
    /// Whether it is only watched.
    pub external: bool,
    /// The present or latest run: the name of its log.
    pub run: Option<RunId>,
    /// When the present run began, or the latest one.
    #[cfg_attr(feature = "typescript", ts(type = "string | null"))]
    pub started: Option<Timestamp>,
    /// What it needs.
    pub needs: Vec<ServiceName>,
    /// Addresses to open, by label.
    #[cfg_attr(feature = "typescript", ts(type = "Record<string, string>"))]
    pub links: BTreeMap<String, String>,
    /// Why it is red, where that is known: once it has been diagnosed, the root cause, which may be
    /// another service's.
    pub finding: Option<Arc<Finding>>,
    /// What was done that a person would want to know: whom a port was taken from.
    pub note: Option<String>,
}

impl ServiceView {
    /// Where it is, in a few words.
    #[must_use]
    pub fn state(&self) -> String {
        let word = match self.phase {
            PhaseName::Stopped if !self.waiting_for.is_empty() => {
                let needs = self.waiting_for.iter().map(ServiceName::as_str);
                return format!("waits for {}", needs.collect::<Vec<_>>().join(", "));
            }
            PhaseName::Stopped => match self.light {
                Light::Green => "completed",
                Light::Off => "off",
                Light::Amber | Light::Red => "not running",
            },
            PhaseName::Claiming => "claims its port",
            PhaseName::Starting => "starting",
            PhaseName::Ready if self.light == Light::Amber => "a check fails",
            PhaseName::Ready => "ready",
            PhaseName::Unhealthy => "unhealthy",
            PhaseName::Stopping => "stopping",
            PhaseName::Backoff => "restarts",
            PhaseName::Blocked => "blocked",
            PhaseName::Failed => "failed",
        };
        word.to_owned()
    }
}

/// Where a service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum PhaseName {
    /// Nothing of it runs.
    Stopped,
    /// Its port is being made free.
    Claiming,
    /// It runs and is not ready yet.
    Starting,
    /// Its probes pass.
    Ready,
    /// It runs, had been ready, and its probes fail.
    Unhealthy,
    /// It is being ended.
    Stopping,
    /// It failed and is started again after a pause.
    Backoff,
    /// It was not started: something stands in its way.
    Blocked,
    /// It was given up.
    Failed,
}

/// What a person sees. Ordered from the best to the worst, so that a stack shows its maximum.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum Light {
    /// Not wanted, and nothing of it runs.
    #[default]
    Off,
    /// All is well.
    Green,
    /// On its way, or a check fails.
    Amber,
    /// Failed, blocked, unhealthy, gone.
    Red,
}
