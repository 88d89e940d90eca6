//! A stack of the daemon: its model, and the tasks and processes of its runs.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::SetOnce;
use tokio_util::sync::CancellationToken;

use super::{
    Origin, Supervisor, launches::Launches, loading::Loaded, task::Launched, watches::ActiveWatch,
};
use crate::{
    effects::{
        check::Saved,
        container::{Cell, Contained},
        env::CommandOutput,
        probe::Pulse,
        process::Tree,
    },
    env::Env,
    fs::checkout::Checkout,
    host::clock,
    model::{
        facts::{Mark, RunId, StackId},
        service::ServiceState,
        stack::{Event, StackModel},
    },
    stack::{ServiceName, Stack},
    state::RecordedRun,
};

/// A stack with its active runs.
pub(super) struct RunningStack {
    pub(super) id: StackId,
    pub(super) model: StackModel,
    /// The variables of the process that last started the stack.
    pub(super) variables: Env,
    /// Values that its checks save for later ones.
    pub(super) saved: Saved,
    pub(super) launches: Launches,
    /// The checkout to which its file belongs, once known.
    pub(super) checkout: Option<Checkout>,
    /// The program that requested the latest stop, if it has a name.
    pub(super) stopped_by: Option<Arc<str>>,
    /// The watches on the files of its services.
    pub(super) watches: HashMap<ServiceName, ActiveWatch>,
    /// The output of each `env_command` at the last requested start of its service. An automatic
    /// restart uses it again, since a secret manager may prompt the user.
    pub(super) env_outputs: HashMap<ServiceName, CommandOutput>,
    runs: HashMap<ServiceName, Run>,
    /// Whether the journal has an entry for the stack.
    remembered: bool,
}

/// The tasks and processes of one run of a service.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) id: RunId,
    /// Cancels all tasks of the run.
    pub(super) over: CancellationToken,
    /// Skips the rest of the grace period of an active stop.
    pub(super) kill: CancellationToken,
    /// Set when the tree is being stopped: the exit of the first process is no longer reported.
    pub(super) stopping: CancellationToken,
    pub(super) pulse: Arc<Pulse>,
    pub(super) tree: Option<Tree>,
    /// The container, if the service runs in one.
    pub(super) container: Option<Cell>,
    /// Whether the run was ready under an earlier daemon.
    pub(super) was_ready: bool,
    /// The result of its launch, once the launch has returned.
    pub(super) launch: Arc<SetOnce<Option<Tree>>>,
}

impl Run {
    pub(super) fn new(run: RunId) -> Self {
        Self {
            id: run,
            over: CancellationToken::new(),
            kill: CancellationToken::new(),
            stopping: CancellationToken::new(),
            pulse: Arc::default(),
            tree: None,
            container: None,
            was_ready: false,
            launch: Arc::default(),
        }
    }
}

impl RunningStack {
    /// Creates a stack without active runs; see [`StackModel::new`].
    pub(super) fn new(
        id: StackId,
        stack: Arc<Stack>,
        variables: Env,
        last_run: impl Fn(&ServiceName) -> RunId,
    ) -> Self {
        let now = clock::now();
        // Any seed is valid; this one differs at each start.
        let seed = now
            .wall
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(1, |time| time.as_secs());
        let model = StackModel::new(stack, last_run, seed, now);
        Self {
            model,
            id,
            variables,
            saved: Saved::default(),
            launches: Launches::default(),
            checkout: None,
            stopped_by: None,
            watches: HashMap::new(),
            env_outputs: HashMap::new(),
            runs: HashMap::new(),
            remembered: false,
        }
    }

    /// Returns the current run of a service. Creates it if it is new.
    pub(super) fn run(&mut self, service: &ServiceName, run: RunId) -> &mut Run {
        let entry = self
            .runs
            .entry(service.clone())
            .or_insert_with(|| Run::new(run));
        if entry.id != run {
            entry.over.cancel();
            *entry = Run::new(run);
        }
        entry
    }

    /// Cancels the tasks of a run. Its processes keep running.
    pub(super) fn abandon(&mut self, service: &ServiceName, run: RunId) -> Option<Run> {
        self.runs.get(service).filter(|entry| entry.id == run)?;
        let entry = self.runs.remove(service)?;
        entry.over.cancel();
        Some(entry)
    }

    /// Shows the latency of the latest probes of its services.
    pub(super) fn show_latencies(&mut self) {
        for (service, run) in &self.runs {
            if let Some(latency) = run.pulse.latency() {
                self.model.show_latency(service, run.id, latency);
            }
        }
    }

