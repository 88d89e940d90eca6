//! The state of a service: its phase, the data of the phase, and the transitions.
//!
//! The intent (is it wanted?) is separate from the phase (what is it doing?). Whether a service
//! waits for another is derived from both, never stored.

mod transitions;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::{
    container::ContainerInfo,
    effect::Effect,
    facts::{Exit, ProbeFault, Process, RunId, Stopped, TimePoint},
    finding::Finding,
    history::HistoryEvent,
    loops::Loops,
    restart::Failures,
    view::{Light, PhaseName, ServiceView},
};
use crate::{
    diagnose::{
        evidence::{LogEvidence, ServiceEvidence},
        explain,
    },
    stack::{Port, Ports, Service, ServiceName},
};

/// The phase of a service, with its data.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// It is not running.
    Stopped,
    /// Its port is being claimed.
    Claiming,
    /// It was launched or is being launched.
    Running(ActiveRun),
    /// It is being stopped.
    Stopping {
        /// Its first process.
        process: Option<Process>,
        /// The next step.
        then: Then,
    },
    /// It failed and will be restarted after a pause.
    Backoff,
    /// Something blocks its start.
    Blocked,
    /// It is no longer restarted.
    Failed,
}

/// An active run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ActiveRun {
    /// Its first process; `None` until it is launched, and for an external service.
    pub process: Option<Process>,
    /// When its probes first passed.
    pub ready_since: Option<Instant>,
    /// The result of its probes.
    pub health: Health,
}

/// The health of a running service, by its probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// They have not passed yet.
    Starting,
    /// They pass.
    Ready,
    /// They fail, or it is not ready in time.
    Unhealthy,
}

/// The age up to which an exit may be that of a daemonizing command. Exits and probes arrive on
/// separate paths, so such a command may be ready before its exit is seen.
const DAEMON_GRACE: Duration = Duration::from_secs(1);

impl ActiveRun {
    /// Returns whether a first process that exits now may have moved to the background.
    fn is_young(&self, now: TimePoint) -> bool {
        self.ready_since
            .is_none_or(|since| now.instant.duration_since(since) < DAEMON_GRACE)
    }
}

/// The next step after a run was stopped.
#[derive(Clone, Debug, PartialEq)]
pub enum Then {
    /// None: the stop was requested.
    Rest,
    /// The restart policy decides: it exited, or became unhealthy.
    Recover(RunEnd),
}

/// One step of the model: its time, and the effects that it causes.
pub(super) struct Step {
    pub(super) now: TimePoint,
    /// A random number from 0 to 1, for a pause.
    pub(super) jitter: f64,
    pub(super) effects: Vec<Effect>,
}

impl Step {
    pub(super) fn new(now: TimePoint, jitter: f64) -> Self {
        Self {
            now,
            jitter,
            effects: Vec::new(),
        }
    }
}

/// How a run ended without a request.
#[derive(Clone, Debug, PartialEq)]
pub struct RunEnd {
    /// How its first process exited; `None` if it is stopped for being unhealthy.
    pub exit: Option<Exit>,
    /// When it became ready.
    pub ready_since: Option<Instant>,
    /// The last error of its log, or its last line.
    pub last_words: Option<String>,
    /// Why its probes failed, if that is the reason.
    pub fault: Option<ProbeFault>,
}

/// An exit followed by an immediate restart, before its log was read.
#[derive(Clone, Debug)]
struct Wordless {
    /// The run that has exited; another one may be active.
    run: RunId,
    ending: RunEnd,
    /// The finding without the last words.
    finding: Arc<Finding>,
}

/// The intent for a service, independent of its phase.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the intents are independent; all combinations occur"
)]
pub(super) struct Intent {
    /// It should run.
    pub(super) wanted: bool,
    /// It should stop once before it runs again.
    pub(super) cycle: bool,
    /// The next start was requested, not caused by the restart policy.
    pub(super) asked: bool,
    /// The changed stack file no longer contains it.
    pub(super) removed: bool,
    /// A task runs even if its inputs have not changed.
    pub(super) forced: bool,
    /// It stops before the services that depend on it, which keep running.
    pub(super) alone: bool,
}

/// The state of a service's checks.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each holds by itself")]
struct CheckRounds {
    /// The checks that failed in the last round.
    failed: Vec<(String, ProbeFault)>,
    /// Whether a timer is set for the next round.
    due: bool,
    /// Whether they are running.
    running: bool,
    /// Whether an event in the meantime requires another round.
    again: bool,
    /// Whether a round of this run is complete.
    made: bool,
}

/// The hooks that have run, for each event.
#[derive(Clone, Copy, Debug, Default)]
struct Hooked {
    ready: bool,
    /// Whether it has run since the service was last ready.
    failed: bool,
}

