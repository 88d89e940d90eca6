//! A stack that the keeper keeps: its model, and what runs for it.

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsString,
    sync::Arc,
};

use tokio_util::sync::CancellationToken;

use super::{Origin, Supervisor, job::Launched};
use crate::{
    clock,
    control::Up,
    effects::{check::Saved, log::ServiceLogs, probe::Pulse, process::Tree},
    home::Home,
    model::{
        facts::{RunId, StackId},
        stack::{Event, StackModel},
    },
    stack::{ServiceName, Stack},
    stack_file,
    state::Running,
};

/// The variables that the services of a stack start with. Values are secrets.
pub(super) type Variables = BTreeMap<OsString, OsString>;

/// A stack and what runs for it.
pub(super) struct Kept {
    pub(super) id: StackId,
    pub(super) model: StackModel,
    /// Of whoever started the stack last.
    pub(super) variables: Arc<Variables>,
    /// What its checks have saved for later ones.
    pub(super) saved: Saved,
    runs: HashMap<ServiceName, Run>,
    /// Whether a later keeper would learn of it.
    remembered: bool,
}

/// What works for one run of a service.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) id: RunId,
    /// Whatever works for the run ends with it.
    pub(super) over: CancellationToken,
    /// The stop no longer waits for a polite end.
    pub(super) kill: CancellationToken,
    /// The end of the first process is no longer news: the whole tree is being ended.
    pub(super) stopping: CancellationToken,
    pub(super) pulse: Arc<Pulse>,
    pub(super) tree: Option<Tree>,
    /// Whether an earlier daemon has seen it ready.
    pub(super) was_ready: bool,
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
            was_ready: false,
        }
    }
}

impl Kept {
    pub(super) fn new(home: &Home, stack: Arc<Stack>, variables: Variables) -> Self {
        let id = home.stack_id(&stack.file);
        let now = clock::now();
        // Any seed will do; this one differs from start to start.
        let seed = now
            .wall
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(1, |time| time.as_secs());
        let last_run = |service: &ServiceName| last_run(home, &id, service);
        let model = StackModel::new(stack, last_run, seed, now);
        Self {
            model,
            id,
            variables: Arc::new(variables),
            saved: Saved::default(),
            runs: HashMap::new(),
            remembered: false,
        }
    }

    /// The run that is under way for a service, made if this is the first that is heard of it.
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

    /// Ends whatever works for a run. Its processes are not touched.
    pub(super) fn abandon(&mut self, service: &ServiceName, run: RunId) -> Option<Run> {
        self.runs.get(service).filter(|entry| entry.id == run)?;
        let entry = self.runs.remove(service)?;
        entry.over.cancel();
        Some(entry)
    }

    /// Shows how long the latest probes of its services took.
    pub(super) fn show_latencies(&mut self) {
        for (service, run) in &self.runs {
            if let Some(latency) = run.pulse.latency() {
                self.model.show_latency(service, run.id, latency);
            }
        }
    }

    /// Ends whatever works for the stack, and leaves its services running.
    pub(super) fn let_go(&mut self) {
        for (_, run) in self.runs.drain() {
            run.over.cancel();
        }
    }

    /// Keeps what was launched, and says what is to be written down of it.
    pub(super) fn launched(&mut self, origin: &Origin, launched: &Launched) -> Option<Running> {
        let run = self.run(&origin.service, origin.run);
        run.tree = Some(launched.tree.clone());
        self.running(&origin.service)
    }

    /// What is to be written down of the present run of a service.
    pub(super) fn running(&self, name: &ServiceName) -> Option<Running> {
        let run = self.runs.get(name)?;
        let tree = run.tree.as_ref()?;
        let service = self.model.service(name)?;
        let first = tree.first();
        Some(Running {
            stack: self.id.clone(),
            service: name.clone(),
            run: run.id,
            process: service.process().or(first)?,
            port: service.port(),
            since: service.started()?,
            ready: service.is_ready(),
            daemon: service
                .process()
                .is_some_and(|process| Some(process) != first),
        })
    }

    /// What runs of a service.
    pub(super) fn tree(&self, service: &ServiceName) -> Option<Tree> {
        self.runs.get(service)?.tree.clone()
    }

    /// The trees of all that runs.
    pub(super) fn trees(&self) -> impl Iterator<Item = (&ServiceName, &Tree)> {
        self.runs
            .iter()
            .filter_map(|(service, run)| Some((service, run.tree.as_ref()?)))
    }

    /// What to say about the first of these names that no service has.
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
            "there is no service `{unknown}` in {}; there is {}",
            self.model.stack().name,
            known.join(", ")
        ))
    }

    /// Whether it has just come to its end, so that a later keeper need not know it.
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
    /// Reads the stack file and takes it over, also into a stack that runs by an earlier text.
    pub(super) fn load(&mut self, up: &Up) -> Result<usize, String> {
        let variables: Variables = up
            .environment
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let text = stack_file::text(&up.file).map_err(|report| report.to_string())?;
        let stack = stack_file::parse(&up.file, text.as_bytes(), &variables);
        let stack = stack.map_err(|report| report.to_string())?;
        let stack = Arc::new(stack);
        let id = self.tools.home.stack_id(&up.file);
        self.journal.stack(&id, &up.file, stack.mode, &text);
        let index = if let Some(index) = self.place(&id) {
            self.stacks[index].variables = Arc::new(variables);
            let names = stack.services.iter().map(|service| service.name.clone());
            let home = &self.tools.home;
            let last_runs = names
                .map(|name| (name.clone(), last_run(home, &id, &name)))
                .collect();
            self.step(index, Event::Load(stack, last_runs));
            index
        } else {
            self.stacks
                .push(Kept::new(&self.tools.home, stack, variables));
            self.stacks.len() - 1
        };
        self.stacks[index].remember();
        Ok(index)
    }
}

/// The latest run of a service that has left a log.
pub(super) fn last_run(home: &Home, stack: &StackId, service: &ServiceName) -> RunId {
    let logs = ServiceLogs::of(home.logs(), stack, service);
    logs.latest_run().ok().flatten().unwrap_or(RunId(0))
}
