//! The addresses on which a running service listens, against those that are requested.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{
    commands, edit,
    facts::{Facts, Seen, covers, is_local, listed},
    holder::{Candidate, Level},
    log,
    port::{self, check, free, held, in_use},
};
use crate::{
    diagnose::evidence::{
        ServiceEvidence,
        log::{LogError, LogErrorKind},
    },
    model::{
        facts::{Holder, ProbeFaultKind},
        finding::{Action, Code},
    },
    stack::Port,
};

/// What is wrong with where a running service listens, if its probes do not get through for that.
pub(super) fn listening(facts: &Facts<'_>, seen: Seen<'_>, starting: bool) -> Option<Candidate> {
    let is = seen.is;
    let port = is.port?.number();
    let elsewhere: Vec<_> = is
        .listens
        .iter()
        .copied()
        .filter(|address| address.port() != port)
        .filter(|address| {
            let mut named = seen.spec.other_ports();
            !named.any(|port| port.number() == address.port())
        })
        .collect();
    let listens_here = is.listens.iter().any(|address| address.port() == port);
    let mut errors = is.log.last_error.iter().chain(&is.log.earlier);
    let in_use = errors.find(|error| {
        matches!(error.kind, LogErrorKind::AddressInUse { port }
            if port.is_none_or(|it| Some(it) == is.port))
    });
    if let Some(error) = in_use.filter(|_| is.pid.is_some()) {
        if !listens_here && !is.holders.is_empty() {
            // What answers in its place may even be healthy: an earlier instance is.
            return port::in_use(facts, seen, is.port, error);
        }
        if let Some(candidate) = older_process(facts, seen, port, error) {
            return Some(candidate);
        }
    }
    if !listens_here && !elsewhere.is_empty() && moved(is, port) {
        return Some(wrong_port(facts, seen, port, &elsewhere));
    }
    let unreached = is.failed_probes().find(|probe| {
        probe.port == Some(port)
            && probe.result.as_ref().is_err_and(|fault| {
                matches!(
                    fault.kind,
                    ProbeFaultKind::Refused | ProbeFaultKind::Unreachable(_)
                )
            })
    });
    if let Some(probe) = unreached {
        let host = probe.host.as_deref().unwrap_or("localhost");
        return unreachable(facts, seen, host, port, starting);
    }
    let mut failed = is.failed_probes().filter(|probe| probe.port == Some(port));
    let probe = failed.next()?;
    let clause = probe
        .result
        .as_ref()
        .err()
        .map(|fault| super::meaning(fault).1);
    wrong_service(
        facts,
        seen,
        probe.host.as_deref()?,
        port,
        &clause.unwrap_or_default(),
    )
}

/// An older process of the service itself has the port, and the new one could not listen: what is served
/// is the old code.
fn older_process(
    facts: &Facts<'_>,
    seen: Seen<'_>,
    port: u16,
    error: &LogError,
) -> Option<Candidate> {
    let is = seen.is;
    // A later error is what counts.
    if is.log.last_error.as_ref() != Some(error) {
        return None;
    }
    let failed_at = facts.evidence.at.checked_sub(error.line.age?)?;
    let is_own = |holder: &&Holder| {
        let mut addresses = holder.addresses.iter();
        let is_marked = holder
            .mark
            .as_ref()
            .is_some_and(|mark| mark.service == is.name);
        is_marked && addresses.any(|address| address.port() == port)
    };
    let old = is.listeners.iter().find(is_own)?;
    if old.since? >= failed_at {
        return None;
    }
    let name = &seen.spec.name;
    let pid = old.process.pid;
    Some(
        Candidate::new(
            name,
            Code::PortTaken,
            Level::Listen,
            format!(
                "{name} still runs old code: an older process of it (PID {pid}) holds port {port}"
            ),
        )
        .evidence([format!(
            "the older process: {}",
            old.describe(facts.evidence.at)
        )])
        .evidence(log::quotes(seen, error))
        .evidence([format!("see {}", commands::who_listens(port))])
        .remedy(
            format!(
                "restart {name}, which stops the older process too: `pilotlight restart {name}`"
            ),
            Some(Action::Restart {
                service: name.clone(),
            }),
        ),
    )
}

/// Returns the address at which a service is reached on its port.
pub(super) fn reached_at(seen: Seen<'_>, port: u16) -> Option<SocketAddr> {
    let own = seen.is.listens.iter();
    let of_holders = seen.is.holders.iter().flat_map(|holder| &holder.addresses);
    let mut all = own
        .chain(of_holders)
        .filter(|address| address.port() == port);
    let address = all.next()?;
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Some(SocketAddr::new(ip, port))
}