/// The facts of the current or latest run.
#[derive(Clone, Debug, Default)]
struct LatestRun {
    failed_rounds: u32,
    checks: CheckRounds,
    last_fault: Option<ProbeFault>,
    /// Whether its memory exceeds the limit.
    is_too_large: bool,
    container: Option<Arc<ContainerInfo>>,
    /// Its first process.
    process: Option<Process>,
    started: Option<Timestamp>,
    latency_ms: Option<f64>,
    /// Whether an earlier daemon started it.
    adopted: bool,
}

/// One service of a running stack.
#[derive(Clone, Debug)]
pub struct ServiceState {
    /// The definition in the stack file, for the current run.
    pub(super) spec: Arc<Service>,
    /// The definition in a changed stack file, to be used for the next run.
    pub(super) next_spec: Option<Arc<Service>>,
    pub(super) intent: Intent,
    pub(super) phase: Phase,
    /// Whether it has completed with code 0.
    pub(super) completed: bool,
    /// Whether another service needs it to complete.
    pub(super) is_job: bool,
    /// The number of the current or latest run.
    run: RunId,
    latest: LatestRun,
    port: Option<Port>,
    failures: Failures,
    /// The latest run that became ready.
    was_ready: Option<RunId>,
    restarts: u32,
    last_exit: Option<Exit>,
    /// The last stop, if it was incomplete.
    pub(super) unfinished: Option<Stopped>,
    since: Timestamp,
    pub(super) finding: Option<Arc<Finding>>,
    /// The exit that `finding` describes, while its last words are still pending.
    wordless: Option<Box<Wordless>>,
    /// The root cause, once it is known.
    diagnosed: Option<Arc<Finding>>,
    note: Option<String>,
    /// Why it restarts, to be shown with its next start.
    pub(super) cause: Option<String>,
    /// The other programs that the last stop ended, to be reported with the next start.
    beside: Option<String>,
    /// The events that are not recorded yet.
    pub(super) history: Vec<HistoryEvent>,
    /// When a task is due next.
    pub(super) next_run: Option<Timestamp>,
    /// The hooks that have run since the service was last stopped.
    hooked: Hooked,
    /// The time until which failures do not count, after the machine has slept.
    lenient_until: Option<Instant>,
    /// The restarts that changed files have caused.
    pub(super) loops: Loops,
    /// The finding about the watch on its files.
    pub(super) watch_finding: Option<Arc<Finding>>,
    /// Whether any state changed that its stack depends on or that the view shows.
    dirty: bool,
}

impl ServiceState {
    /// Creates a service without a run under this daemon; `run` is its latest known run.
    pub(super) fn new(spec: Arc<Service>, run: RunId, now: TimePoint) -> Self {
        Self {
            port: spec.port,
            spec,
            next_spec: None,
            intent: Intent::default(),
            phase: Phase::Stopped,
            completed: false,
            is_job: false,
            run,
            latest: LatestRun::default(),
            failures: Failures::default(),
            was_ready: None,
            restarts: 0,
            last_exit: None,
            unfinished: None,
            since: timestamp(now),
            finding: None,
            wordless: None,
            diagnosed: None,
            note: None,
            cause: None,
            beside: None,
            history: Vec::new(),
            next_run: None,
            lenient_until: None,
            hooked: Hooked::default(),
            loops: Loops::default(),
            watch_finding: None,
            dirty: true,
        }
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &ServiceName {
        &self.spec.name
    }

    /// Returns its definition for the current run.
    #[must_use]
    pub fn spec(&self) -> &Arc<Service> {
        &self.spec
    }

    /// Returns whether it should run.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.intent.wanted
    }

    /// Returns its phase.
    #[must_use]
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Returns its claimed or declared port.
    #[must_use]
    pub fn port(&self) -> Option<Port> {
        self.port
    }

    /// Returns the container of its current or latest run.
    #[must_use]
    pub fn container(&self) -> Option<&Arc<ContainerInfo>> {
        self.latest.container.as_ref()
    }

    /// Returns when its current or latest run started.
    #[must_use]
    pub fn started(&self) -> Option<Timestamp> {
        self.latest.started
    }

    /// Returns its active run, unless it is being stopped.
    pub(super) fn running(&self) -> Option<ActiveRun> {
        match self.phase {
            Phase::Running(running) => Some(running),
            _ => None,
        }
    }

    /// Returns its first process while it is running.
    #[must_use]
    pub fn process(&self) -> Option<Process> {
        match self.phase {
            Phase::Running(ActiveRun { process, .. }) | Phase::Stopping { process, .. } => process,
            _ => None,
        }
    }

