//! The snapshot that tray, window and command line show, and its words. The JSON is a contract
//! (`pilotlight status --json`).

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    container::ContainerInfo,
    facts::{Exit, RunId},
    finding::{Finding, Symptom},
};
use crate::stack::{DEFAULT_PROFILE, Mode, Port, ServiceName, Stack};

/// The state of all stacks of a daemon.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Snapshot {
    /// The stacks, in the order in which they were first started.
    pub stacks: Vec<Arc<StackView>>,
}

impl Snapshot {
    /// Returns the stack of this file.
    #[must_use]
    pub fn stack(&self, file: &Path) -> Option<&Arc<StackView>> {
        self.stacks.iter().find(|stack| stack.file == file)
    }

    /// Returns whether a service of this stack is wanted or running.
    #[must_use]
    pub fn has_alive(&self, file: &Path) -> bool {
        self.stack(file).is_some_and(|stack| !stack.is_dark())
    }
}

/// A stack as users see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct StackView {
    /// Its name.
    pub name: String,
    /// The absolute path of its stack file, which identifies the stack.
    #[serde(with = "crate::fs::native_text")]
    #[schemars(with = "String")]
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub file: PathBuf,
    /// Its mode.
    pub mode: Mode,
    /// The worst light of its services.
    pub light: Light,
    /// Its profiles, if it has any: `default` first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<Vec<ProfileView>>"))]
    pub profiles: Vec<ProfileView>,
    /// The services, in the order of the stack file.
    pub services: Vec<Arc<ServiceView>>,
    /// The findings, root causes first, each once. The diagnosis runs automatically when a service
    /// fails, is unhealthy or blocked, or a check fails. Empty until it has finished, and again
    /// after a change.
    #[serde(default)]
    pub findings: Vec<Arc<Finding>>,
    /// The program that requested the start of the stack, if it gave its name: a coding agent does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub started_by: Option<StartedBy>,
    /// The branch of its checkout, or the folder if no branch is checked out. Present if the daemon
    /// knows other checkouts of the stack, or if this one has its own ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub checkout: Option<String>,
}

/// A profile of a stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct ProfileView {
    /// Its name.
    pub name: String,
    /// Whether the stack was started with it.
    pub chosen: bool,
}

impl ProfileView {
    /// Returns the profiles of a stack; none if it has no choice.
    #[must_use]
    pub fn of(stack: &Stack) -> Vec<Self> {
        if stack.profiles.is_empty() {
            return Vec::new();
        }
        let is_default = |name: &str| name == DEFAULT_PROFILE;
        let others = stack.profiles.iter().map(String::as_str);
        let names = others.filter(|name| !is_default(name));
        let profiles = std::iter::once(DEFAULT_PROFILE).chain(names);
        profiles
            .map(|name| Self {
                name: name.to_owned(),
                chosen: stack.chosen.iter().any(|chosen| chosen == name)
                    || is_default(name) && stack.chosen.is_empty(),
            })
            .collect()
    }
}

/// The program that requested a start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct StartedBy {
    /// Its name.
    pub client: String,
    /// The time of the request.
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    #[schemars(with = "String")]
    pub at: Timestamp,
}

impl StackView {
    /// Returns its name, followed by its checkout if that is shown: `nexus · feature-x`.
    #[must_use]
    pub fn title(&self) -> String {
        match &self.checkout {
            Some(checkout) => format!("{} · {checkout}", self.name),
            None => self.name.clone(),
        }
    }

    /// Returns the service of this name. Tries the index `place` first, which may be its position
    /// in another view of the stack.
    #[must_use]
    pub fn service(&self, name: &ServiceName, place: usize) -> Option<&Arc<ServiceView>> {
        let is_it = |service: &&Arc<ServiceView>| service.name == *name;
        let there = self.services.get(place).filter(is_it);
        there.or_else(|| self.services.iter().find(is_it))
    }

    /// Returns whether every service is off.
    #[must_use]
    pub fn is_dark(&self) -> bool {
        self.services
            .iter()
            .all(|service| service.light == Light::Off)
    }