/// Whether it says itself that it went to another port, or went there while somebody else answers at
/// its own.
fn moved(is: &ServiceEvidence, port: u16) -> bool {
    let errors = is.log.last_error.iter().chain(&is.log.earlier);
    let says_so = errors.into_iter().any(|error| {
        matches!(error.kind, LogErrorKind::PortMoved { from, .. }
            if from.is_none_or(|from| from.number() == port))
    });
    let near = is
        .listens
        .iter()
        .any(|address| (1..=20).contains(&address.port().saturating_sub(port)));
    says_so || (near && !is.holders.is_empty())
}

/// Nobody takes connections where its probe asks.
fn unreachable(
    facts: &Facts<'_>,
    seen: Seen<'_>,
    host: &str,
    port: u16,
    starting: bool,
) -> Option<Candidate> {
    let is = seen.is;
    let name = &seen.spec.name;
    let at_port = |address: &&SocketAddr| address.port() == port;
    let own: Vec<_> = is.listens.iter().filter(at_port).copied().collect();
    let by_hand = is.holders.iter().flat_map(|holder| &holder.addresses);
    let listens = if own.is_empty() && is.pid.is_none() {
        by_hand.filter(at_port).copied().collect()
    } else {
        own
    };
    if !listens.is_empty() {
        return (!listens.iter().any(|address| covers(address.ip(), host)))
            .then(|| wrong_address(seen, host, port));
    }
    if starting || (seen.spec.is_external() && is.pid.is_none()) {
        return None;
    }
    if !is.listens.is_empty() {
        return Some(wrong_port(facts, seen, port, &is.listens));
    }
    is.pid?;
    let candidate = Candidate::new(
        name,
        Code::NotListening,
        Level::Listen,
        format!("{name} is running but not listening on port {port}"),
    )
    .evidence([format!(
        "nothing listens on port {port}: {}",
        commands::who_listens(port)
    )])
    .evidence(is.pid.map(|pid| {
        format!(
            "its process {pid} listens on nothing: {}",
            commands::listens_on(pid)
        )
    }))
    .evidence(
        is.log
            .last_line
            .iter()
            .map(|line| format!("last {}", is.quote(line))),
    )
    .remedy(
        format!(
            "check its log ({}) for what it waits for, and that its command gets the port",
            commands::logs(name)
        ),
        None,
    );
    Some(candidate)
}

/// It listens on another port than declared.
fn wrong_port(facts: &Facts<'_>, seen: Seen<'_>, port: u16, listens: &[SocketAddr]) -> Candidate {
    let (spec, is) = (seen.spec, seen.is);
    let name = &spec.name;
    let mut ports: Vec<u16> = listens.iter().map(SocketAddr::port).collect();
    ports.sort_unstable();
    ports.dedup();
    let shown: Vec<String> = ports.iter().map(ToString::to_string).collect();
    let candidate = Candidate::new(
        name,
        Code::WrongPort,
        Level::Listen,
        format!(
            "{name} is listening on port {} instead of {port}",
            shown.join(" and ")
        ),
    )
    .evidence([format!(
        "it listens on {}: {}",
        listed(listens),
        commands::who_listens(ports.first().copied().unwrap_or(port))
    )]);
    let holders: Vec<String> = is
        .holders
        .iter()
        .map(|holder| format!("port {port} is in use: {}", held(holder)))
        .collect();
    let taken = !holders.is_empty();
    let candidate = candidate.evidence(holders).evidence([if taken {
        format!("see {}", commands::who_listens(port))
    } else {
        format!(
            "nothing listens on port {port}: {}",
            commands::who_listens(port)
        )
    }]);
    if taken {
        return free(spec, candidate, is.port);
    }
    let action = match (ports.as_slice(), &facts.evidence.stack_text) {
        ([only], Some(text)) => Port::new(*only)
            .and_then(|only| edit::set_port(text, name, only))
            .map(|changes| Action::EditStackFile {
                file: facts.evidence.stack.file.clone(),
                changes,
            }),
        _ => None,
    };
    candidate.remedy(
        format!(
            "pass the port to its command (`--port {{port}}`, or `$PORT`), or declare `port = {}`",
            shown.join(" or ")
        ),
        action,
    )
}

