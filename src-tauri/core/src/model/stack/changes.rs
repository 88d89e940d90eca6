//! Handles changes of single services: only they and their neighbours are examined.
//!
//! Each changed service is queued. [`StackModel::settle`] empties the queue: it updates the state
//! derived from single services, starts and stops the services that can be started and stopped now,
//! and continues with the resulting changes. In debug builds, all derived state is then computed
//! again from all services and compared.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use super::StackModel;
use crate::{
    model::{
        facts::RunId,
        order::Order,
        service::{ServiceState, Step},
        view::{Light, ProfileView, ServiceView, StackView, StartedBy},
    },
    stack::{Ports as _, ServiceName},
};

/// The number of services up to which a stack is verified after each step in debug builds.
#[cfg(debug_assertions)]
const VERIFIED: usize = 50;

/// The totals over all services, updated with each change.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Tally {
    seen: Vec<Option<Seen>>,
    alive: usize,
    /// The number of services of each light.
    lights: [usize; 4],
    /// The number of active dependents of each service.
    active_dependents: Vec<usize>,
    /// The services whose checks run when another service fails.
    pub(super) checkable: BTreeSet<usize>,
    /// The services with a failing check.
    pub(super) failing: BTreeSet<usize>,
}

/// The contribution of a service to the totals.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Seen {
    is_wanted: bool,
    is_active: bool,
    is_stuck: bool,
    light: Light,
}

impl Seen {
    fn of(service: &ServiceState) -> Self {
        Self {
            is_wanted: service.intent.wanted,
            is_active: service.is_active(),
            is_stuck: service.is_stuck(),
            light: service.light(),
        }
    }

    fn is_alive(self) -> bool {
        self.is_wanted || self.is_active
    }
}

impl Tally {
    /// Returns the totals of this many services, none of which has been examined yet.
    pub(super) fn of(services: usize) -> Self {
        Self {
            seen: vec![None; services],
            active_dependents: vec![0; services],
            ..Self::default()
        }
    }

    /// Updates the contribution of a service. Returns whether a goal may now be unreachable.
    fn update(&mut self, place: usize, service: &ServiceState, order: &Order) -> bool {
        let now = Seen::of(service);
        let before = self.seen[place].replace(now);
        if let Some(before) = before {
            self.alive -= usize::from(before.is_alive());
            self.lights[before.light as usize] -= 1;
        }
        self.alive += usize::from(now.is_alive());
        self.lights[now.light as usize] += 1;
        keep(&mut self.checkable, place, service.takes_check());
        keep(&mut self.failing, place, service.fails_checks());
        let was_active = before.is_some_and(|before| before.is_active);
        if was_active != now.is_active {
            for &(need, _) in order.needs(place) {
                let active = &mut self.active_dependents[need];
                *active = if now.is_active {
                    *active + 1
                } else {
                    *active - 1
                };
            }
        }
        before.is_none_or(|before| {
            before.is_wanted != now.is_wanted || !before.is_stuck && now.is_stuck
        })
    }

    /// Returns the number of services that are wanted or running.
    pub(super) fn alive(&self) -> usize {
        self.alive
    }

    /// Returns the worst light.
    pub(super) fn light(&self) -> Light {
        let lights = [Light::Red, Light::Amber, Light::Green];
        let shown = lights
            .into_iter()
            .find(|light| self.lights[*light as usize] > 0);
        shown.unwrap_or(Light::Off)
    }
}

impl StackModel {
    /// Starts and stops services until nothing more can be started or stopped.
    pub(super) fn settle(&mut self, step: &mut Step) {
        loop {
            let changed = self.follow_up();
            if changed.is_empty() {
                break;
            }
            let neighbours = changed.iter().flat_map(|&place| {
                let needs = self.order.needs(place).iter().map(|(need, _)| *need);
                needs.chain(self.order.dependents(place).iter().copied())
            });
            let mut near: Vec<usize> = neighbours.chain(changed.iter().copied()).collect();
            near.sort_unstable();
            near.dedup();
            for &place in &near {
                if self.may_end(place) {
                    self.change(place, |service| service.end(step));
                }
            }
            for &place in &near {
                if self.may_begin(place) {
                    self.change(place, |service| service.begin(step));
                }
            }
        }
        self.update_situation();
        if !self.recorded.is_empty() && !self.diagnosis.has_troubles() {
            self.record_findings(step);
        }
        #[cfg(debug_assertions)]
        self.verify(step);
    }

    fn may_end(&self, place: usize) -> bool {
        let service = &self.services[place];
        service.must_be_down()
            && (service.is_active() || service.intent.cycle)
            && (service.intent.alone || self.tally.active_dependents[place] == 0)
    }

    fn may_begin(&self, place: usize) -> bool {
        let service = &self.services[place];
        service.waits()
            && !service.intent.cycle
            && self
                .order
                .needs(place)
                .iter()
                .all(|&(need, how)| self.is_met(need, how))
    }

    /// Updates the totals with the changed services, and returns their indexes.
    pub(super) fn follow_up(&mut self) -> Vec<usize> {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        for &place in &changed {
            let service = &self.services[place];
            self.turns += u64::from(self.tally.update(place, service, &self.order));
            self.has_gone |= service.is_gone();
            let (name, port) = (service.name(), service.port());
            if self.ports.port_of(name) != port {
                let ports = &mut Arc::make_mut(&mut self.ports).ports;
                match port {
                    Some(port) => ports.insert(name.clone(), port),
                    None => ports.remove(name),
                };
            }
            if let Some(container) = service.container()
                && self.ports.containers.get(name) != Some(container)
            {
                let containers = &mut Arc::make_mut(&mut self.ports).containers;
                containers.insert(name.clone(), container.clone());
            }
            self.stale.insert(place);
            for &other in self.order.dependents(place) {
                if self.services[other].waits() {
                    self.stale.insert(other);
                }
            }
        }
        self.unexamined.extend(&changed);
        changed
    }

