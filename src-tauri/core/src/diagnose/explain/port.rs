//! Reasons why a service cannot have its port.

use super::holder::date_time;
use crate::{
    model::{
        facts::{Claimed, Holder, Neighbour, PortFault, Protected, Stopped},
        finding::{Action, Code, Described as _, Finding},
    },
    stack::{Port, Service},
};

/// Explains why a service cannot get its port.
pub(crate) fn taken(service: &Service, port: Option<Port>, fault: &PortFault) -> Finding {
    let number = port.map_or_else(String::new, |port| port.to_string());
    let name = &service.name;
    let finding = |code| Finding::new(name, code, title(&number, fault));
    match fault {
        PortFault::Taken { holder, protected } => {
            let protected = protected.as_ref();
            let (text, action) = remedy(service, port, &number, protected);
            let finding = finding(Code::PortTaken).remedy(text).action(action);
            let Some(holder) = holder else {
                return finding;
            };
            let reason = protected.map(|reason| format!("it was not stopped: {reason}"));
            finding.evidence(about(holder)).evidence(reason)
        }
        PortFault::Excluded { message } => finding(Code::PortExcluded)
            .evidence([message.clone()])
            .remedy("choose a port above 1023 that the system does not reserve"),
        PortFault::Lingering { message } => finding(Code::PortLingering)
            .evidence([message.clone()])
            .remedy("wait a minute and start it again, or choose another port"),
        PortFault::NoneFree => finding(Code::PortTaken).remedy("choose a port in another range"),
    }
}

/// Describes a fault in one sentence, without its details.
pub(super) fn title(port: &str, fault: &PortFault) -> String {
    match fault {
        PortFault::Taken { holder, protected } => {
            let by = match (holder, protected) {
                (Some(holder), Some(Protected::RunningService(neighbour))) => {
                    format!("{neighbour} (PID {})", holder.process.pid)
                }
                (_, Some(Protected::ContainerProxy(Some(container)))) => container.to_string(),
                (Some(holder), _) => holder.to_string(),
                (None, protected) => hidden(protected.as_ref()),
            };
            format!("port {port} is in use by {by}")
        }
        PortFault::Excluded { .. } => format!("port {port} is reserved by the operating system"),
        PortFault::Lingering { .. } => {
            format!("port {port} cannot be bound, although nothing is listening on it")
        }
        PortFault::NoneFree => format!("port {port} and the next hundred are all in use"),
    }
}

/// Describes a holder that the operating system does not show.
pub(super) fn hidden(protected: Option<&Protected>) -> String {
    match protected {
        Some(Protected::RunningService(neighbour)) => neighbour.to_string(),
        Some(Protected::OtherUser { name: Some(user) }) => format!("a process of user {user}"),
        Some(Protected::OtherUser { name: None }) => "a process of another user".to_owned(),
        _ => "a process that the operating system does not show".to_owned(),
    }
}

/// Describes how to identify the process.
fn about(holder: &Holder) -> Vec<String> {
    let addresses: Vec<String> = holder.addresses.iter().map(ToString::to_string).collect();
    let user = holder.user.as_ref().map(|user| format!(", as {user}"));
    let listens = format!(
        "PID {} listens on {}{}",
        holder.process.pid,
        addresses.join(" and "),
        user.unwrap_or_default()
    );
    let folder = holder.folder.as_ref();
    let folder = folder.map(|folder| format!(" in {}", folder.display()));
    let since = holder.since;
    let since = since.map(|since| format!(" since {}", date_time(since)));
    let place: String = folder.into_iter().chain(since).collect();
    let place = (!place.is_empty()).then(|| format!("it has been running{place}"));
    let line = holder.command_line.clone();
    [Some(listens), line, place].into_iter().flatten().collect()
}

fn remedy(
    service: &Service,
    port: Option<Port>,
    number: &str,
    protected: Option<&Protected>,
) -> (String, Option<Action>) {
    let name = &service.name;
    let free = || port.map(|port| Action::FreePort { port });
    let end_it = || format!("stop it (`pilotlight port {number} --free`), then start {name} again");
    match protected {
        None => (
            "it ignored the request to exit; stop it manually".to_owned(),
            None,
        ),
        Some(Protected::OtherUser { .. }) => (
            format!("stop it as that user, or give {name} another port"),
            None,
        ),
        Some(Protected::System | Protected::Control | Protected::Ancestor) => {
            ("choose another port".to_owned(), None)
        }
        Some(Protected::RunningService(Neighbour {
            mark,
            stack: Some((_, file)),
        })) => {
            let shown = file.to_string_lossy();
            let stop = format!(
                "pilotlight --file {} down {}",
                shell_words::quote(&shown),
                mark.service
            );
            (
                format!(
                    "stop it (`{stop}`), or give this stack ports of its own: `ports = \"own\"`"
                ),
                Some(Action::Stop {
                    file: file.clone(),
                    service: mark.service.clone(),
                }),
            )
        }
        Some(Protected::ContainerProxy(None)) => ("stop the container".to_owned(), None),
        Some(Protected::Respawned { by }) => {
            let by = by.as_deref().unwrap_or("the program that restarts it");
            (format!("stop it with {by}"), None)
        }
        Some(
            Protected::ContainerProxy(Some(_))
            | Protected::RunningService(_)
            | Protected::Personal(_)
            | Protected::Contained
            | Protected::Stranger
            | Protected::Forbidden,
        ) => (end_it(), free()),
        Some(Protected::Production) => (format!("stop it yourself, then start {name} again"), None),
    }
}

/// Describes the processes that were stopped for the port of a service.
#[must_use]
pub fn ended_holders(service: &Service, claimed: &Claimed) -> Option<String> {
    let number = claimed.port;
    let moved = service.port.filter(|&port| port != number);
    let holders: Vec<String> = claimed.ended.iter().map(ToString::to_string).collect();
    match (holders.is_empty(), moved) {
        (true, None) => None,
        (true, Some(port)) => Some(format!("port {port} is taken, so it has {number}")),
        (false, _) => Some(format!(
            "ended {}, which held port {number}",
            holders.join(" and ")
        )),
    }
}

/// Describes the programs with their own sessions that ended with a service.
#[must_use]
pub fn ended_beside(stopped: &Stopped) -> Option<String> {
    let names = stopped.beside.join(", ");
    (!names.is_empty()).then(|| format!("ended {names} with it (`keep` leaves a program running)"))
}
