//! Compares the addresses on which a running service listens with the requested ones.

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
        facts::Holder,
        finding::{Action, Code, Described as _},
    },
    stack::Port,
};

/// Returns the candidate for a running service that listens on a wrong address, if its probes fail
/// because of that.
pub(super) fn listening(facts: &Facts<'_>, seen: Seen<'_>, starting: bool) -> Option<Candidate> {
    let is = seen.is;
    let port = is.port?.number();
    let other_ports: Vec<u16> = seen.spec.other_ports().map(Port::number).collect();
    let is_elsewhere = |it: &&SocketAddr| it.port() != port && !other_ports.contains(&it.port());
    let elsewhere: Vec<_> = is.listens.iter().filter(is_elsewhere).copied().collect();
    let listens_here = is.listens_on(port);
    let in_use = is.log.errors().find(|error| {
        matches!(error.kind, LogErrorKind::AddressInUse { port }
            if port.is_none_or(|it| Some(it) == is.port))
    });
    if let Some(error) = in_use.filter(|_| is.pid.is_some()) {
        if !listens_here && !is.holders.is_empty() {
            // The process on its port may pass the probes: an earlier instance does.
            return port::in_use(facts, seen, is.port, error);
        }
        if let Some(candidate) = older_process(facts, seen, port, error) {
            return Some(candidate);
        }
    }
    if !listens_here && !elsewhere.is_empty() && moved(is, port) {
        return Some(wrong_port(facts, seen, port, &elsewhere));
    }
    let at_port = || {
        let failed = is.failed_probes();
        let failed = failed.filter(|(probe, _)| probe.port == Some(port));
        failed.map(|(probe, fault)| (probe.host.as_deref(), fault))
    };
    if let Some((host, _)) = at_port().find(|(_, fault)| fault.code() == Code::NotListening) {
        return unreachable(facts, seen, host.unwrap_or("localhost"), port, starting);
    }
    let (host, fault) = at_port().next()?;
    wrong_service(facts, seen, host?, port, &fault.to_string())
}

