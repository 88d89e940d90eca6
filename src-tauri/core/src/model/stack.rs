//! The model of a stack: intents, dependency order, and the next effects.

mod changes;
mod goal;
mod watch;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    container::ContainerInfo,
    effect::{Effect, Report},
    facts::{RunId, TimePoint, Watched},
    finding::Finding,
    history::{EventKind, HistoryEvent},
    order::Order,
    restart::Jitter,
    service::{Adoption, ServiceState, Step, timestamp},
    situation::Diagnosis,
    view::{Light, StackView, StartedBy},
};
use changes::Tally;
pub use goal::{Goal, Members, Progress};

use crate::stack::{Need, Port, Ports, ServiceName, Stack};

/// An event: a request or the report of an effect.
#[derive(Clone, Debug)]
pub enum Event {
    /// Start these with their dependencies; all if there are none.
    Up(Vec<ServiceName>),
    /// Stop these after their dependents; all if there are none.
    Down(Vec<ServiceName>),
    /// Stop these and their dependents, then start them again; all if there are none.
    Restart(Vec<ServiceName>),
    /// Skip the rest of the grace period of these; all if there are none.
    Kill(Vec<ServiceName>),
    /// The stack file has changed. The map has the latest known run of each new service.
    Load(Arc<Stack>, HashMap<ServiceName, RunId>),
    /// The machine has slept: failures may only be interruptions.
    Awake,
    /// A report of the watch on the files of a service.
    Watched(ServiceName, Watched),
    /// Adopt a service that an earlier daemon started.
    Adopt(ServiceName, Adoption),
    /// The result of the diagnosis of a situation from [`StackModel::undiagnosed`].
    Diagnosed {
        /// The situation.
        situation: u64,
        /// The root causes.
        findings: Vec<Finding>,
    },
    /// The report of an effect.
    Report {
        /// The service.
        service: ServiceName,
        /// The run.
        run: RunId,
        /// The report.
        report: Report,
    },
}

/// The model of one stack.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the facts are independent; all combinations occur"
)]
pub struct StackModel {
    stack: Arc<Stack>,
    services: Vec<ServiceState>,
    order: Order,
    ports: Arc<PortTable>,
    jitter: Jitter,
    diagnosis: Diagnosis,
    /// The changed services that are not followed up yet.
    changed: Vec<usize>,
    /// The services that the diagnosis has not examined since they changed.
    unexamined: Vec<usize>,
    /// Whether the situation differs from the diagnosed one.
    is_other_situation: bool,
    /// The totals over all services.
    tally: Tally,
    /// The number of times that a service became wanted or unwanted, or began to fail: a goal can
    /// only become unreachable at such a turn.
    turns: u64,
    /// Whether a removed service has stopped but is still in the list.
    has_gone: bool,
    /// Whether a service shows a root cause.
    explained: bool,
    view: Option<Arc<StackView>>,
    started_by: Option<StartedBy>,
    checkout: Option<String>,
    /// The events that are not recorded yet.
    history: Vec<HistoryEvent>,
    /// The findings whose event was recorded.
    recorded: Vec<Arc<Finding>>,
    /// The services that may differ from the view.
    stale: BTreeSet<usize>,
    /// Whether the findings of the view belong to another situation.
    stale_findings: bool,
}

/// The current ports of the services of a stack.
#[derive(Clone, Debug, Default)]
pub struct PortTable {
    ports: BTreeMap<ServiceName, Port>,
    stack: Option<Arc<Stack>>,
    containers: BTreeMap<ServiceName, Arc<ContainerInfo>>,
}

impl PortTable {
    /// Returns the ports in a view of a stack, and the declared ports of services that are not in
    /// the view.
    #[must_use]
    pub fn of_view(stack: Arc<Stack>, view: Option<&StackView>) -> Self {
        let mut table = Self::default();
        for service in &stack.services {
            let name = &service.name;
            let shown = view.and_then(|view| view.service(name, 0));
            let port = shown.and_then(|shown| shown.port).or(service.port);
            table.ports.extend(port.map(|port| (name.clone(), port)));
            if let Some(container) = shown.and_then(|shown| shown.container.clone()) {
                table.containers.insert(name.clone(), Arc::new(container));
            }
        }
        table.stack = Some(stack);
        table
    }
}

impl Ports for PortTable {
    fn port_of(&self, service: &ServiceName) -> Option<Port> {
        self.ports.get(service).copied()
    }

    fn named_port(&self, service: &ServiceName, name: &str) -> Option<Port> {
        self.stack()?.named_port(service, name)
    }

    fn remote_host(&self, service: &ServiceName) -> Option<&str> {
        Some(self.containers.get(service)?.host())
    }

