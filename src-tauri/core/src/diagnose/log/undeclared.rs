//! What a service asks for, and no service of the stack is.

use super::{
    super::{
        commands, edit,
        facts::{Facts, Seen, is_local},
        holder::{Candidate, Level},
        well_known::{self, WellKnown},
    },
    age,
};
use crate::{
    diagnose::evidence::log::{Unreachable, UnreachableWhy},
    model::finding::{Action, Code},
};

/// An address that the log says cannot be reached, that no service of the stack has, and where nobody
/// listens as far as that can be seen.
pub(super) fn dependency(facts: &Facts<'_>, seen: Seen<'_>, address: &Unreachable) -> Candidate {
    let name = &seen.spec.name;
    let port = address.port.map(crate::stack::Port::number);
    let known = port.and_then(well_known::of);
    let here = is_local(&address.host);
    let usual = known.map_or_else(String::new, |known| format!(" ({})", known.name));
    let title = if address.why == UnreachableWhy::UnknownHost {
        format!(
            "{name} cannot reach {address}{usual}: there is no host of the name {}",
            address.host
        )
    } else if here {
        format!(
            "{name} cannot reach {address}{usual}: nobody listens there, and no service of the \
             stack has that port"
        )
    } else {
        format!("{name} cannot reach {address}{usual}, which no service of the stack is")
    };
    let mut candidate = Candidate::new(name, Code::UndeclaredDependency, Level::Answer, title)
        .evidence([format!("{}{}", seen.is.quote(&address.line), age(address))]);
    candidate = candidate.same_as(if here {
        format!("here:{}", port.unwrap_or_default())
    } else {
        address.to_string()
    });
    match (here, port) {
        (true, Some(port)) => {
            candidate = candidate.evidence([format!(
                "nothing listens on port {port}: {}",
                commands::who_listens(port)
            )]);
        }
        (false, Some(port)) => {
            let target = format!("connection to {address}");
            candidate = candidate.evidence(commands::ask(&target).map(|command| {
                format!("no way to port {port} of {}: try {command}", address.host)
            }));
        }
        (_, None) => {
            candidate = candidate.evidence([format!("the name {}: `nslookup {0}`", address.host)]);
        }
    }
    advise(facts, seen, candidate, address, known, here)
}

fn advise(
    facts: &Facts<'_>,
    seen: Seen<'_>,
    candidate: Candidate,
    address: &Unreachable,
    known: Option<&WellKnown>,
    here: bool,
) -> Candidate {
    let name = &seen.spec.name;
    // `redis:6379` is an address inside of a compose network.
    let by_name = facts
        .services
        .iter()
        .find(|other| other.spec.name.as_str() == address.host);
    if let (Some(other), false) = (by_name, here) {
        let port = other
            .is
            .port
            .map_or_else(String::new, |port| format!(":{port}"));
        return candidate.remedy(
            format!(
                "let {name} ask 127.0.0.1{port}: `{}` is a host only inside of a compose network",
                address.host
            ),
            None,
        );
    }
    let same_kind = known.and_then(|known| {
        facts.services.iter().find(|other| {
            let text = other.spec.name.as_str().to_ascii_lowercase();
            text.contains(known.service) && other.is.port.is_some()
        })
    });
    if let (Some(other), Some(port)) = (same_kind, same_kind.and_then(|other| other.is.port)) {
        return candidate.remedy(
            format!(
                "let {name} ask port {port}, where {} of this stack listens",
                other.spec.name
            ),
            None,
        );
    }
    let Some(known) = known.filter(|_| here) else {
        let text = if here {
            format!("start what should listen at {address}, and add it to the stack file")
        } else {
            format!("see whether {address} is right and can be reached from here")
        };
        return candidate.remedy(text, None);
    };
    let lines = known.lines();
    let action = facts.evidence.stack_text.as_ref().and_then(|text| {
        let changes = edit::add_service(text, name, known.service, &lines)?;
        Some(Action::EditStackFile {
            file: facts.evidence.stack.file.clone(),
            changes,
        })
    });
    candidate.remedy(
        format!(
            "start {}: {}; to have it started with the stack, add to the stack file: {}; and \
             `needs = [\"{}\"]` to {name}",
            known.name,
            known.start,
            lines.join("; "),
            known.service
        ),
        action,
    )
}