/// Returns the candidate for an older process of the service itself that uses the port, so that
/// requests still reach old code.
fn older_process(
    facts: &Facts<'_>,
    seen: Seen<'_>,
    port: u16,
    error: &LogError,
) -> Option<Candidate> {
    let is = seen.is;
    // Only the latest error counts.
    if is.log.last_error.as_ref() != Some(error) {
        return None;
    }
    let failed_at = facts.evidence.at.checked_sub(error.line.age?)?;
    let is_own = |holder: &&Holder| {
        let mark = holder.mark.as_ref();
        mark.is_some_and(|mark| mark.service == is.name) && holder.is_on(port)
    };
    let old = is.listeners.iter().find(is_own)?;
    if old.since? >= failed_at {
        return None;
    }
    let name = &seen.spec.name;
    let pid = old.process.pid;
    Some(
        Candidate::new(name, Code::PortTaken, Level::Listen)
            .title(format!(
                "{name} still runs old code: an older process of it (PID {pid}) holds port {port}"
            ))
            .evidence([format!("the older process: {}", old.describe())])
            .evidence(log::quotes(seen, error))
            .evidence([format!("see {}", commands::who_listens(port))])
            .remedy(format!(
                "restart {name}, which stops the older process too: `pilotlight restart {name}`"
            ))
            .action(Action::restart(name)),
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

/// Returns whether its log reports another port, or it listens on a port near its own, which
/// another process uses.
fn moved(is: &ServiceEvidence, port: u16) -> bool {
    let says_so = is.log.errors().any(|error| {
        matches!(error.kind, LogErrorKind::PortMoved { from, .. }
            if from.is_none_or(|from| from.number() == port))
    });
    let mut distances = is.listens.iter().map(|it| it.port().saturating_sub(port));
    let near = distances.any(|far| (1..=20).contains(&far));
    says_so || (near && !is.holders.is_empty())
}

/// Returns the candidate for a refused connection of a probe.
fn unreachable(
    facts: &Facts<'_>,
    seen: Seen<'_>,
    host: &str,
    port: u16,
    starting: bool,
) -> Option<Candidate> {
    let is = seen.is;
    let name = &seen.spec.name;
    let listens = listens_at(seen, port);
    if !listens.is_empty() {
        let is_covered = listens.iter().any(|address| covers(address.ip(), host));
        return (!is_covered).then(|| wrong_address(seen, host, port));
    }
    if starting || (seen.spec.is_external() && is.pid.is_none()) {
        return None;
    }
    if !is.listens.is_empty() {
        return Some(wrong_port(facts, seen, port, &is.listens));
    }
    let pid = is.pid?;
    let check = commands::listens_on(pid);
    let last_line = is.log.last_line.as_ref();
    let candidate = Candidate::new(name, Code::NotListening, Level::Listen)
        .title(format!(
            "{name} is running but not listening on port {port}"
        ))
        .evidence([
            commands::unused(port),
            format!("its process {pid} listens on nothing: {check}"),
        ])
        .evidence(last_line.map(|line| format!("last {}", is.quote(line))))
        .remedy(format!(
            "check its log ({}) for what it waits for, and that its command gets the port",
            commands::logs(name)
        ));
    Some(candidate)
}

/// Returns the candidate for a service that listens on another port than the declared one.
fn wrong_port(facts: &Facts<'_>, seen: Seen<'_>, port: u16, listens: &[SocketAddr]) -> Candidate {
    let (spec, is) = (seen.spec, seen.is);
    let name = &spec.name;
    let mut ports: Vec<u16> = listens.iter().map(SocketAddr::port).collect();
    ports.sort_unstable();
    ports.dedup();
    let shown: Vec<String> = ports.iter().map(ToString::to_string).collect();
    let candidate = Candidate::new(name, Code::WrongPort, Level::Listen)
        .title(format!(
            "{name} is listening on port {} instead of {port}",
            shown.join(" and ")
        ))
        .evidence([format!(
            "it listens on {}: {}",
            listed(listens),
            commands::who_listens(ports.first().copied().unwrap_or(port))
        )]);
    let holders = is.holders.iter();
    let holders = holders.map(|holder| format!("port {port} is in use: {}", held(holder)));
    let taken = !is.holders.is_empty();
    let candidate = candidate.evidence(holders).evidence([if taken {
        format!("see {}", commands::who_listens(port))
    } else {
        commands::unused(port)
    }]);
    if taken {
        return free(spec, candidate, is.port);
    }
    let only = match ports[..] {
        [only] => Port::new(only),
        _ => None,
    };
    let action = facts.edit(|text| edit::set_port(text, name, only?));
    candidate
        .remedy(format!(
            "pass the port to its command (`--port {{port}}`, or `$PORT`), or declare `port = {}`",
            shown.join(" or ")
        ))
        .action(action)
}

/// Returns the candidate if it listens on this port, but on other addresses only.
pub(super) fn elsewhere(seen: Seen<'_>, host: &str, port: u16) -> Option<Candidate> {
    let at_port = || seen.is.listens.iter().filter(|it| it.port() == port);
    let misses = at_port().next().is_some() && !at_port().any(|it| covers(it.ip(), host));
    misses.then(|| wrong_address(seen, host, port))
}

/// Returns its addresses with this port, and those of the holders if it was started by hand.
fn listens_at(seen: Seen<'_>, port: u16) -> Vec<SocketAddr> {
    let is = seen.is;
    let by_hand = is.holders.iter().filter(|_| is.pid.is_none());
    let all = is
        .listens
        .iter()
        .chain(by_hand.flat_map(|it| &it.addresses));
    all.filter(|it| it.port() == port).copied().collect()
}

/// Returns the candidate for a service that listens on its port, but not on the requested address.
pub(super) fn wrong_address(seen: Seen<'_>, host: &str, port: u16) -> Candidate {
    let name = &seen.spec.name;
    let listens = listens_at(seen, port);
    let host = host.trim_matches(['[', ']']);
    Candidate::new(name, Code::WrongAddress, Level::Listen)
        .title(format!(
            "{name} listens on {}, but requests go to {host}",
            listed(&listens)
        ))
        .evidence([format!(
            "it listens on {}: {}",
            listed(&listens),
            commands::who_listens(port)
        )])
        .remedy(match reached_at(seen, port) {
            Some(reached) => format!(
                "request {reached}, where it listens, or make it listen on {host} (usually \
                 `--host {host}`)"
            ),
            None => format!("make it listen on {host} (usually `--host {host}`)"),
        })
        .same_as(format!("{host}:{port}"))
}

/// Returns the candidate for another process that responds on its port and fails its probes.
pub(super) fn wrong_service(
    facts: &Facts<'_>,
    seen: Seen<'_>,
    host: &str,
    port: u16,
    clause: &str,
) -> Option<Candidate> {
    let is = seen.is;
    let name = &seen.spec.name;
    let listens_here = is.listens_on(port);
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
    let candidate = Candidate::new(name, Code::WrongService, Level::Listen)
        .title(format!(
            "the process on port {port} is not {name}: it is {holder}"
        ))
        .evidence([held(holder), clause.to_owned()])
        .evidence(
            (listens_here || !is.listens.is_empty())
                .then(|| format!("{name} itself listens on {}", listed(&is.listens))),
        );
    let candidate = check(candidate, is.port).same_as(host.to_owned());
    Some(free(seen.spec, candidate, is.port))
}

/// Returns whether a holder responds under this name although the service listens on the same port: on the
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

/// Returns the candidate for a service that listens on the port of another service instead of its own, so
/// that the other one cannot start. Its own probes may still pass.
pub(super) fn trespassing(facts: &Facts<'_>, seen: Seen<'_>) -> Option<Candidate> {
    let own = seen.is.port?.number();
    let listens = &seen.is.listens;
    if seen.is.listens_on(own) {
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
