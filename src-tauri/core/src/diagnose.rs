//! Turns evidence into findings: what is wrong, and why.
//!
//! Each family of rules looks at one service at a time and names *candidates*: what would be a root
//! cause, were there nothing behind it. `blame` then says what explains what. So a rule knows nothing
//! of other services, except what a log or an address says of them, and nothing is blamed for what it
//! only suffers from.
//!
//! `docs/diagnosis.md` has an example of every code.

mod answer;
mod check;
mod commands;
mod container;
mod cors;
mod edit;
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

pub(super) use self::facts::is_local;
use self::{
    facts::{Facts, Seen, Situation},
    holder::{Candidate, Level},
};
use crate::{
    diagnose::evidence::{Evidence, OtherDaemon},
    model::finding::{Code, Described as _, Finding},
    stack::ServiceName,
};

/// The root causes of what is wrong, the gravest first; what each explains are its symptoms. Empty
/// if all is well.
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

/// Two checks may lead to the same thing: it is said once, with what both have seen of it.
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
        // Its checks cannot reach it, which is no news.
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
    let who = daemon
        .pid
        .map_or_else(String::new, |pid| format!(" (PID {pid})"));
    Candidate::new(first, Code::KeeperConflict, Level::Start)
        .title(format!(
            "another Pilot Light instance{who} is already running this stack"
        ))
        .evidence([
            daemon.detail.clone(),
            "`pilotlight status` shows the daemon of these settings".to_owned(),
        ])
        .remedy("stop the stack there (`pilotlight down` with the same settings), or use it there")
}
