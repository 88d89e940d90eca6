//! The goals of requests, and their progress.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use super::StackModel;
use crate::{
    diagnose::explain,
    model::{
        finding::Finding,
        service::{Phase, ServiceState},
    },
    stack::ServiceName,
};

/// The goal of a request.
#[derive(Debug)]
pub enum Goal {
    /// These services are ready or completed.
    Up(Members),
    /// No process of these services is running.
    Down(Members),
}

/// The services of a goal.
#[derive(Debug, Default)]
pub struct Members {
    names: Vec<ServiceName>,
    /// The service that was pending at the last call, counted from 1, and the turns of the stack at
    /// that time: while both are the same, no other service needs to be examined.
    pending: AtomicUsize,
    turns: AtomicU64,
}

impl Members {
    /// Returns their names.
    #[must_use]
    pub fn names(&self) -> &[ServiceName] {
        &self.names
    }

    fn last_pending(&self, turns: u64) -> Option<&ServiceName> {
        let pending = self.pending.load(Ordering::Relaxed).checked_sub(1)?;
        let name = self.names.get(pending)?;
        (self.turns.load(Ordering::Relaxed) == turns).then_some(name)
    }

    fn note_pending(&self, place: usize, turns: u64) {
        self.pending.store(place + 1, Ordering::Relaxed);
        self.turns.store(turns, Ordering::Relaxed);
    }
}

/// The progress of a [`Goal`].
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// Pending.
    Pending,
    /// Reached.
    Reached,
    /// Out of reach, with the reason.
    Failed(Vec<Arc<Finding>>),
    /// Another request has asked for the opposite.
    Overruled,
}

impl StackModel {
    /// Returns the goal of a start: these services and all their dependencies.
    #[must_use]
    pub fn up_goal(&self, names: &[ServiceName]) -> Goal {
        Goal::Up(self.members(self.order.with_needs(self.startable(names))))
    }

    /// Returns the goal of a restart: running dependents start again too.
    #[must_use]
    pub fn restart_goal(&self, names: &[ServiceName]) -> Goal {
        let asked = self.startable(names);
        let services = asked.iter().copied();
        let services = services.filter(|&place| !self.services[place].is_task());
        let mut places = self.order.with_dependents(services);
        places.retain(|&place| self.services[place].intent.wanted);
        places.extend(self.order.with_needs(asked));
        places.sort_unstable();
        places.dedup();
        Goal::Up(self.members(places))
    }

    /// Returns the goal of a stop: these services and all their dependents.
    #[must_use]
    pub fn down_goal(&self, names: &[ServiceName]) -> Goal {
        Goal::Down(self.members(self.order.with_dependents(self.places(names))))
    }

    /// Returns the progress of a goal. Repeated calls usually examine one service each.
    #[must_use]
    pub fn progress(&self, goal: &Goal) -> Progress {
        let (members, is_pending): (_, fn(&ServiceState) -> bool) = match goal {
            Goal::Up(members) => (members, is_coming_up),
            Goal::Down(members) => (members, ServiceState::is_active),
        };
        let pending = members.last_pending(self.turns);
        if pending
            .and_then(|name| self.service(name))
            .is_some_and(is_pending)
        {
            return Progress::Pending;
        }
        let progress = match goal {
            Goal::Up(_) => self.progress_up(&members.names),
            Goal::Down(_) => self.progress_down(&members.names),
        };
        if progress == Progress::Pending {
            let is_pending = |name| self.service(name).is_some_and(is_pending);
            if let Some(place) = members.names.iter().position(is_pending) {
                members.note_pending(place, self.turns);
            }
        }
        progress
    }

    fn progress_up(&self, names: &[ServiceName]) -> Progress {
        let mut pending = false;
        let mut findings = Vec::new();
        for name in names {
            let Some(service) = self.service(name).filter(|service| service.intent.wanted) else {
                return Progress::Overruled;
            };
            if service.is_stuck() {
                findings.extend(service.finding.clone());
            } else {
                pending |= is_coming_up(service);
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
                Some(Arc::new(explain::unfinished(service.spec(), stopped)))
            })
            .collect();
        if unfinished.is_empty() {
            Progress::Reached
        } else {
            Progress::Failed(unfinished)
        }
    }

    fn members(&self, places: Vec<usize>) -> Members {
        let names = places.into_iter();
        Members {
            names: names
                .map(|place| self.services[place].name().clone())
                .collect(),
            ..Members::default()
        }
    }
}

/// Returns whether it is becoming ready or will complete.
fn is_coming_up(service: &ServiceState) -> bool {
    !service.is_stuck()
        && match service.phase() {
            Phase::Stopped => !service.completed,
            _ => service.intent.cycle || !service.is_ready(),
        }
}