/// The candidate, if it listens at this port on other addresses only.
pub(super) fn elsewhere(seen: Seen<'_>, host: &str, port: u16) -> Option<Candidate> {
    let at_port = || seen.is.listens.iter().filter(|it| it.port() == port);
    let misses = at_port().next().is_some() && !at_port().any(|it| covers(it.ip(), host));
    misses.then(|| wrong_address(seen, host, port))
}

/// It listens at its port, on an address that is not the one it is asked at.
pub(super) fn wrong_address(seen: Seen<'_>, host: &str, port: u16) -> Candidate {
    let is = seen.is;
    let name = &seen.spec.name;
    let of_holders = is.holders.iter().flat_map(|holder| &holder.addresses);
    let mut listens: Vec<_> = is.listens.clone();
    if is.pid.is_none() {
        listens.extend(of_holders);
    }
    listens.retain(|address| address.port() == port);
    let host = host.trim_matches(['[', ']']);
    Candidate::new(
        name,
        Code::WrongAddress,
        Level::Listen,
        format!(
            "{name} listens on {}, but requests go to {host}",
            listed(&listens)
        ),
    )
    .evidence([format!(
        "it listens on {}: {}",
        listed(&listens),
        commands::who_listens(port)
    )])
    .remedy(
        match reached_at(seen, port) {
            Some(reached) => format!(
                "request {reached}, where it listens, or make it listen on {host} (usually \
                 `--host {host}`)"
            ),
            None => format!("make it listen on {host} (usually `--host {host}`)"),
        },
        None,
    )
    .same_as(format!("{host}:{port}"))
}

/// Somebody else answers at its port, and not as it would.
pub(super) fn wrong_service(
    facts: &Facts<'_>,
    seen: Seen<'_>,
    host: &str,
    port: u16,
    clause: &str,
) -> Option<Candidate> {
    let is = seen.is;
    let name = &seen.spec.name;
    let listens_here = is.listens.iter().any(|address| address.port() == port);
    if is.port.is_none_or(|its| its.number() != port) {
        return None;
    }
    let holder = is.holders.iter().find(|holder| {
        let mut addresses = holder.addresses.iter();
        let stranger = is.pid.is_some() || seen.is_stranger(holder);
        stranger && addresses.any(|address| covers(address.ip(), host))
    })?;
    if !is_local(host) || (listens_here && !shadows(seen, holder, host)) {
        return None;
    }
    let error = log::error(facts, seen, log::When::Ended);
    if let Some(error) =
        error.filter(|error| matches!(error.kind, LogErrorKind::AddressInUse { .. }))
    {
        return in_use(facts, seen, None, error);
    }
    let candidate = Candidate::new(
        name,
        Code::WrongService,
        Level::Listen,
        format!(
            "the process on port {port} is not {name}: it is {} (PID {})",
            holder.name, holder.process.pid
        ),
    )
    .evidence([held(holder), clause.to_owned()])
    .evidence(
        (listens_here || !is.listens.is_empty())
            .then(|| format!("{name} itself listens on {}", listed(&is.listens))),
    );
    let candidate = check(candidate, is.port).same_as(host.to_owned());
    Some(free(seen.spec, candidate, is.port))
}

/// Whether a holder answers under this name although the service listens on the same port: on the
/// other address family.
fn shadows(seen: Seen<'_>, holder: &Holder, host: &str) -> bool {
    let own = seen.is.listens.iter();
    let mut own = own.filter(|address| covers(address.ip(), host));
    own.all(|address| {
        !holder
            .addresses
            .iter()
            .any(|held| held.is_ipv6() == address.is_ipv6())
    })
}

/// A service that listens not at its own port, but at that of another service, which cannot start for
/// it. Its own probes may pass all the same.
pub(super) fn trespassing(facts: &Facts<'_>, seen: Seen<'_>) -> Option<Candidate> {
    let own = seen.is.port?.number();
    let listens = &seen.is.listens;
    if listens.iter().any(|address| address.port() == own) {
        return None;
    }
    let is_kept_out = |port: u16| {
        facts.services.iter().any(|other| {
            other.spec.name != seen.spec.name
                && other.is.port.is_some_and(|its| its.number() == port)
                && other.is.pid.is_none()
                && other.is.wanted
        })
    };
    let mut ports = listens.iter().map(SocketAddr::port);
    ports
        .any(is_kept_out)
        .then(|| wrong_port(facts, seen, own, listens))
}