    /// Probes all services at once.
    pub(super) fn probe_now(&self) {
        for run in self.runs.values() {
            run.pulse.poke();
        }
    }

    /// Cancels all tasks of the stack. Its services keep running.
    pub(super) fn release(&mut self) {
        self.watches.clear();
        for (_, run) in self.runs.drain() {
            run.over.cancel();
        }
    }

    /// Returns whether a run is the current one of its service.
    pub(super) fn is_current(&self, origin: &Origin) -> bool {
        let service = self.model.service(&origin.service);
        service.and_then(ServiceState::current_run) == Some(origin.run)
    }

    /// Stores the launched tree and returns the record for the journal.
    pub(super) fn launched(&mut self, origin: &Origin, launched: &Launched) -> Option<RecordedRun> {
        let run = self.run(&origin.service, origin.run);
        run.tree = Some(launched.tree.clone());
        self.running(&origin.service)
    }

    /// Returns the journal record of the current run of a service.
    pub(super) fn running(&self, name: &ServiceName) -> Option<RecordedRun> {
        let run = self.runs.get(name)?;
        let tree = run.tree.as_ref()?;
        let service = self.model.service(name)?;
        let first = tree.first();
        let container = service.container().cloned();
        // The process that follows the log of a container may have just been replaced.
        let process = service.process().filter(|_| container.is_none());
        Some(RecordedRun {
            stack: self.id.clone(),
            service: name.clone(),
            run: run.id,
            process: process.or(first)?,
            container,
            port: service.port(),
            since: service.started()?,
            ready: service.is_ready(),
            daemon: process.is_some_and(|process| Some(process) != first),
        })
    }

    /// Returns the process tree of a service.
    pub(super) fn tree(&self, service: &ServiceName) -> Option<Tree> {
        self.runs.get(service)?.tree.clone()
    }

    /// Returns the process trees of all active runs, without those of containers.
    pub(super) fn trees(&self) -> impl Iterator<Item = (&ServiceName, &Tree)> {
        self.runs
            .iter()
            .filter(|(_, run)| run.container.is_none())
            .filter_map(|(service, run)| Some((service, run.tree.as_ref()?)))
    }

    /// Returns the containers of all active runs, with the marks of their runs.
    pub(super) fn containers(&self) -> impl Iterator<Item = (Mark, Contained)> {
        self.runs.values().filter_map(|run| {
            let contained = run.container.as_ref()?.borrow().clone()?;
            Some((run.tree.as_ref()?.mark().clone(), contained))
        })
    }

    /// Returns an error message for the first unknown name.
    pub(super) fn unknown(&self, names: &[ServiceName]) -> Option<String> {
        let unknown = names
            .iter()
            .find(|name| self.model.service(name).is_none())?;
        let known: Vec<&str> = self
            .model
            .stack()
            .services
            .iter()
            .map(|service| service.name.as_str())
            .collect();
        Some(format!(
            "no service named `{unknown}` in stack `{}`; services are: {}",
            self.model.stack().name,
            known.join(", ")
        ))
    }

    /// Returns whether the stack has just stopped, so that its journal entry can be removed.
    pub(super) fn is_over(&mut self) -> bool {
        self.remembered && !self.model.is_alive() && {
            self.remembered = false;
            true
        }
    }

    pub(super) fn remember(&mut self) {
        self.remembered = true;
    }
}

impl Supervisor {
    /// Applies the content of a stack file, even if the stack is running with an earlier version.
    pub(super) fn apply(&mut self, loaded: Loaded) -> usize {
        let Loaded {
            id,
            file,
            text,
            stack,
            variables,
            last_runs,
            has_run: _,
            checkout,
        } = loaded;
        let stack = self.in_its_slot(&id, stack, checkout.as_ref());
        self.journal.stack(&id, &file, stack.mode, &text);
        let index = if let Some(index) = self.index_of(&id) {
            self.stacks[index].variables = variables;
            self.step(index, Event::Load(stack, last_runs));
            index
        } else {
            let last_run = |name: &ServiceName| last_runs.get(name).copied().unwrap_or(RunId(0));
            self.stacks
                .push(RunningStack::new(id, stack, variables, last_run));
            self.stacks.len() - 1
        };
        self.stacks[index].remember();
        self.stacks[index].checkout = checkout;
        self.show_checkouts();
        self.publish_applied();
        index
    }
}
