//! The state of a container, parsed from a response of the engine.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::image::STACK_LABEL;
use crate::{
    model::{
        container::{ContainerInfo, Published},
        facts::{Exit, ProbeFaultKind, SIGNALS},
    },
    stack::Port,
};

/// The state of a container at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The facts that do not change while it is running.
    pub info: ContainerInfo,
    /// Whether it is running.
    pub running: bool,
    /// How it exited, if it has.
    pub exit: Exit,
    /// Why it exited or did not start, if its exit does not show it.
    pub reason: Option<String>,
    /// The result of its health check; `None` if it has none.
    pub health: Option<Health>,
    /// The end of its previous run, in the engine's notation, while it is running; `None` for the
    /// first run.
    pub since: Option<String>,
    /// The stack of Pilot Light that created it.
    pub(super) stack: Option<String>,
    /// Whether the engine restarts it automatically.
    pub restarts: bool,
}

/// The result of a health check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It has passed.
    Healthy,
    /// It has not passed yet, or no longer.
    Failing {
        /// Whether the container is still starting.
        starting: bool,
        /// The last line of the output of the last check.
        output: Option<String>,
    },
}

impl Health {
    /// Returns the fault of a probe that expects a healthy container.
    pub fn judge(&self) -> Result<(), ProbeFaultKind> {
        match self {
            Self::Healthy => Ok(()),
            Self::Failing { starting, output } => Err(ProbeFaultKind::HealthCheck {
                starting: *starting,
                output: output.clone(),
            }),
        }
    }
}

/// The fields used of the response to `GET /containers/ID/json`. Engines omit unknown ones.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Inspected {
    id: String,
    name: String,
    state: State,
    config: Config,
    host_config: HostConfig,
    network_settings: NetworkSettings,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct State {
    running: bool,
    restarting: bool,
    exit_code: i32,
    #[serde(rename = "OOMKilled")]
    oom_killed: bool,
    error: String,
    finished_at: String,
    health: Option<HealthState>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HealthState {
    status: String,
    log: Option<Vec<HealthRun>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HealthRun {
    output: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Config {
    image: String,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HostConfig {
    memory: u64,
    restart_policy: RestartPolicy,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RestartPolicy {
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct NetworkSettings {
    ports: Option<BTreeMap<String, Option<Vec<Binding>>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Binding {
    host_port: String,
}

impl Inspected {
    /// Returns the state of the container. `engine` is the address of its engine.
    pub(super) fn status(self, engine: String) -> Status {
        let Self {
            id,
            name,
            state,
            config,
            host_config,
            network_settings,
        } = self;
        let ports = network_settings.ports.unwrap_or_default();
        let mut ports: Vec<Published> = ports.iter().filter_map(published).collect();
        ports.sort_unstable();
        Status {
            info: ContainerInfo {
                id,
                name: name.trim_start_matches('/').to_owned(),
                image: config.image,
                engine,
                ports,
            },
            running: state.running || state.restarting,
            exit: exit(state.exit_code),
            reason: reason(&state, host_config.memory),
            since: since(&state),
            stack: config
                .labels
                .and_then(|mut labels| labels.remove(STACK_LABEL)),
            health: state.health.as_ref().and_then(health),
            restarts: !matches!(host_config.restart_policy.name.as_str(), "" | "no"),
        }
    }
}

/// Returns the end of its previous run. After an exit, only the last end is known.
fn since(state: &State) -> Option<String> {
    // The year 1 means never.
    let has_ended = |at: &&String| state.running && at.starts_with("20");
    Some(&state.finished_at).filter(has_ended).cloned()
}

/// Returns the binding of a TCP port, such as `5432/tcp`.
fn published((inside, bindings): (&String, &Option<Vec<Binding>>)) -> Option<Published> {
    let port = |text: &str| Port::new(text.parse().ok()?);
    let inside = port(inside.strip_suffix("/tcp")?)?;
    let mut bindings = bindings.iter().flatten();
    let port = bindings.find_map(|binding| port(&binding.host_port))?;
    Some(Published { inside, port })
}

/// Returns the exit for a code. An engine reports a signal as a shell does: 128 and its number.
fn exit(code: i32) -> Exit {
    let signal = code - 128;
    if SIGNALS.iter().any(|(number, _)| *number == signal) {
        Exit::Signal(signal)
    } else {
        Exit::Code(code)
    }
}

fn reason(state: &State, limit: u64) -> Option<String> {
    const MIB: u64 = 1 << 20;
    match (state.oom_killed, limit / MIB) {
        (true, 0) => Some("the container ran out of memory".to_owned()),
        (true, limit) => Some(format!(
            "the container ran out of memory: its limit is {limit} MiB"
        )),
        (false, _) => Some(state.error.trim().to_owned()).filter(|error| !error.is_empty()),
    }
}

fn health(state: &HealthState) -> Option<Health> {
    let starting = match state.status.as_str() {
        "healthy" => return Some(Health::Healthy),
        "starting" => true,
        "unhealthy" => false,
        _ => return None,
    };
    let last = state.log.as_ref().and_then(|log| log.last());
    let lines = last.map(|run| run.output.lines().map(str::trim));
    let output = lines.and_then(|mut lines| lines.rfind(|line| !line.is_empty()));
    Some(Health::Failing {
        starting,
        output: output.map(str::to_owned),
    })
}