    /// Updates the diagnosis with the changed services.
    pub(super) fn update_situation(&mut self) {
        for place in std::mem::take(&mut self.unexamined) {
            self.is_other_situation |= self.diagnosis.update(place, &self.services[place]);
        }
        if std::mem::take(&mut self.is_other_situation) {
            self.diagnosis.change();
            self.pass_diagnosis_on();
            self.follow_up();
            // The findings have changed, not the state of the services.
            self.unexamined.clear();
        }
    }

    /// Returns the view of the stack.
    pub fn view(&mut self) -> Arc<StackView> {
        self.redraw();
        self.view
            .clone()
            .unwrap_or_else(|| Arc::new(self.draw_all()))
    }

    /// Updates the view of the stack. Returns whether it has changed.
    ///
    /// Only changed parts are rebuilt, in place if no reader holds the previous view.
    pub fn redraw(&mut self) -> bool {
        self.drop_gone();
        let Some(view) = &self.view else {
            self.view = Some(Arc::new(self.draw_all()));
            self.stale.clear();
            self.stale_findings = false;
            return true;
        };
        let stale = std::mem::take(&mut self.stale).into_iter();
        let drawn = stale.map(|place| (place, self.draw(place)));
        let drawn: Vec<(usize, ServiceView)> = drawn
            .filter(|(place, drawn)| *view.services[*place] != *drawn)
            .collect();
        let light = self.tally.light();
        let findings = self.findings();
        self.stale_findings = false;
        let findings_differ = view.findings != findings;
        if drawn.is_empty() && !findings_differ && light == view.light {
            return false;
        }
        if let Some(view) = &mut self.view {
            let view = Arc::make_mut(view);
            for (place, drawn) in drawn {
                view.services[place] = Arc::new(drawn);
            }
            view.light = light;
            if findings_differ {
                view.findings = findings;
            }
        }
        #[cfg(debug_assertions)]
        self.verify_view();
        true
    }

    /// Shows which program requested the latest start.
    pub fn show_started_by(&mut self, program: Option<StartedBy>) {
        if self.started_by != program {
            self.started_by = program;
            self.view = None;
        }
    }

    /// Shows which checkout the stack belongs to.
    pub fn show_checkout(&mut self, name: Option<String>) {
        if self.checkout != name {
            self.checkout = name;
            self.view = None;
        }
    }

    /// Returns whether the view contains the checkout.
    #[must_use]
    pub fn shows_checkout(&self) -> bool {
        self.checkout.is_some()
    }

    /// Returns whether [`Self::redraw`] may change anything.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.view.is_none() || self.has_gone || self.stale_findings || !self.stale.is_empty()
    }

    /// Shows the duration of the latest round of a service's probes. Such a change alone does not
    /// cause an event.
    pub fn show_latency(&mut self, name: &ServiceName, run: RunId, latency: Duration) {
        let Some(place) = self.order.place(name) else {
            return;
        };
        if self.services[place].take_latency(run, latency) {
            self.stale.insert(place);
        }
    }

    fn draw_all(&self) -> StackView {
        let services = (0..self.services.len()).map(|place| Arc::new(self.draw(place)));
        StackView {
            name: self.stack.name.clone(),
            file: self.stack.file.clone(),
            mode: self.stack.mode,
            light: self.tally.light(),
            profiles: ProfileView::of(&self.stack),
            services: services.collect(),
            findings: self.findings(),
            started_by: self.started_by.clone(),
            checkout: self.checkout.clone(),
        }
    }

    fn draw(&self, place: usize) -> ServiceView {
        let service = &self.services[place];
        let waiting_for = if service.waits() {
            self.unmet_needs(service.name())
        } else {
            Vec::new()
        };
        service.draw(waiting_for, &*self.ports)
    }

    /// Computes all derived state again from all services, and compares.
    #[cfg(debug_assertions)]
    fn verify(&self, step: &Step) {
        if self.services.len() > VERIFIED {
            return;
        }
        let mut tally = Tally::of(self.services.len());
        for (place, service) in self.services.iter().enumerate() {
            tally.update(place, service, &self.order);
            assert!(self.has_gone || !service.is_gone());
            assert_eq!(self.ports.port_of(service.name()), service.port());
            assert!(!self.may_begin(place), "{} may begin", service.name());
            if self.may_end(place) {
                let (mut ending, mut end) = (service.clone(), Step::new(step.now, 0.0));
                ending.end(&mut end);
                let changes = ending.take_dirty() || !end.effects.is_empty();
                assert!(!changes, "{} may end", service.name());
            }
        }
        assert_eq!(tally, self.tally);
        assert!(self.diagnosis.agrees_with(&self.services));
    }

    #[cfg(debug_assertions)]
    fn verify_view(&self) {
        let Some(view) = self
            .view
            .as_ref()
            .filter(|_| self.services.len() <= VERIFIED)
        else {
            return;
        };
        let mut all = self.draw_all();
        for (drawn, shown) in all.services.iter_mut().zip(&view.services) {
            // The view may be outdated here.
            Arc::make_mut(drawn).latency_ms = shown.latency_ms;
        }
        assert_eq!(all, **view);
    }
}

fn keep(places: &mut BTreeSet<usize>, place: usize, is_in: bool) {
    if is_in {
        places.insert(place);
    } else {
        places.remove(&place);
    }
}
