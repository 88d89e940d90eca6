//! What keeps a service from its port.

use super::finding;
use crate::{
    model::{
        facts::{Claimed, Holder, PortFault, Protected},
        finding::{Action, Code, Finding, Remedy},
    },
    stack::Service,
};

/// Why the port of a service cannot be had.
pub(in crate::model) fn taken(service: &Service, fault: &PortFault) -> Finding {
    let number = service
        .port
        .map_or_else(String::new, |port| port.to_string());
    match fault {
        PortFault::Taken { holder, protected } => {
            held(service, &number, holder.as_deref(), protected.as_ref())
        }
        PortFault::Excluded { message } => finding(
            service,
            Code::PortExcluded,
            format!("port {number} may not be used: the operating system keeps it back"),
            vec![message.clone()],
            Remedy {
                text: "choose a port above 1023 that the system does not reserve".into(),
                action: None,
            },
        ),
        PortFault::Lingering { message } => finding(
            service,
            Code::PortLingering,
            format!("port {number} cannot be bound, though nobody listens there"),
            vec![message.clone()],
            Remedy {
                text: "wait a minute and start it again, or choose another port".into(),
                action: None,
            },
        ),
        PortFault::NoneFree => finding(
            service,
            Code::PortTaken,
            format!("port {number} and the hundred after it are all taken"),
            Vec::new(),
            Remedy {
                text: "choose a port in a quieter range".into(),
                action: None,
            },
        ),
    }
}

fn held(
    service: &Service,
    number: &str,
    holder: Option<&Holder>,
    protected: Option<&Protected>,
) -> Finding {
    let Some(holder) = holder else {
        return finding(
            service,
            Code::PortTaken,
            format!("port {number} is taken by a process of another user"),
            Vec::new(),
            Remedy {
                text: format!("end it as that user, or give {} another port", service.name),
                action: None,
            },
        );
    };
    let title = format!(
        "port {number} is taken by {} (pid {})",
        holder.name, holder.process.pid
    );
    let mut evidence = vec![format!(
        "pid {} listens on {}{}",
        holder.process.pid,
        holder
            .addresses
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" and "),
        holder
            .user
            .as_ref()
            .map(|user| format!(", as {user}"))
            .unwrap_or_default(),
    )];
    evidence.extend(holder.command_line.clone());
    evidence.extend(protected.map(|reason| format!("it was not ended: {reason}")));
    let name = &service.name;
    let free = || service.port.map(|port| Action::FreePort { port });
    let (text, action) = match protected {
        None => (
            "it was asked to leave and would not; end it by hand".to_owned(),
            None,
        ),
        Some(Protected::OtherUser) => (
            "end it as that user, or choose another port".to_owned(),
            None,
        ),
        Some(Protected::System | Protected::Keeper | Protected::Ancestor) => {
            ("choose another port".to_owned(), None)
        }
        Some(Protected::RunningService(mark)) => (
            format!("stop {}, or choose another port", mark.service),
            None,
        ),
        Some(Protected::ContainerProxy) => ("stop the container".to_owned(), None),
        Some(Protected::Respawned { by }) => {
            let by = by.as_deref().unwrap_or("whatever starts it again");
            (format!("stop it with {by}"), None)
        }
        Some(Protected::Forbidden) => (
            format!("end it (`pilotlight port {number} --free`), then start {name} again"),
            free(),
        ),
        Some(Protected::Production) => (format!("end it yourself, then start {name} again"), None),
    };
    finding(
        service,
        Code::PortTaken,
        title,
        evidence,
        Remedy { text, action },
    )
}

/// Whom the port of a service was taken from, as a person reads it.
#[must_use]
pub fn ended_holders(service: &Service, claimed: &Claimed) -> Option<String> {
    let number = claimed.port;
    let moved = service.port.filter(|&port| port != number);
    let whom: Vec<String> = claimed
        .ended
        .iter()
        .map(|holder| format!("{} (pid {})", holder.name, holder.process.pid))
        .collect();
    match (whom.is_empty(), moved) {
        (true, None) => None,
        (true, Some(port)) => Some(format!("port {port} is taken, so it has {number}")),
        (false, _) => Some(format!(
            "ended {}, which held port {number}",
            whom.join(" and ")
        )),
    }
}