    /// Returns the PID of its first process while it is running. The process of a container only
    /// follows its log.
    fn own_pid(&self) -> Option<u32> {
        let process = self.process().filter(|_| self.spec.container.is_none())?;
        Some(process.pid)
    }

    /// Returns its current run.
    #[must_use]
    pub fn current_run(&self) -> Option<RunId> {
        let is_over = matches!(self.phase, Phase::Stopped | Phase::Blocked | Phase::Failed);
        (!is_over).then_some(self.run)
    }

    /// Returns whether it may have processes, so that its dependencies must not be stopped yet.
    #[must_use]
    pub fn is_active(&self) -> bool {
        matches!(
            self.phase,
            Phase::Claiming | Phase::Running(_) | Phase::Stopping { .. }
        )
    }

    /// Returns whether it is wanted or running.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.intent.wanted || self.is_active()
    }

    /// Returns whether its process is running.
    pub(super) fn is_started(&self) -> bool {
        let running = self.running();
        running.is_some_and(|it| it.process.is_some() || it.health != Health::Starting)
    }

    /// Returns whether its probes pass.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let running = self.running();
        running.is_some_and(|running| running.health == Health::Ready)
    }

    /// Returns the current or latest run, if any.
    #[must_use]
    pub fn run(&self) -> Option<RunId> {
        (self.run > RunId(0)).then_some(self.run)
    }

    /// Returns why its latest round of probes failed, if it did.
    #[must_use]
    pub fn last_fault(&self) -> Option<&ProbeFault> {
        self.latest.last_fault.as_ref()
    }

    /// Returns whether it has a problem that a diagnosis may explain. A service that should not run
    /// has none.
    #[must_use]
    pub fn is_in_trouble(&self) -> bool {
        !self.must_be_down() && (self.finding.is_some() || self.fails_checks())
    }

    /// Returns the checks that failed in their latest round.
    #[must_use]
    pub fn failed_checks(&self) -> &[(String, ProbeFault)] {
        &self.latest.checks.failed
    }

    pub(super) fn fails_checks(&self) -> bool {
        !self.latest.checks.failed.is_empty()
    }

    /// Returns why its light is amber or red: the root cause if one is known, else its own fault,
    /// else the failing check. All user interfaces show this reason.
    #[must_use]
    pub fn reason(&self) -> Option<Arc<Finding>> {
        let known = self.diagnosed.clone().or_else(|| self.finding.clone());
        known.or_else(|| {
            let first = self.failed_checks().first();
            let (check, fault) = first.filter(|_| !self.must_be_down())?;
            Some(Arc::new(explain::check_fails(&self.spec, check, fault)))
        })
    }

    /// Sets the root cause of its problem, or that none is known.
    pub(super) fn diagnosed(&mut self, cause: Option<Arc<Finding>>) {
        if self.diagnosed != cause {
            self.diagnosed = cause;
            self.touch();
        }
    }

    /// Returns the first process of its latest run, running or not.
    #[must_use]
    pub fn last_process(&self) -> Option<Process> {
        self.latest.process
    }

    /// Returns the facts for a diagnosis.
    #[must_use]
    pub fn evidence(&self) -> ServiceEvidence {
        ServiceEvidence {
            phase: self.phase_name(),
            wanted: self.intent.wanted && !self.completed,
            finding: self.finding.clone(),
            pid: self.own_pid(),
            since: Some(self.since.into()),
            started: self.latest.started.map(Into::into),
            was_ready: self.was_ready == Some(self.run),
            restarts: self.restarts,
            last_exit: self.last_exit,
            port: self.port,
            first_checks: !self.latest.checks.made,
            log: LogEvidence {
                run: self.run(),
                ..LogEvidence::default()
            },
            ..ServiceEvidence::unknown(self.name().clone())
        }
    }

    /// Returns whether it should not run now, temporarily or permanently.
    pub(super) fn must_be_down(&self) -> bool {
        !self.intent.wanted || self.intent.cycle
    }

    /// Returns whether it was removed from the stack file and is no longer running.
    pub(super) fn is_gone(&self) -> bool {
        self.intent.removed && !self.is_active()
    }

    /// Returns whether it is wanted, but will not become ready without a change.
    pub(super) fn is_stuck(&self) -> bool {
        let is_unhealthy = |running: ActiveRun| running.health == Health::Unhealthy;
        let is_stuck = matches!(self.phase, Phase::Failed | Phase::Blocked)
            || self.running().is_some_and(is_unhealthy);
        is_stuck && !self.intent.cycle
    }

    /// Returns whether it is a task.
    pub(super) fn is_task(&self) -> bool {
        self.spec.task.is_some()
    }

    /// Returns whether it waits for its dependencies.
    pub(super) fn waits(&self) -> bool {
        self.intent.wanted && self.phase == Phase::Stopped && !self.completed
    }

    /// Returns whether a fault elsewhere is a reason to run its checks: it has checks, is ready,
    /// and no further round is scheduled.
    pub(super) fn takes_check(&self) -> bool {
        self.is_ready() && !self.spec.checks.is_empty() && !self.latest.checks.again
    }

    /// Returns and clears the flag that it has changed.
    pub(super) fn take_dirty(&mut self) -> bool {
        std::mem::take(&mut self.dirty)
    }

    /// Sets the flag that it has changed: state that its stack depends on or that the view shows.
    pub(super) fn touch(&mut self) {
        self.dirty = true;
    }

    /// Records the duration of the latest round of probes of a run. Returns whether it is worth
    /// showing.
    pub(super) fn take_latency(&mut self, run: RunId, latency: Duration) -> bool {
        let latency = Some(milliseconds(latency));
        let shown =
            self.is_ready() && self.current_run() == Some(run) && self.latest.latency_ms != latency;
        if shown {
            self.latest.latency_ms = latency;
        }
        shown
    }

    /// Returns the view of the service.
    pub(super) fn draw(&self, waiting_for: Vec<ServiceName>, ports: &impl Ports) -> ServiceView {
        ServiceView {
            name: self.name().clone(),
            phase: self.phase_name(),
            light: self.light(),
            pid: self.own_pid(),
            container: self.latest.container.as_deref().cloned(),
            port: self.port,
            ports: self.spec.ports.clone(),
            since: Some(self.since),
            restarts: self.restarts,
            latency_ms: self.latest.latency_ms.filter(|_| self.is_ready()),
            cpu_percent: None,
            memory_bytes: None,
            waiting_for,
            last_exit: self.last_exit,
            adopted: self.latest.adopted,
            external: self.spec.is_external(),
            task: self.is_task(),
            next_run: self.next_run,
            run: self.run(),
            started: self.latest.started,
            needs: self.spec.needs.keys().cloned().collect(),
            links: self
                .spec
                .links
                .iter()
                .map(|(label, link)| (label.clone(), link.render(self.name(), ports)))
                .collect(),
            finding: self.reason().filter(|_| self.light() >= Light::Amber),
            note: self.note.clone(),
        }
    }

    fn phase_name(&self) -> PhaseName {
        match &self.phase {
            Phase::Stopped => PhaseName::Stopped,
            Phase::Claiming => PhaseName::Claiming,
            Phase::Running(running) => match running.health {
                Health::Starting => PhaseName::Starting,
                Health::Ready => PhaseName::Ready,
                Health::Unhealthy => PhaseName::Unhealthy,
            },
            Phase::Stopping { then, .. } if *then == Then::Rest => PhaseName::Stopping,
            // Its remaining processes are stopped before the restart: shown as a pause.
            Phase::Stopping { .. } | Phase::Backoff => PhaseName::Backoff,
            Phase::Blocked => PhaseName::Blocked,
            Phase::Failed => PhaseName::Failed,
        }
    }

    pub(super) fn light(&self) -> Light {
        match self.phase_name() {
            PhaseName::Stopped if self.completed => Light::Green,
            PhaseName::Stopped if !self.intent.wanted => Light::Off,
            PhaseName::Ready if !self.fails_checks() => Light::Green,
            PhaseName::Stopped
            | PhaseName::Claiming
            | PhaseName::Starting
            | PhaseName::Ready
            | PhaseName::Stopping => Light::Amber,
            PhaseName::Unhealthy | PhaseName::Backoff | PhaseName::Blocked | PhaseName::Failed => {
                Light::Red
            }
        }
    }
}

/// A run that an earlier daemon started and left running.
#[derive(Clone, Debug, PartialEq)]
pub struct Adoption {
    /// The run.
    pub run: RunId,
    /// Its process; `None` if it exited while no daemon was running.
    pub process: Option<Process>,
    /// Its container.
    pub container: Option<Arc<ContainerInfo>>,
    /// Its claimed port.
    pub port: Option<Port>,
    /// When it started.
    pub since: Timestamp,
    /// Whether it had been ready.
    pub was_ready: bool,
    /// The last error of its log, or its last line.
    pub last_words: Option<String>,
}

pub(super) fn timestamp(now: TimePoint) -> Timestamp {
    Timestamp::try_from(now.wall).unwrap_or_default()
}

/// Returns a time in milliseconds, rounded to two decimal places.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 100_000.0).round() / 100.0
}
