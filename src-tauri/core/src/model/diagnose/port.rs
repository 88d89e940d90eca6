//! Ports that a service cannot have, and who has them.

use super::{
    commands, log,
    scene::{Scene, Seen, listed},
    suspect::{Behind, Cause, Level, Suspect},
};
use crate::{
    model::{
        evidence::log::LogError,
        explain,
        facts::{Holder, PortFault},
        finding::{Action, Code, Finding},
    },
    stack::{Port, Service, ServiceName},
};

/// What would keep a service from its port.
pub(super) fn fault(scene: &Scene<'_>, seen: Seen<'_>, fault: &PortFault) -> Suspect {
    let mut suspect = Suspect::known(&explain::taken(seen.spec, fault), Level::Start);
    if let PortFault::Taken {
        holder: Some(_),
        protected: None,
    } = fault
    {
        // Nobody asked it to leave yet.
        suspect = free(seen.spec, suspect, seen.is.port);
    }
    match fault {
        PortFault::Excluded { .. } => suspect.evidence([format!("see {}", commands::kept_back())]),
        PortFault::Taken { .. } => held_by(scene, seen, check(suspect, seen.is.port)),
        PortFault::Lingering { .. } | PortFault::NoneFree => check(suspect, seen.is.port),
    }
}

/// Another service of the stack may be the holder.
fn held_by(scene: &Scene<'_>, seen: Seen<'_>, suspect: Suspect) -> Suspect {
    let port = seen.is.port;
    match port.and_then(|port| sibling(scene, seen, port.number())) {
        Some(other) => moved_here(suspect, other),
        None => suspect,
    }
}

/// What the model says of its port. Another service of the stack may be the holder.
pub(super) fn known(scene: &Scene<'_>, seen: Seen<'_>, finding: &Finding) -> Suspect {
    let suspect = check(Suspect::known(finding, Level::Start), seen.is.port);
    held_by(scene, seen, suspect)
}

/// The service could not listen, by its log.
pub(super) fn in_use(
    scene: &Scene<'_>,
    seen: Seen<'_>,
    port: Option<Port>,
    error: &LogError,
) -> Option<Suspect> {
    let spec = seen.spec;
    let name = &spec.name;
    let held_now = || {
        let mut holders = seen.is.holders.iter();
        let address = holders.next()?.addresses.first()?;
        Port::new(address.port())
    };
    let port = port.or(seen.is.port).or_else(held_now)?;
    let number = port.number();
    let other = sibling(scene, seen, number);
    let holder = seen.is.holders.iter().find(|holder| {
        let mut addresses = holder.addresses.iter();
        addresses.any(|address| address.port() == number)
    });
    let who = match (other, holder) {
        (Some(other), _) => format!("{other}, of this stack"),
        (None, Some(holder)) => format!("{} (pid {})", holder.name, holder.process.pid),
        (None, None) if scene.is_open("localhost", number) => "another process".to_owned(),
        // It has gone meanwhile: what remains is that the service ended.
        (None, None) => return None,
    };
    let suspect = Suspect::new(
        name,
        Code::PortTaken,
        Level::Start,
        format!("{name} cannot listen: port {port} is taken by {who}"),
    )
    .evidence(log::quotes(seen, error))
    .evidence(holder.map(held));
    let suspect = check(suspect, Some(port));
    Some(match other {
        Some(other) => moved_here(suspect, other),
        None => free(spec, suspect, Some(port)),
    })
}

/// Who else of the stack listens on this port.
fn sibling<'a>(scene: &Scene<'a>, seen: Seen<'_>, port: u16) -> Option<&'a ServiceName> {
    scene
        .services
        .iter()
        .filter(|other| other.spec.name != seen.spec.name)
        .find(|other| {
            other
                .is
                .listens
                .iter()
                .any(|listens| listens.port() == port)
        })
        .map(|other| &other.spec.name)
}

/// The holder is another service of the stack, which may have gone astray.
fn moved_here(suspect: Suspect, other: &ServiceName) -> Suspect {
    suspect
        .evidence([format!("{other} of this stack listens there")])
        .remedy(format!("give {other} or this one another port"), None)
        .behind(Behind::Named(vec![Cause {
            service: other.clone(),
            code: Some(Code::WrongPort),
        }]))
}

pub(super) fn check(suspect: Suspect, port: Option<Port>) -> Suspect {
    suspect.evidence(port.map(|port| format!("see {}", commands::who_listens(port.number()))))
}

pub(super) fn free(spec: &Service, suspect: Suspect, port: Option<Port>) -> Suspect {
    let Some(port) = port else {
        return suspect;
    };
    suspect.remedy(
        format!(
            "end it (`pilotlight port {port} --free`), then start {} again",
            spec.name
        ),
        Some(Action::FreePort { port }),
    )
}

/// A holder as evidence.
pub(super) fn held(holder: &Holder) -> String {
    let line = holder
        .command_line
        .as_ref()
        .map_or_else(String::new, |line| format!(": {line}"));
    format!(
        "{} (pid {}) listens on {}{line}",
        holder.name,
        holder.process.pid,
        listed(&holder.addresses),
    )
}
