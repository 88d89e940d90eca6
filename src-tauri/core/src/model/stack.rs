//! A running stack: intent, dependency order, and what to do next.

mod changes;
mod goal;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use super::{
    effect::{Effect, Report},
    facts::{RunId, TimePoint},
    finding::Finding,
    order::Order,
    restart::Jitter,
    service::{Adoption, ServiceState},
    situation::Diagnosis,
    view::{Light, StackView},
};
use changes::Tally;
pub use goal::{Goal, Members, Progress};

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
    /// An earlier daemon started this one.
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

/// The model of one stack.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and they occur in every combination"
)]
pub struct StackModel {
    stack: Arc<Stack>,
    services: Vec<ServiceState>,
    order: Order,
    ports: Arc<PortTable>,
    jitter: Jitter,
    diagnosis: Diagnosis,
    /// The services that have changed and whose changes have not been followed up yet.
    changed: Vec<usize>,
    /// The services that the diagnosis has not examined since they changed.
    unlooked: Vec<usize>,
    /// Whether the situation differs from the one that was diagnosed.
    is_other_situation: bool,
    /// The totals over all services.
    tally: Tally,
    /// How often a service became wanted or unwanted, or began to fail: only then can a goal turn out
    /// to be out of reach.
    turns: u64,
    /// The services whose checks are made when another turns red.
    checkable: BTreeSet<usize>,
    /// The services with a failing check.
    failing: BTreeSet<usize>,
    /// Whether a removed service has stopped, but is still in the list.
    has_gone: bool,
    /// Whether a service shows a root cause.
    explained: bool,
    view: Option<Arc<StackView>>,
    /// The services that may differ from the view.
    stale: BTreeSet<usize>,
    /// Whether the findings of the view belong to another situation.
    stale_findings: bool,
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
        now: TimePoint,
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
            changed: Vec::new(),
            unlooked: Vec::new(),
            is_other_situation: false,
            tally: Tally::default(),
            turns: 0,
            checkable: BTreeSet::new(),
            failing: BTreeSet::new(),
            has_gone: false,
            explained: false,
            view: None,
            stale: BTreeSet::new(),
            stale_findings: false,
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

    /// Its services: those of the stack file, and those that it no longer has and that ran when the view
    /// was last brought up to date.
    #[must_use]
    pub fn services(&self) -> &[ServiceState] {
        &self.services
    }

    /// The service of this name.
    #[must_use]
    pub fn service(&self, name: &ServiceName) -> Option<&ServiceState> {
        let service = &self.services[self.order.place(name)?];
        (!service.is_gone()).then_some(service)
    }

    /// The ports that its services have now.
    #[must_use]
    pub fn ports(&self) -> Arc<PortTable> {
        self.ports.clone()
    }

    /// Whether something of it is wanted or still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.tally.alive() > 0
    }

    /// Takes what happened and answers what is to be done about it.
    pub fn step(&mut self, now: TimePoint, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        if !matches!(event, Event::Report { .. }) {
            self.drop_gone();
        }
        match event {
            Event::Up(names) => {
                for index in self.order.with_needs(self.places(&names)) {
                    self.change(index, |service| service.ask(now));
                }
            }
            Event::Down(names) => {
                for index in self.order.with_dependents(self.places(&names)) {
                    self.change(index, |service| service.dismiss(now, &mut effects));
                }
            }
            Event::Restart(names) => self.restart(&names, now),
            Event::Kill(names) => {
                for index in self.places(&names) {
                    self.change(index, |service| service.kill(&mut effects));
                }
            }
            Event::Load(stack, last_runs) => self.load(stack, &last_runs, now),
            Event::Adopt(name, adoption) => {
                if let Some(index) = self.order.place(&name) {
                    self.change(index, |service| service.adopt(&adoption, now, &mut effects));
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
        effects
    }

    /// Changes a service and queues the follow-up.
    fn change(&mut self, index: usize, change: impl FnOnce(&mut ServiceState)) {
        change(&mut self.services[index]);
        self.note(index);
    }

    fn note(&mut self, index: usize) {
        if self.services[index].take_dirty() {
            self.changed.push(index);
        }
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
        let known = self.diagnosis.causes();
        // That it ended is better than nothing.
        let unknown = self.services.iter().filter_map(|service| {
            let finding = service.finding.clone()?;
            (!known.contains_key(service.name())).then_some(finding)
        });
        let unknown: Vec<_> = unknown.collect();
        self.diagnosis.add(unknown);
        self.pass_diagnosis_on();
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
        // Services that the stack file no longer has cannot be waited for.
        service.is_gone()
            || !service.must_be_down()
                && match need {
                    Need::Ready => service.is_ready() || service.completed,
                    Need::Started => service.is_started() || service.completed,
                    Need::Completed => service.completed,
                }
    }

    fn restart(&mut self, names: &[ServiceName], now: TimePoint) {
        let asked = self.places(names);
        let mut is_asked = vec![false; self.services.len()];
        for &index in &asked {
            is_asked[index] = true;
        }
        for index in self.order.with_dependents(asked.clone()) {
            if is_asked[index] || self.services[index].intent.wanted {
                self.change(index, |service| service.cycle(now));
            }
        }
        for index in self.order.with_needs(asked) {
            self.change(index, |service| service.ask(now));
        }
    }

    fn load(&mut self, stack: Arc<Stack>, last_runs: &HashMap<ServiceName, RunId>, now: TimePoint) {
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
                self.services
                    .push(ServiceState::new(spec.clone(), run, now));
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
                self.change(index, |service| service.cycle(now));
            }
        }
    }

    fn report(
        &mut self,
        name: &ServiceName,
        run: RunId,
        report: Report,
        now: TimePoint,
        effects: &mut Vec<Effect>,
    ) {
        let Some(index) = self.order.place(name) else {
            return;
        };
        let (before, was_ready) = (
            self.services[index].light(),
            self.services[index].is_ready(),
        );
        self.services[index].report(run, report, &mut self.jitter, now, effects);
        self.note(index);
        let service = &self.services[index];
        let affected: Vec<usize> = if before < Light::Red && service.light() == Light::Red {
            // A service got worse: check whether the others still work.
            self.checkable.iter().copied().collect()
        } else if !was_ready && service.is_ready() {
            // It may be what the check of another service lacked.
            self.failing.iter().copied().collect()
        } else {
            return;
        };
        for other in affected.into_iter().filter(|other| *other != index) {
            self.change(other, |service| service.check(effects));
        }
    }

    /// Learns anew who needs whom.
    fn rewire(&mut self) {
        self.order = Order::of(self.services.iter().map(|service| service.spec.as_ref()));
        let jobs: HashSet<ServiceName> = self
            .services
            .iter()
            .flat_map(|service| &service.spec.needs)
            .filter(|(_, need)| **need == Need::Completed)
            .map(|(name, _)| name.clone())
            .collect();
        for service in &mut self.services {
            service.is_job = jobs.contains(service.name());
            service.take_dirty();
        }
        let count = self.services.len();
        self.tally = Tally::of(count);
        self.checkable.clear();
        self.failing.clear();
        self.stale.clear();
        self.unlooked.clear();
        self.is_other_situation |= self.diagnosis.resize(count);
        self.changed = (0..count).collect();
        self.view = None;
    }

    /// Drops the services that are no longer in the stack file and of which nothing runs.
    fn drop_gone(&mut self) {
        if std::mem::take(&mut self.has_gone) {
            self.services.retain(|service| !service.is_gone());
            self.rewire();
            self.follow_up();
            self.look();
        }
    }

    /// The places of these services; of all, if there are none. An unknown name has no place.
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
