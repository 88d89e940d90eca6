//! What a diagnosis says of a stack, for as long as that holds.
//!
//! A diagnosis takes a moment, and the stack goes on meanwhile. So each is of a *situation*: who is
//! in trouble and with what, and who is up. That is compared by value, so that a service which ends
//! again and again in the same way is diagnosed once. What was found in another situation is dropped.

use std::{
    mem::{Discriminant, discriminant},
    sync::Arc,
};

use super::{
    facts::ProbeFaultKind,
    finding::Finding,
    service::{Phase, ServiceState},
};

/// The situation, and what is known of it.
#[derive(Debug, Default)]
pub(super) struct Diagnosis {
    situation: Vec<Standing>,
    /// Which situation it is.
    number: u64,
    /// The situation that is being diagnosed.
    pending: Option<u64>,
    /// The situation that has been diagnosed.
    done: Option<u64>,
    findings: Vec<Arc<Finding>>,
}

/// How a service stands.
#[derive(Debug, PartialEq)]
enum Standing {
    Trouble {
        finding: Option<Arc<Finding>>,
        /// The checks that fail, and how.
        checks: Vec<(String, Discriminant<ProbeFaultKind>)>,
    },
    Up,
    OnItsWay,
    Down,
}

impl Standing {
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
            Phase::Ready(_) => Self::Up,
            Phase::Stopped | Phase::Blocked | Phase::Failed => Self::Down,
            Phase::Claiming { .. }
            | Phase::Starting(_)
            | Phase::Unhealthy(_)
            | Phase::Stopping { .. }
            | Phase::Backoff { .. } => Self::OnItsWay,
        }
    }
}

impl Diagnosis {
    /// Takes the situation in. Whether it is another than before.
    pub(super) fn look(&mut self, services: &[ServiceState]) -> bool {
        let same = self.situation.len() == services.len()
            && services
                .iter()
                .zip(&self.situation)
                .all(|(service, standing)| Standing::of(service) == *standing);
        if !same {
            self.situation = services.iter().map(Standing::of).collect();
            self.number += 1;
            self.findings.clear();
        }
        !same
    }

    pub(super) fn situation(&self) -> u64 {
        self.number
    }

    /// The situation, if it is one to be diagnosed and that is not under way. To be answered with
    /// [`Self::answer`].
    pub(super) fn ask(&mut self) -> Option<u64> {
        let in_trouble = |standing: &Standing| matches!(standing, Standing::Trouble { .. });
        let wanted = self.pending.is_none()
            && self.done != Some(self.number)
            && self.situation.iter().any(in_trouble);
        wanted.then(|| *self.pending.insert(self.number))
    }

    /// Takes what was found in a situation. Whether it still holds.
    pub(super) fn answer(&mut self, situation: u64, findings: Vec<Finding>) -> bool {
        self.pending = None;
        if situation != self.number {
            return false;
        }
        self.done = Some(situation);
        self.findings = findings.into_iter().map(Arc::new).collect();
        true
    }

    /// What was found, root causes first.
    pub(super) fn findings(&self) -> &[Arc<Finding>] {
        &self.findings
    }

    /// Adds what no finding speaks of.
    pub(super) fn add(&mut self, finding: Arc<Finding>) {
        self.findings.push(finding);
    }

    /// The root cause of what is wrong with a service.
    pub(super) fn of(&self, service: &ServiceState) -> Option<&Arc<Finding>> {
        let name = service.name();
        let own = self.findings.iter().find(|found| found.service == *name);
        let explains = |found: &&Arc<Finding>| {
            let mut symptoms = found.symptoms.iter();
            symptoms.any(|symptom| symptom.service == *name)
        };
        own.or_else(|| self.findings.iter().find(explains))
    }
}