    fn stack(&self) -> Option<&Stack> {
        self.stack.as_deref()
    }

    fn published(&self, service: &ServiceName, inside: Port) -> Option<Port> {
        self.containers.get(service)?.published(inside)
    }
}

impl StackModel {
    /// Creates a stack without active runs. `last_run` returns the latest known run of a service,
    /// so that the next one gets a new number; `seed` is for [`Jitter`].
    pub fn new(
        stack: Arc<Stack>,
        last_run: impl Fn(&ServiceName) -> RunId,
        seed: u64,
        now: TimePoint,
    ) -> Self {
        let services = stack
            .services
            .iter()
            .map(|spec| ServiceState::new(spec.clone(), last_run(&spec.name), now))
            .collect();
        let mut model = Self {
            services,
            order: Order::default(),
            ports: Arc::default(),
            jitter: Jitter::new(seed),
            diagnosis: Diagnosis::default(),
            changed: Vec::new(),
            unexamined: Vec::new(),
            is_other_situation: false,
            tally: Tally::default(),
            turns: 0,
            has_gone: false,
            explained: false,
            view: None,
            started_by: None,
            checkout: stack.slot.as_ref().map(|slot| slot.label.clone()),
            stack,
            history: Vec::new(),
            recorded: Vec::new(),
            stale: BTreeSet::new(),
            stale_findings: false,
        };
        model.rewire();
        model.settle(&mut Step::new(now, 0.0));
        model
    }

    /// Returns the applied stack file.
    #[must_use]
    pub fn stack(&self) -> &Arc<Stack> {
        &self.stack
    }

    /// Returns its services: those of the stack file, and removed ones that were still running when
    /// the view was last updated.
    #[must_use]
    pub fn services(&self) -> &[ServiceState] {
        &self.services
    }

    /// Returns the service with this name.
    #[must_use]
    pub fn service(&self, name: &ServiceName) -> Option<&ServiceState> {
        let service = &self.services[self.order.place(name)?];
        (!service.is_gone()).then_some(service)
    }

    /// Returns the current ports of its services.
    #[must_use]
    pub fn ports(&self) -> Arc<PortTable> {
        self.ports.clone()
    }

