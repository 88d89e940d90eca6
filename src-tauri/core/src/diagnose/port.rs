//! Ports that are in use, and their holders.

use super::{
    commands,
    facts::{Facts, Seen, listed},
    holder::{Candidate, CausedBy, Level},
    log,
};
use crate::{
    diagnose::{evidence::log::LogError, explain},
    model::{
        facts::{Holder, PortFault},
        finding::{Action, Code, Described as _, Finding},
    },
    stack::{Port, Service, ServiceName},
};

/// Returns the candidate for a fault of the port.
pub(super) fn fault(facts: &Facts<'_>, seen: Seen<'_>, fault: &PortFault) -> Candidate {
    let finding = explain::taken(seen.spec, seen.spec.port, fault);
    let candidate = Candidate::of(finding, Level::Start);
    match fault {
        PortFault::Excluded { .. } => {
            candidate.evidence([format!("see {}", commands::kept_back())])
        }
        PortFault::Taken { holder, protected } => {
            // No start has tried to stop the holder yet.
            let is_free = holder.is_some() && protected.is_none();
            let candidate = if is_free {
                free(seen.spec, candidate, seen.is.port)
            } else {
                candidate
            };
            held_by(facts, seen, check(candidate, seen.is.port))
        }
        PortFault::Lingering { .. } | PortFault::NoneFree => check(candidate, seen.is.port),
    }
}

/// If the holder is another service of the stack, makes it the cause.
fn held_by(facts: &Facts<'_>, seen: Seen<'_>, candidate: Candidate) -> Candidate {
    let port = seen.is.port;
    match port.and_then(|port| sibling(facts, seen, port.number())) {
        Some(other) => moved_here(candidate, other),
        None => candidate,
    }
}

/// Returns the candidate for the port finding of the model. The holder may be another service of the stack.
pub(super) fn known(facts: &Facts<'_>, seen: Seen<'_>, finding: &Finding) -> Candidate {
    let candidate = check(Candidate::of(finding.clone(), Level::Start), seen.is.port);
    held_by(facts, seen, candidate)
}

/// Returns the candidate for a service with a log that reports its address as in use.
pub(super) fn in_use(
    facts: &Facts<'_>,
    seen: Seen<'_>,
    port: Option<Port>,
    error: &LogError,
) -> Option<Candidate> {
    let spec = seen.spec;
    let name = &spec.name;
    let held_now = || {
        let mut holders = seen.is.holders.iter();
        let address = holders.next()?.addresses.first()?;
        Port::new(address.port())
    };
    let port = port.or(seen.is.port).or_else(held_now)?;
    let number = port.number();
    let other = sibling(facts, seen, number);
    let holder = seen.is.holders.iter().find(|holder| holder.is_on(number));
    let by = match (other, holder) {
        (Some(other), _) => format!("{other}, of this stack"),
        (None, Some(holder)) => holder.to_string(),
        (None, None) if facts.is_open("localhost", number) => "another process".to_owned(),
        // The holder has exited meanwhile: only the exit of the service is left.
        (None, None) => return None,
    };
    let candidate = Candidate::new(name, Code::PortTaken, Level::Start)
        .title(format!(
            "{name} cannot listen: port {port} is in use by {by}"
        ))
        .evidence(log::quotes(seen, error))
        .evidence(holder.map(held));
    let candidate = check(candidate, Some(port));
    Some(match other {
        Some(other) => moved_here(candidate, other),
        None => free(spec, candidate, Some(port)),
    })
}

/// Returns another service of the stack that listens on this port.
fn sibling<'a>(facts: &Facts<'a>, seen: Seen<'_>, port: u16) -> Option<&'a ServiceName> {
    let others = facts.services.iter();
    let mut others = others.filter(|other| other.spec.name != seen.spec.name);
    let there = others.find(|other| other.is.listens_on(port));
    there.map(|other| &other.spec.name)
}

/// Makes the other service of the stack that uses the port the cause: it may listen on a wrong
/// port.
fn moved_here(candidate: Candidate, other: &ServiceName) -> Candidate {
    candidate
        .evidence([format!("{other} of this stack listens there")])
        .remedy(format!("give {other} or this one another port"))
        .behind(CausedBy::one(other, Code::WrongPort))
}

pub(super) fn check(candidate: Candidate, port: Option<Port>) -> Candidate {
    candidate.evidence(port.map(|port| format!("see {}", commands::who_listens(port.number()))))
}

pub(super) fn free(spec: &Service, candidate: Candidate, port: Option<Port>) -> Candidate {
    let Some(port) = port else {
        return candidate;
    };
    candidate
        .remedy(format!(
            "stop it (`pilotlight port {port} --free`), then start {} again",
            spec.name
        ))
        .action(Action::FreePort { port })
}

pub(super) fn held(holder: &Holder) -> String {
    let line = holder.command_line.as_deref();
    let line = line.map_or_else(String::new, |line| format!(": {line}"));
    format!("{holder} listens on {}{line}", listed(&holder.addresses))
}
