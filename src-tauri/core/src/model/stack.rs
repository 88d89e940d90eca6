//! A running stack: intent, dependency order, and what to do next.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    diagnosis::Diagnosis,
    effect::{Effect, Report},
    facts::{Moment, RunId},
    finding::Finding,
    order::Order,
    restart::Jitter,
    service::{Adoption, Phase, ServiceState},
    view::{Light, StackView},
};
use crate::stack::{Need, Port, Ports, ServiceName, Stack};

/// What happened: something a person asked for, or what came of an effect.
#[derive(Clone, Debug)]
pub enum Event {
    /// Start these, with what they need; all if there are none.
    Up(Vec<ServiceName>),
    /// Stop these, after what needs them; all if there are none.
    Down(Vec<ServiceName>),
    /// Stop these and what needs them, then start them again; all if there are none.
    Restart(Vec<ServiceName>),
    /// Do not wait for the polite end of these; all if there are none.
    Kill(Vec<ServiceName>),
    /// The stack file has changed. A service that is new has its latest known run in the map.
    Load(Arc<Stack>, HashMap<ServiceName, RunId>),
    /// An earlier keeper started this one.
    Adopt(ServiceName, Adoption),
    /// What was found to be wrong in a situation that [`StackModel::undiagnosed`] has told of.
    Diagnosed {
        /// Which situation.
        situation: u64,
        /// The root causes.
        findings: Vec<Finding>,
    },
    /// What came of an effect.
    Report {
        /// For whom it was.
        service: ServiceName,
        /// For which start.
        run: RunId,
        /// What came of it.
        report: Report,
    },
}

/// What a person who asked for something waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// These are ready, or have completed.
    Up(Vec<ServiceName>),
    /// Nothing of these runs.
    Down(Vec<ServiceName>),
}

/// How far a [`Goal`] is.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// On its way.
    Pending,
    /// There.
    Reached,
    /// It will not come true by itself: why.
    Failed(Vec<Arc<Finding>>),
    /// Somebody has asked for the opposite meanwhile.
    Overruled,
}

/// The model of one stack.
#[derive(Debug)]
pub struct StackModel {
    stack: Arc<Stack>,
    services: Vec<ServiceState>,
    order: Order,
    ports: Arc<PortTable>,
    jitter: Jitter,
    diagnosis: Diagnosis,
    view: Option<Arc<StackView>>,
}

/// The ports that the services of a stack have at one moment.
#[derive(Clone, Debug, Default)]
pub struct PortTable(BTreeMap<ServiceName, Port>);

impl Ports for PortTable {
    fn port_of(&self, service: &ServiceName) -> Option<Port> {
        self.0.get(service).copied()
    }
}

impl StackModel {
    /// A stack of which nothing runs. `last_run` tells the latest run of a service that left
    /// anything behind, so that the next has a number of its own; `seed` is for [`Jitter`].
    pub fn new(
        stack: Arc<Stack>,
        last_run: impl Fn(&ServiceName) -> RunId,
        seed: u64,
        now: Moment,
    ) -> Self {
        let services = stack
            .services
            .iter()
            .map(|spec| ServiceState::new(spec.clone(), last_run(&spec.name), now))
            .collect();
        let mut model = Self {
            stack,
            services,
            order: Order::default(),
            ports: Arc::default(),
            jitter: Jitter::new(seed),
            diagnosis: Diagnosis::default(),
            view: None,
        };
        model.rewire();
        model.settle(now, &mut Vec::new());
        model
    }

    /// What the stack file says.
    #[must_use]
    pub fn stack(&self) -> &Arc<Stack> {
        &self.stack
    }

    /// Its services: those of the stack file, and those that it no longer has and that still run.
    #[must_use]
    pub fn services(&self) -> &[ServiceState] {
        &self.services
    }

    /// The service of this name.
    #[must_use]
    pub fn service(&self, name: &ServiceName) -> Option<&ServiceState> {
        Some(&self.services[self.order.place(name)?])
    }

    /// The ports that its services have now.
    #[must_use]
    pub fn ports(&self) -> Arc<PortTable> {
        self.ports.clone()
    }