    /// Returns whether any service is wanted or running.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.tally.alive() > 0
    }

    /// Handles an event and returns the resulting effects.
    pub fn step(&mut self, now: TimePoint, event: Event) -> Vec<Effect> {
        let mut step = Step::new(now, self.jitter.draw());
        if !matches!(event, Event::Report { .. }) {
            self.drop_gone();
        }
        match event {
            Event::Up(names) => {
                let asked = self.startable(&names);
                for &index in &asked {
                    self.services[index].is_due();
                }
                self.request(asked, &step);
                if names.is_empty() {
                    self.plan_tasks(&mut step);
                }
            }
            Event::Down(names) => {
                for index in self.order.with_dependents(self.places(&names)) {
                    self.change(index, |service| service.dismiss(&mut step));
                }
            }
            Event::Restart(names) => {
                self.restart(&names, &step);
                for index in self.places(&names) {
                    self.change(index, ServiceState::forget_loops);
                }
            }
            Event::Kill(names) => {
                for index in self.places(&names) {
                    self.services[index].kill(&mut step);
                }
            }
            Event::Load(stack, last_runs) => {
                if *stack != *self.stack {
                    let event = HistoryEvent::new(timestamp(now), EventKind::FileChanged);
                    self.history.push(event);
                }
                self.load(stack, &last_runs, &step);
            }
            Event::Adopt(name, adoption) => {
                if let Some(index) = self.order.place(&name) {
                    self.change(index, |service| service.adopt(&adoption, &mut step));
                }
                self.plan_tasks(&mut step);
            }
            Event::Awake => {
                for service in &mut self.services {
                    service.awake(now);
                }
            }
            Event::Watched(name, watched) => self.watched(&name, watched, &mut step),
            Event::Diagnosed {
                situation,
                findings,
            } => self.take_diagnosis(situation, findings, &mut step),
            Event::Report {
                service,
                run,
                report,
            } => self.report(&service, run, report, &mut step),
        }
        self.settle(&mut step);
        step.effects
    }

    /// Requests these services and their dependencies.
    fn request(&mut self, asked: Vec<usize>, step: &Step) {
        for index in self.order.with_needs(asked) {
            self.change(index, |service| service.request(step));
        }
    }

    /// Changes a service and queues the follow-up.
    fn change(&mut self, index: usize, change: impl FnOnce(&mut ServiceState)) {
        change(&mut self.services[index]);
        self.note(index);
    }

    fn note(&mut self, index: usize) {
        let service = &mut self.services[index];
        self.history.append(&mut service.history);
        if service.take_dirty() {
            self.changed.push(index);
        }
    }

    /// Returns the history events since the last call.
    pub fn take_history(&mut self) -> Vec<HistoryEvent> {
        let mut events = std::mem::take(&mut self.history);
        for event in &mut events {
            event.file.clone_from(&self.stack.file);
            event.stack = match &self.checkout {
                Some(checkout) => format!("{} · {checkout}", self.stack.name),
                None => self.stack.name.clone(),
            };
            if event.event == EventKind::Started {
                let program = self.started_by.as_ref();
                event.by = program.map(|program| program.client.clone());
            }
        }
        events
    }

    /// Records new findings, and those that no longer hold.
    fn record_findings(&mut self, step: &Step) {
        let known = self.diagnosis.findings();
        let is_among = |all: &[Arc<Finding>], one: &Finding| {
            all.iter()
                .any(|it| (it.code, &it.service) == (one.code, &one.service))
        };
        let gone = self
            .recorded
            .iter()
            .filter(|finding| !is_among(known, finding));
        let new = known
            .iter()
            .filter(|finding| !is_among(&self.recorded, finding));
        let gone = gone.map(|finding| (EventKind::Resolved, finding));
        let events = gone.chain(new.map(|finding| (EventKind::Finding, finding)));
        let events = events.map(|(kind, finding)| HistoryEvent {
            service: Some(finding.service.clone()),
            ..HistoryEvent::new(timestamp(step.now), kind).because_of(finding)
        });
        self.history.extend(events);
        self.recorded = known.to_vec();
    }

    /// Returns the situation that needs a diagnosis, if any: a service is failing, and no diagnosis
    /// has begun. A stack in a slot needs one even when all services are ready, since it may use
    /// the data of another checkout. The caller must answer with [`Event::Diagnosed`].
    pub fn undiagnosed(&mut self) -> Option<u64> {
        let may_be_misdirected = self.stack.slot.is_some() && self.tally.light() == Light::Green;
        self.diagnosis.ask(may_be_misdirected)
    }

    /// Returns the number of the current situation. It changes when a service becomes ready, stops
    /// or fails.
    #[must_use]
    pub fn situation(&self) -> u64 {
        self.diagnosis.situation()
    }

    fn take_diagnosis(&mut self, situation: u64, findings: Vec<Finding>, step: &mut Step) {
        if !self.diagnosis.answer(situation, findings) {
            return;
        }
        let known = self.diagnosis.causes();
        // An exit alone is better than no finding.
        let unknown = self.services.iter().filter_map(|service| {
            let finding = service.finding.clone()?;
            (!known.contains_key(service.name())).then_some(finding)
        });
        let unknown: Vec<_> = unknown.collect();
        self.diagnosis.add(unknown);
        self.record_findings(step);
        self.pass_diagnosis_on();
        for service in &mut self.services {
            service.tell_failure(step);
        }
    }

    /// Assigns the root cause to each failing service, and removes outdated ones.
    fn pass_diagnosis_on(&mut self) {
        self.stale_findings = true;
        let causes = self.diagnosis.causes();
        if causes.is_empty() && !std::mem::take(&mut self.explained) {
            return;
        }
        for index in 0..self.services.len() {
            let service = &self.services[index];
            let cause = causes
                .get(service.name())
                .filter(|_| service.is_in_trouble());
            self.explained |= cause.is_some();
            let cause = cause.cloned();
            self.change(index, |service| service.diagnosed(cause));
        }
    }

    /// Returns the dependencies that a service waits for.
    #[must_use]
    pub fn unmet_needs(&self, name: &ServiceName) -> Vec<ServiceName> {
        let needs = self
            .order
            .place(name)
            .map_or(&[][..], |place| self.order.needs(place));
        let unmet = needs
            .iter()
            .filter(|(place, need)| !self.is_met(*place, *need));
        unmet
            .map(|(place, _)| self.services[*place].name().clone())
            .collect()
    }

    fn is_met(&self, place: usize, need: Need) -> bool {
        let service = &self.services[place];
        // A removed service can no longer be waited for.
        service.is_gone()
            || !service.must_be_down()
                && match need {
                    Need::Ready => service.is_ready() || service.completed,
                    Need::Started => service.is_started() || service.completed,
                    Need::Completed => service.completed,
                }
    }

    fn restart(&mut self, names: &[ServiceName], step: &Step) {
        let asked = self.startable(names);
        let (tasks, asked): (Vec<_>, Vec<_>) = asked
            .into_iter()
            .partition(|&index| self.services[index].is_task());
        for task in tasks {
            self.run_again(task, step);
        }
        let mut is_asked = vec![false; self.services.len()];
        for &index in &asked {
            is_asked[index] = true;
        }
        for index in self.order.with_dependents(asked.clone()) {
            if is_asked[index] || self.services[index].intent.wanted {
                self.change(index, |service| service.cycle(step));
            }
        }
        self.request(asked, step);
    }

    fn load(&mut self, stack: Arc<Stack>, last_runs: &HashMap<ServiceName, RunId>, step: &Step) {
        let places: HashMap<&ServiceName, usize> = stack
            .services
            .iter()
            .enumerate()
            .map(|(place, spec)| (&spec.name, place))
            .collect();
        for service in &mut self.services {
            match places.get(service.name()) {
                None => service.remove(),
                Some(&place) => service.redefine(&stack.services[place]),
            }
        }
        for spec in &stack.services {
            if self.order.place(&spec.name).is_none() {
                let run = last_runs.get(&spec.name).copied().unwrap_or(RunId(0));
                let service = ServiceState::new(spec.clone(), run, step.now);
                self.services.push(service);
            }
        }
        let place = |service: &ServiceState| places.get(service.name()).copied();
        self.services
            .sort_by_cached_key(|service| place(service).unwrap_or(usize::MAX));
        drop(places);
        self.stack = stack;
        self.rewire();
        let changed = (0..self.services.len()).filter(|&index| {
            let service = &self.services[index];
            service.intent.removed || service.next_spec.is_some()
        });
        for index in self.order.with_dependents(changed) {
            let service = &self.services[index];
            if service.intent.wanted && service.is_active() {
                self.change(index, |service| service.cycle(step));
            }
        }
    }

    fn report(&mut self, name: &ServiceName, run: RunId, report: Report, step: &mut Step) {
        let Some(index) = self.order.place(name) else {
            return;
        };
        let service = &mut self.services[index];
        let (before, was_ready) = (service.light(), service.is_ready());
        service.report(run, report, step);
        self.note(index);
        let service = &self.services[index];
        let affected: Vec<usize> = if before < Light::Red && service.light() == Light::Red {
            // A service has failed: check whether the others still work.
            self.tally.checkable.iter().copied().collect()
        } else if !was_ready && service.is_ready() {
            // The check of another service may have failed only because this one was not ready.
            self.tally.failing.iter().copied().collect()
        } else {
            return;
        };
        for other in affected.into_iter().filter(|other| *other != index) {
            self.change(other, |service| service.check(step));
        }
    }

    /// Rebuilds the dependency graph.
    fn rewire(&mut self) {
        Arc::make_mut(&mut self.ports).stack = Some(self.stack.clone());
        self.order = Order::of(self.services.iter().map(|service| service.spec.as_ref()));
        for (place, service) in self.services.iter_mut().enumerate() {
            service.is_job = self.order.is_job(place);
            service.take_dirty();
        }
        let count = self.services.len();
        self.tally = Tally::of(count);
        self.stale.clear();
        self.unexamined.clear();
        self.is_other_situation |= self.diagnosis.resize(count);
        self.changed = (0..count).collect();
        self.view = None;
    }

    /// Removes services that are not in the stack file and no longer run.
    fn drop_gone(&mut self) {
        if std::mem::take(&mut self.has_gone) {
            self.services.retain(|service| !service.is_gone());
            self.rewire();
            self.follow_up();
            self.update_situation();
        }
    }

    /// Sets the timers of the tasks with a schedule.
    fn plan_tasks(&mut self, step: &mut Step) {
        for index in 0..self.services.len() {
            let task = self.services[index].spec.task.as_ref();
            if task.is_some_and(|task| task.schedule.is_some()) {
                self.change(index, |service| service.plan(step));
            }
        }
    }

    /// Returns the indexes of these services and tasks, or of all services if there are none,
    /// without those that the stack file no longer contains.
    fn startable(&self, names: &[ServiceName]) -> Vec<usize> {
        let mut places = self.places(names);
        places.retain(|&place| {
            let service = &self.services[place];
            !service.intent.removed && (!names.is_empty() || !service.is_task())
        });
        places
    }

    /// Returns the indexes of these services, or of all if there are none. Unknown names are
    /// ignored.
    fn places(&self, names: &[ServiceName]) -> Vec<usize> {
        if names.is_empty() {
            let places = 0..self.services.len();
            return places
                .filter(|&place| !self.services[place].is_gone())
                .collect();
        }
        names
            .iter()
            .filter_map(|name| self.order.place(name))
            .collect()
    }
}