    /// Describes the state of the stack: `stopped`, `all 3 ready`, `1 of 3 ready, redis failed`.
    /// Terminal, tray and window show this text.
    #[must_use]
    pub fn summary(&self) -> String {
        let count =
            |has: fn(&ServiceView) -> bool| self.services.iter().filter(|it| has(it)).count();
        let total = self.services.len() - count(ServiceView::is_idle_task);
        if self.services.is_empty() {
            return "no services".to_owned();
        }
        if self.is_dark() {
            return "stopped".to_owned();
        }
        let ready = count(|service| service.light == Light::Green);
        let mut text = match ready {
            1 if total == 1 => "ready".to_owned(),
            ready if ready == total => format!("all {total} ready"),
            ready => format!("{ready} of {total} ready"),
        };
        let stopping = count(|service| service.phase == PhaseName::Stopping);
        if stopping > 0 {
            // Writing to a string cannot fail.
            let _ = write!(text, ", {stopping} stopping");
        }
        let mut problems = self.services.iter().filter(|service| service.has_problem());
        match (problems.next(), problems.count()) {
            (Some(only), 0) => {
                let _ = write!(text, ", {} {}", only.name, only.state());
            }
            (Some(_), more) => {
                let _ = write!(text, ", {} problems", more + 1);
            }
            (None, _) => {}
        }
        text
    }
}

/// A service as users see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct ServiceView {
    /// Its name.
    pub name: ServiceName,
    /// Its phase.
    pub phase: PhaseName,
    /// Its status light.
    pub light: Light,
    /// The PID of its first process, while it is running.
    pub pid: Option<u32>,
    /// Its port, or the port that it will use.
    pub port: Option<Port>,
    /// Its named ports.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(
        feature = "typescript",
        ts(optional, as = "Option<BTreeMap<String, Port>>")
    )]
    pub ports: BTreeMap<String, Port>,
    /// The time at which its phase began.
    #[cfg_attr(feature = "typescript", ts(type = "string | null"))]
    #[schemars(with = "Option<String>")]
    pub since: Option<Timestamp>,
    /// The container that runs it, now or in its latest run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub container: Option<ContainerInfo>,
    /// The number of automatic restarts since the last request.
    pub restarts: u32,
    /// The duration of the latest round of probes.
    pub latency_ms: Option<f64>,
    /// CPU use in percent of one core; only filled on request.
    pub cpu_percent: Option<f64>,
    /// Memory of its process tree; only filled on request.
    #[cfg_attr(feature = "typescript", ts(type = "number | null"))]
    pub memory_bytes: Option<u64>,
    /// The dependencies that it is waiting for.
    pub waiting_for: Vec<ServiceName>,
    /// The exit of its latest run.
    pub last_exit: Option<Exit>,
    /// Whether an earlier daemon started the current run.
    pub adopted: bool,
    /// Whether it is only monitored.
    pub external: bool,
    /// Whether it is a task, which runs to its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<bool>"))]
    pub task: bool,
    /// When the task is due next, by its schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional, type = "string"))]
    #[schemars(with = "Option<String>")]
    pub next_run: Option<Timestamp>,
    /// The current or latest run, which names its log.
    pub run: Option<RunId>,
    /// The time at which the current or latest run began.
    #[cfg_attr(feature = "typescript", ts(type = "string | null"))]
    #[schemars(with = "Option<String>")]
    pub started: Option<Timestamp>,
    /// Its dependencies.
    pub needs: Vec<ServiceName>,
    /// Links by label.
    #[cfg_attr(feature = "typescript", ts(type = "Record<string, string>"))]
    pub links: BTreeMap<String, String>,
    /// Why it is red, if known. After the diagnosis, the root cause, which may be in another service.
    pub finding: Option<Arc<Finding>>,
    /// An action that the user should know of, such as the process that was stopped to free its port.
    pub note: Option<String>,
}

impl ServiceView {
    /// Describes the state, with [`PhaseName::words`].
    #[must_use]
    pub fn state(&self) -> String {
        if self.phase == PhaseName::Stopped && !self.waiting_for.is_empty() {
            let needs: Vec<&str> = self.waiting_for.iter().map(ServiceName::as_str).collect();
            return format!("{WAITING_FOR} {}", needs.join(", "));
        }
        match (self.task, self.phase) {
            (true, PhaseName::Starting) => return "running".to_owned(),
            (true, PhaseName::Stopped) if self.light == Light::Off => return "not run".to_owned(),
            (true, PhaseName::Stopped) if self.run.is_none() => return "scheduled".to_owned(),
            _ => {}
        }
        self.phase.words(self.light).to_owned()
    }