    /// Whether something of it is wanted or still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.services
            .iter()
            .any(|service| service.intent.wanted || service.is_active())
    }

    /// Takes what happened and answers what is to be done about it.
    pub fn step(&mut self, now: Moment, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Up(names) => {
                for index in self.order.with_needs(self.places(&names)) {
                    self.services[index].ask(now);
                }
            }
            Event::Down(names) => {
                for index in self.order.with_dependents(self.places(&names)) {
                    self.services[index].dismiss(now, &mut effects);
                }
            }
            Event::Restart(names) => self.restart(&names, now),
            Event::Kill(names) => {
                for index in self.places(&names) {
                    self.services[index].kill(&mut effects);
                }
            }
            Event::Load(stack, last_runs) => self.load(stack, &last_runs, now),
            Event::Adopt(name, adoption) => {
                if let Some(service) = self
                    .services
                    .iter_mut()
                    .find(|service| *service.name() == name)
                {
                    service.adopt(&adoption, now, &mut effects);
                }
            }
            Event::Diagnosed {
                situation,
                findings,
            } => self.take_diagnosis(situation, findings),
            Event::Report {
                service,
                run,
                report,
            } => {
                self.report(&service, run, report, now, &mut effects);
            }
        }
        self.settle(now, &mut effects);
        if self.diagnosis.look(&self.services) {
            self.pass_diagnosis_on();
        }
        effects
    }

    /// Which situation is to be diagnosed now, if any: something is wrong, and nobody looks into it
    /// yet. Whoever asks sees to it, and answers with [`Event::Diagnosed`].
    pub fn undiagnosed(&mut self) -> Option<u64> {
        self.diagnosis.ask()
    }

    /// The number of the present situation: another one when somebody has come up, gone or got into
    /// trouble since.
    #[must_use]
    pub fn situation(&self) -> u64 {
        self.diagnosis.situation()
    }

    fn take_diagnosis(&mut self, situation: u64, findings: Vec<Finding>) {
        if !self.diagnosis.answer(situation, findings) {
            return;
        }
        // That it ended is better than nothing.
        for service in &self.services {
            if let Some(finding) = &service.finding
                && self.diagnosis.of(service).is_none()
            {
                self.diagnosis.add(finding.clone());
            }
        }
        self.pass_diagnosis_on();
    }

    fn pass_diagnosis_on(&mut self) {
        for service in &mut self.services {
            let cause = self.diagnosis.of(service);
            let cause = cause.filter(|_| service.is_in_trouble());
            service.diagnosed(cause.cloned());
        }
        self.view = None;
    }

    /// What a goal for these services is about: all that they need, or all that need them.
    #[must_use]
    pub fn up_goal(&self, names: &[ServiceName]) -> Goal {
        Goal::Up(self.names(self.order.with_needs(self.places(names))))
    }

    /// What a restart of these is about: what was up of those that need them comes back too.
    #[must_use]
    pub fn restart_goal(&self, names: &[ServiceName]) -> Goal {
        let asked = self.places(names);
        let mut places = self.order.with_dependents(asked.clone());
        places.retain(|&place| self.services[place].intent.wanted);
        places.extend(self.order.with_needs(asked));
        places.sort_unstable();
        places.dedup();
        Goal::Up(self.names(places))
    }

    /// See [`Self::up_goal`].
    #[must_use]
    pub fn down_goal(&self, names: &[ServiceName]) -> Goal {
        Goal::Down(self.names(self.order.with_dependents(self.places(names))))
    }

    /// How far a goal is.
    #[must_use]
    pub fn progress(&self, goal: &Goal) -> Progress {
        match goal {
            Goal::Up(names) => self.progress_up(names),
            Goal::Down(names) => self.progress_down(names),
        }
    }

    fn progress_up(&self, names: &[ServiceName]) -> Progress {
        let mut pending = false;
        let mut findings = Vec::new();
        for name in names {
            let Some(service) = self.service(name).filter(|service| service.intent.wanted) else {
                return Progress::Overruled;
            };
            match service.phase() {
                Phase::Ready(_) if !service.intent.cycle => {}
                Phase::Stopped if service.completed => {}
                Phase::Failed | Phase::Blocked | Phase::Unhealthy(_) if !service.intent.cycle => {
                    findings.extend(service.finding.clone());
                }
                _ => pending = true,
            }
        }
        match (findings.is_empty(), pending) {
            (false, _) => Progress::Failed(findings),
            (true, true) => Progress::Pending,
            (true, false) => Progress::Reached,
        }
    }

    fn progress_down(&self, names: &[ServiceName]) -> Progress {
        let mut services = names.iter().filter_map(|name| self.service(name));
        if services.clone().any(|service| service.intent.wanted) {
            return Progress::Overruled;
        }
        if services.clone().any(ServiceState::is_active) {
            return Progress::Pending;
        }
        let unfinished: Vec<_> = services
            .by_ref()
            .filter_map(|service| {
                let stopped = service.unfinished.as_ref()?;
                Some(Arc::new(super::explain::unfinished(
                    service.spec(),
                    stopped,
                )))
            })
            .collect();
        if unfinished.is_empty() {
            Progress::Reached
        } else {
            Progress::Failed(unfinished)
        }
    }

    /// The needs that keep a service from starting.
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
        !service.must_be_down()
            && match need {
                Need::Ready => service.is_ready() || service.completed,
                Need::Started => service.is_started() || service.completed,
                Need::Completed => service.completed,
            }
    }

    /// What people see of the stack. Only what has changed is made anew.
    pub fn view(&mut self) -> Arc<StackView> {
        if let Some(view) = &self.view {
            return view.clone();
        }
        for index in 0..self.services.len() {
            let service = &self.services[index];
            let waits =
                service.intent.wanted && *service.phase() == Phase::Stopped && !service.completed;
            let waiting_for = if waits {
                self.unmet_needs(service.name())
            } else {
                Vec::new()
            };
            let outdated = service
                .view()
                .is_none_or(|view| view.waiting_for != waiting_for);
            if outdated {
                self.services[index].redraw(waiting_for, &*self.ports);
            }
        }
        let view = Arc::new(StackView {
            name: self.stack.name.clone(),
            file: self.stack.file.clone(),
            mode: self.stack.mode,
            light: self
                .services
                .iter()
                .map(ServiceState::light)
                .max()
                .unwrap_or(Light::Off),
            services: self
                .services
                .iter()
                .filter_map(|service| service.view().cloned())
                .collect(),
            findings: self.diagnosis.findings().to_vec(),
        });
        self.view = Some(view.clone());
        view
    }

    fn restart(&mut self, names: &[ServiceName], now: Moment) {
        let asked = self.places(names);
        for index in self.order.with_dependents(asked.clone()) {
            if asked.contains(&index) || self.services[index].intent.wanted {
                self.services[index].cycle(now);
            }
        }
        for index in self.order.with_needs(asked) {
            self.services[index].ask(now);
        }
    }

    fn load(&mut self, stack: Arc<Stack>, last_runs: &HashMap<ServiceName, RunId>, now: Moment) {
        for service in &mut self.services {
            match stack.service(service.name()) {
                None => service.remove(),
                Some(spec) => service.redefine(spec),
            }
        }
        for spec in &stack.services {
            if self.service(&spec.name).is_none() {
                let run = last_runs.get(&spec.name).copied().unwrap_or(RunId(0));
                self.services
                    .push(ServiceState::new(spec.clone(), run, now));
            }
        }
        let place = |service: &ServiceState| {
            stack
                .services
                .iter()
                .position(|spec| spec.name == *service.name())
                .unwrap_or(usize::MAX)
        };
        self.services.sort_by_key(place);
        self.stack = stack;
        self.rewire();
        let changed = (0..self.services.len()).filter(|&index| {
            let service = &self.services[index];
            service.intent.removed || service.next_spec.is_some()
        });
        for index in self.order.with_dependents(changed) {
            let service = &mut self.services[index];
            if service.intent.wanted && service.is_active() {
                service.cycle(now);
            }
        }
    }

    fn report(
        &mut self,
        name: &ServiceName,
        run: RunId,
        report: Report,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let Some(index) = self
            .services
            .iter()
            .position(|service| service.name() == name)
        else {
            return;
        };
        let before = self.services[index].light();
        self.services[index].report(run, report, &mut self.jitter, now, effects);
        // Something is worse than it was: do the others still do what they are for?
        if before < Light::Red && self.services[index].light() == Light::Red {
            for (_, other) in self
                .services
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != index)
            {
                other.check(effects);
            }
        }
    }

    /// Starts what may start and ends what may end, until nothing of that is left to do.
    fn settle(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        loop {
            let done = effects.len();
            for index in 0..self.services.len() {
                let service = &self.services[index];
                let mut dependents = self.order.dependents(index).iter();
                if service.must_be_down()
                    && (service.is_active() || service.intent.cycle)
                    && !dependents.any(|&other| self.services[other].is_active())
                {
                    self.services[index].end(now, effects);
                }
            }
            self.drop_removed();
            for index in 0..self.services.len() {
                let service = &self.services[index];
                if *service.phase() == Phase::Stopped
                    && !service.must_be_down()
                    && !service.completed
                    && self
                        .order
                        .needs(index)
                        .iter()
                        .all(|&(need, how)| self.is_met(need, how))
                {
                    self.services[index].begin(now, effects);
                }
            }
            if effects.len() == done {
                break;
            }
        }
        for service in self.services.iter().filter(|service| service.is_touched()) {
            let (name, port) = (service.name(), service.port());
            if self.ports.port_of(name) != port {
                let ports = &mut Arc::make_mut(&mut self.ports).0;
                match port {
                    Some(port) => ports.insert(name.clone(), port),
                    None => ports.remove(name),
                };
            }
            self.view = None;
        }
    }

    fn drop_removed(&mut self) {
        let count = self.services.len();
        self.services
            .retain(|service| !service.intent.removed || service.is_active());
        if self.services.len() < count {
            self.rewire();
        }
    }

    /// Learns anew who needs whom.
    fn rewire(&mut self) {
        self.order = Order::of(self.services.iter().map(|service| service.spec.as_ref()));
        let jobs: Vec<ServiceName> = self
            .services
            .iter()
            .flat_map(|service| &service.spec.needs)
            .filter(|(_, need)| **need == Need::Completed)
            .map(|(name, _)| name.clone())
            .collect();
        for service in &mut self.services {
            service.is_job = jobs.contains(service.name());
            service.touch();
        }
        self.view = None;
    }

    /// The places of these services; of all, if there are none. An unknown name has no place.
    fn places(&self, names: &[ServiceName]) -> Vec<usize> {
        if names.is_empty() {
            return (0..self.services.len()).collect();
        }
        names
            .iter()
            .filter_map(|name| self.order.place(name))
            .collect()
    }

    fn names(&self, places: Vec<usize>) -> Vec<ServiceName> {
        places
            .into_iter()
            .map(|index| self.services[index].name().clone())
            .collect()
    }
}
