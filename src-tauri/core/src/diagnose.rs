//! Turns evidence into findings: the problems and their causes.
//!
//! Each family of rules examines one service at a time and returns *candidates*: problems that are
//! root causes unless another one explains them. `root_cause` then decides which one explains
//! which. So a rule sees other services only through a log or an address, and a service that is
//! only affected by another one gets no finding.
//!
//! `docs/diagnosis.md` has an example of every code.

mod answer;
mod check;
mod commands;
mod container;
mod cors;
pub mod edit;
pub mod evidence;
pub mod explain;
mod facts;
mod frontend;
mod holder;
mod listen;
mod log;
mod port;
mod probe;
mod process;
mod redis;
mod root_cause;
mod websocket;
mod well_known;

#[cfg(test)]
mod tests;

pub use self::facts::is_local;
use self::{
    facts::{Facts, Seen, Situation},
    holder::{Candidate, Level},
};
use crate::{
    diagnose::evidence::{Evidence, OtherDaemon},
    model::finding::{Code, Described as _, Finding},
    stack::ServiceName,
};

/// Returns the root causes, the most severe first, each with the symptoms that it explains. Empty
/// if no service has a problem.
#[must_use]
pub fn diagnose(evidence: &Evidence) -> Vec<Finding> {
    let facts = Facts::of(evidence);
    let mut candidates = Vec::new();
    if let (Some(daemon), Some(first)) = (&evidence.other_daemon, evidence.stack.services.first()) {
        candidates.push(kept_elsewhere(&first.name, daemon));
    }
    for &seen in &facts.services {
        for candidate in of_service(&facts, seen) {
            add(&mut candidates, candidate);
        }
    }
    root_cause::settle(&facts, &candidates)
}

/// Adds a candidate. If two checks lead to the same problem, it is reported once, with the evidence of both.
fn add(candidates: &mut Vec<Candidate>, candidate: Candidate) {
    let mut known = candidates.iter_mut().filter(|known| {
        candidate.same_as.is_some()
            && known.same_as == candidate.same_as
            && known.symptom.check.is_none()
            && candidate.symptom.check.is_none()
            && known.finding.code == candidate.finding.code
            && known.finding.service == candidate.finding.service
    });
    match known.next() {
        Some(known) => known.finding.evidence.extend(candidate.finding.evidence),
        None => candidates.push(candidate),
    }
}

fn of_service(facts: &Facts<'_>, seen: Seen<'_>) -> Vec<Candidate> {
    let mut candidates = match facts.situation(seen) {
        Situation::Off => process::prospects(facts, seen),
        // Its checks cannot reach it, which is expected.
        Situation::Down => process::down(facts, seen),
        Situation::Starting => probe::running(facts, seen, true),
        Situation::Up => {
            let mut candidates = probe::running(facts, seen, false);
            candidates.extend(check::failed(facts, seen));
            candidates
        }
    };
    candidates.extend(frontend::misdirected(facts, seen));
    candidates.extend(frontend::other_checkout(facts, seen));
    candidates.extend(frontend::shared_queue(facts, seen));
    candidates.extend(check::unanswered(facts, seen));
    candidates
}

fn kept_elsewhere(first: &ServiceName, daemon: &OtherDaemon) -> Candidate {
    let pid = daemon
        .pid
        .map_or_else(String::new, |pid| format!(" (PID {pid})"));
    Candidate::new(first, Code::KeeperConflict, Level::Start)
        .title(format!(
            "another Pilot Light instance{pid} is already running this stack"
        ))
        .evidence([
            daemon.detail.clone(),
            "`pilotlight status` shows the daemon of these settings".to_owned(),
        ])
        .remedy("stop the stack there (`pilotlight down` with the same settings), or use it there")
}