    /// Describes why the service is amber or red, unless its own finding does: the failing check,
    /// the service that causes it, or how the last run ended.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        let finding = self.finding.as_deref();
        let because = finding
            .filter(|finding| finding.service != self.name)
            .map(|finding| format!("because of {}", finding.service));
        match self.phase {
            PhaseName::Ready if self.light == Light::Amber => {
                let own = |symptom: &&Symptom| symptom.service == self.name;
                let mut symptoms = finding.iter().flat_map(|finding| &finding.symptoms);
                let check = symptoms
                    .find(own)
                    .and_then(|symptom| symptom.check.as_ref());
                check.map(|check| format!("“{check}”")).or(because)
            }
            PhaseName::Unhealthy | PhaseName::Blocked => because,
            PhaseName::Failed | PhaseName::Backoff => {
                because.or_else(|| self.last_exit.map(Exit::words))
            }
            PhaseName::Stopped
            | PhaseName::Claiming
            | PhaseName::Starting
            | PhaseName::Ready
            | PhaseName::Stopping => None,
        }
    }

    /// Returns whether it is a task that was not requested, which does not affect the state of its
    /// stack.
    #[must_use]
    pub fn is_idle_task(&self) -> bool {
        self.task && self.light == Light::Off
    }

    /// Returns whether something is wrong with the service: it is red, or one of its checks fails.
    #[must_use]
    pub fn has_problem(&self) -> bool {
        let fails = self.light == Light::Amber && self.phase == PhaseName::Ready;
        fails || self.light == Light::Red
    }
}

/// The words before the names of the services that a service waits for.
pub const WAITING_FOR: &str = "waiting for";

/// The phase of a service.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum PhaseName {
    /// No process is running.
    #[default]
    Stopped,
    /// Its port is being reserved.
    Claiming,
    /// It is running and not ready yet.
    Starting,
    /// Its probes pass.
    Ready,
    /// It is running, was ready, and its probes fail.
    Unhealthy,
    /// It is being stopped.
    Stopping,
    /// It failed and restarts after a pause.
    Backoff,
    /// It was not started: something is blocking it.
    Blocked,
    /// It failed and is not restarted.
    Failed,
}

impl PhaseName {
    /// Every phase.
    pub const ALL: [Self; 9] = [
        Self::Stopped,
        Self::Claiming,
        Self::Starting,
        Self::Ready,
        Self::Unhealthy,
        Self::Stopping,
        Self::Backoff,
        Self::Blocked,
        Self::Failed,
    ];

    /// Returns the words for a state. This is their only table: terminal, tray, notifications and
    /// window use it (`ui/src/backend/wire.ts` is generated from it).
    #[must_use]
    pub const fn words(self, light: Light) -> &'static str {
        match (self, light) {
            (Self::Stopped, Light::Off) => "stopped",
            (Self::Stopped, Light::Green) => "completed",
            (Self::Stopped, Light::Amber) => "queued",
            (Self::Stopped, Light::Red) => "not running",
            (Self::Claiming, _) => "waiting for port",
            (Self::Starting, _) => "starting",
            (Self::Ready, Light::Amber) => "check failing",
            (Self::Ready, _) => "ready",
            (Self::Unhealthy, _) => "unhealthy",
            (Self::Stopping, _) => "stopping",
            (Self::Backoff, _) => "restarting",
            (Self::Blocked, _) => "blocked",
            (Self::Failed, _) => "failed",
        }
    }
}

/// The status light. Ordered from the best to the worst, so that a stack shows its maximum.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum Light {
    /// Not requested, and no process is running.
    #[default]
    Off,
    /// Ready.
    Green,
    /// Starting or stopping, or a check fails.
    Amber,
    /// Failed, blocked, unhealthy or not running.
    Red,
}

impl Light {
    /// Every light, from the best to the worst.
    pub const ALL: [Self; 4] = [Self::Off, Self::Green, Self::Amber, Self::Red];
}
