//! Servers that a service needs and that the stack does not contain.

use std::fmt;

use super::super::{
    commands, container, edit,
    facts::{Facts, Seen, is_local},
    holder::{Candidate, Level},
    well_known::{self, WellKnown},
};
use crate::{
    diagnose::evidence::log::{Unreachable, UnreachableWhy, address as shown},
    model::finding::{Code, Described as _},
};

/// An address that a service needs and that belongs to no service of the stack.
pub(super) struct Asked<'a> {
    pub(super) host: &'a str,
    pub(super) port: Option<u16>,
    pub(super) why: UnreachableWhy,
    pub(super) evidence: String,
    /// The server that usually uses it.
    pub(super) known: Option<&'static WellKnown>,
}

impl fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(self.host, self.port))
    }
}

/// Returns the candidate for an address that the log reports as unreachable.
pub(super) fn dependency(facts: &Facts<'_>, seen: Seen<'_>, address: &Unreachable) -> Candidate {
    let port = address.port.map(crate::stack::Port::number);
    let asked = Asked {
        host: &address.host,
        port,
        why: address.why,
        evidence: seen.is.quote(&address.line),
        known: port.and_then(well_known::of),
    };
    self::address(facts, seen, &asked)
}

/// Returns the candidate for an address on which no process listens, as far as that is visible.
pub(super) fn address(facts: &Facts<'_>, seen: Seen<'_>, address: &Asked<'_>) -> Candidate {
    let name = &seen.spec.name;
    let &Asked { port, known, .. } = address;
    let here = is_local(address.host);
    let usual = known.map_or_else(String::new, |known| format!(" ({})", known.name));
    let title = if address.why == UnreachableWhy::UnknownHost {
        format!(
            "{name} cannot reach {address}{usual}: host not found: {}",
            address.host
        )
    } else if here {
        format!(
            "{name} cannot reach {address}{usual}: nothing is listening there, and no service of \
             the stack has that port"
        )
    } else {
        format!("{name} cannot reach {address}{usual}, which is not a service of the stack")
    };
    let mut candidate = Candidate::new(name, Code::UndeclaredDependency, Level::Answer)
        .title(title)
        .evidence([address.evidence.clone()]);
    let is_service = facts
        .services
        .iter()
        .any(|it| it.spec.name.as_str() == address.host);
    candidate = candidate.same_as(if here {
        format!("here:{}", port.unwrap_or_default())
    } else if is_service {
        // Each service must be changed separately to use another host.
        format!("{name}: {}", address.host)
    } else {
        address.to_string()
    });
    match (here, port) {
        (true, Some(port)) => {
            candidate = candidate.evidence([format!(
                "nothing is listening on port {port}: {}",
                commands::who_listens(port)
            )]);
        }
        (false, Some(port)) => {
            let target = format!("connection to {address}");
            candidate = candidate.evidence(commands::ask(&target).map(|command| {
                format!(
                    "port {port} of {} is not reachable: try {command}",
                    address.host
                )
            }));
        }
        (_, None) => {
            candidate = candidate.evidence([format!("the name {}: `nslookup {0}`", address.host)]);
        }
    }
    advise(facts, seen, candidate, address, here)
}

fn advise(
    facts: &Facts<'_>,
    seen: Seen<'_>,
    candidate: Candidate,
    address: &Asked<'_>,
    here: bool,
) -> Candidate {
    let known = address.known;
    let name = &seen.spec.name;
    if address.host == container::HOST && address.why == UnreachableWhy::UnknownHost {
        let text = "its container does not know this machine by that name";
        return candidate.remedy(format!("{text}{}", container::needs_gateway(seen)));
    }
    // `redis:6379` is an address inside a compose network.
    let by_name = facts
        .services
        .iter()
        .find(|other| other.spec.name.as_str() == address.host);
    if let (Some(other), false) = (by_name, here) {
        let port = other
            .is
            .port
            .map_or_else(String::new, |port| format!(":{port}"));
        return candidate.remedy(format!(
            "let {name} request 127.0.0.1{port}: `{}` is a host name only inside a compose network",
            address.host
        ));
    }
    let same_kind = known.and_then(|known| {
        facts.services.iter().find(|other| {
            let text = other.spec.name.as_str().to_ascii_lowercase();
            text.contains(known.service) && other.is.port.is_some()
        })
    });
    if let (Some(other), Some(port)) = (same_kind, same_kind.and_then(|other| other.is.port)) {
        return candidate.remedy(format!(
            "let {name} request port {port}, where {} of this stack listens",
            other.spec.name
        ));
    }
    let Some(known) = known.filter(|_| here) else {
        let text = if here {
            format!("start the server at {address}, and add it to the stack file")
        } else if address.why == UnreachableWhy::UnknownHost && !address.host.contains('.') {
            format!(
                "let {name} request 127.0.0.1, with the port that is published there: `{}` is a host name \
                 only inside a compose network (a Kafka broker names it to its clients: \
                 `advertised.listeners`)",
                address.host
            )
        } else {
            format!("check that {address} is right and reachable from here")
        };
        return candidate.remedy(text);
    };
    let lines = known.lines();
    let action = facts.edit(|text| edit::add_service(text, name, known.service, &lines));
    candidate
        .remedy(format!(
            "start {}: {}; to start it with the stack, add to the stack file: {}; and \
             `needs = [\"{}\"]` to {name}",
            known.name,
            known.start,
            lines.join("; "),
            known.service
        ))
        .action(action)
}
