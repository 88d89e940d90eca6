//! The findings of a diagnosis, as long as they are valid.
//!
//! A diagnosis takes a moment, and the stack may change meanwhile. So each diagnosis belongs to a
//! *situation*: which services fail and how, and which are running. Situations are compared by
//! value, so that a service that keeps exiting in the same way is diagnosed once. Findings of
//! another situation are dropped.

use std::{
    collections::HashMap,
    mem::{Discriminant, discriminant},
    sync::Arc,
};

use super::{
    facts::ProbeFaultKind,
    finding::Finding,
    service::{Health, Phase, ServiceState},
};
use crate::stack::ServiceName;

/// The current situation and its diagnosis.
#[derive(Debug, Default)]
pub(super) struct Diagnosis {
    /// Indexed by service; `None` for a service that was not examined yet.
    situation: Vec<Option<Condition>>,
    /// The number of failing services.
    troubles: usize,
    /// The number of the situation.
    number: u64,
    /// The situation that is being diagnosed.
    pending: Option<u64>,
    /// The situation that has been diagnosed.
    done: Option<u64>,
    findings: Vec<Arc<Finding>>,
}

/// The condition of a service.
#[derive(Debug, PartialEq)]
enum Condition {
    Trouble {
        finding: Option<Arc<Finding>>,
        /// The failing checks and the kinds of their faults.
        checks: Vec<(String, Discriminant<ProbeFaultKind>)>,
    },
    Up,
    OnItsWay,
    Down,
}

impl Condition {
    fn is_trouble(&self) -> bool {
        matches!(self, Self::Trouble { .. })
    }

    fn of(service: &ServiceState) -> Self {
        if service.is_in_trouble() {
            let checks = service
                .failed_checks()
                .iter()
                .map(|(name, fault)| (name.clone(), discriminant(&fault.kind)));
            return Self::Trouble {
                finding: service.finding.clone(),
                checks: checks.collect(),
            };
        }
        match service.phase() {
            Phase::Running(running) if running.health == Health::Ready => Self::Up,
            Phase::Stopped | Phase::Blocked | Phase::Failed => Self::Down,
            Phase::Claiming | Phase::Running(_) | Phase::Stopping { .. } | Phase::Backoff => {
                Self::OnItsWay
            }
        }
    }
}

impl Diagnosis {
    /// Updates the state of the service at this index. Returns whether the situation has changed.
    pub(super) fn update(&mut self, place: usize, service: &ServiceState) -> bool {
        let condition = Condition::of(service);
        let known = &mut self.situation[place];
        if known.as_ref() == Some(&condition) {
            return false;
        }
        self.troubles -= usize::from(known.as_ref().is_some_and(Condition::is_trouble));
        self.troubles += usize::from(condition.is_trouble());
        *known = Some(condition);
        true
    }

    /// Begins a new situation.
    pub(super) fn change(&mut self) {
        self.number += 1;
        self.findings.clear();
    }

    /// Resizes the list of services. Returns whether the situation has changed.
    pub(super) fn resize(&mut self, services: usize) -> bool {
        let differs = self.situation.len() != services;
        self.situation.resize_with(services, || None);
        let known = self.situation.iter().flatten();
        self.troubles = known.filter(|condition| condition.is_trouble()).count();
        differs
    }

    /// Returns whether the incremental state equals the state of these services.
    #[cfg(debug_assertions)]
    pub(super) fn agrees_with(&self, services: &[ServiceState]) -> bool {
        let conditions = services.iter().map(Condition::of);
        let known = self.situation.iter().flatten();
        known
            .clone()
            .filter(|condition| condition.is_trouble())
            .count()
            == self.troubles
            && known.count() == services.len()
            && conditions
                .zip(self.situation.iter().flatten())
                .all(|(now, known)| now == *known)
    }

    /// Returns whether any service is failing.
    pub(super) fn has_troubles(&self) -> bool {
        self.troubles > 0
    }

    pub(super) fn situation(&self) -> u64 {
        self.number
    }

    /// Returns the situation, if a service is failing or `anyway`, and its diagnosis has not begun.
    /// The caller must call [`Self::answer`].
    pub(super) fn ask(&mut self, anyway: bool) -> Option<u64> {
        let wanted = self.pending.is_none()
            && self.done != Some(self.number)
            && (self.troubles > 0 || anyway);
        wanted.then(|| *self.pending.insert(self.number))
    }

    /// Stores the findings of a situation. Returns whether it is still the current one.
    pub(super) fn answer(&mut self, situation: u64, findings: Vec<Finding>) -> bool {
        self.pending = None;
        if situation != self.number {
            return false;
        }
        self.done = Some(situation);
        self.findings = findings.into_iter().map(Arc::new).collect();
        true
    }

    /// Returns the findings, root causes first.
    pub(super) fn findings(&self) -> &[Arc<Finding>] {
        &self.findings
    }

    /// Adds faults that no finding covers.
    pub(super) fn add(&mut self, findings: impl IntoIterator<Item = Arc<Finding>>) {
        self.findings.extend(findings);
    }

    /// Returns the root cause for each failing service: the first finding about the service itself,
    /// or else the first one with it as a symptom.
    pub(super) fn causes(&self) -> HashMap<ServiceName, Arc<Finding>> {
        let mut causes = HashMap::new();
        for finding in &self.findings {
            let cause = || finding.clone();
            causes.entry(finding.service.clone()).or_insert_with(cause);
        }
        for finding in &self.findings {
            for symptom in &finding.symptoms {
                let cause = || finding.clone();
                causes.entry(symptom.service.clone()).or_insert_with(cause);
            }
        }
        causes
    }
}
