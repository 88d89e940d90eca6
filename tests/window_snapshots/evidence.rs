//! The evidence of a stack: its view, with everything else healthy unless a day changes it.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, SystemTime},
};

use pilotlight::{
    diagnose::evidence::{
        Evidence, HostEvidence, LogEvidence, ProbeAnswer, ServiceEvidence,
        check::{CheckAnswer, CheckNote, CheckOutcome},
        log::{LogError, LogErrorForm, LogErrorKind, LogLine},
    },
    model::{
        facts::{ProbeFault, ProbeFaultKind},
        view::{Light, PhaseName, ServiceView, StackView},
    },
    stack::{Check, CheckAction, Port, Probe, Service, Stack},
};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub(crate) fn of(stack: &Arc<Stack>, text: &str, view: &StackView, at: SystemTime) -> Evidence {
    let services: Vec<_> = stack
        .services
        .iter()
        .zip(&view.services)
        .map(|(spec, view)| of_service(stack, spec, view))
        .collect();
    Evidence {
        stack: stack.clone(),
        stack_text: Some(text.into()),
        at,
        took: Duration::from_millis(80),
        kept: true,
        other_daemon: None,
        within: None,
        host: HostEvidence {
            listening: services
                .iter()
                .flat_map(|service| service.listens.clone())
                .collect(),
            localhost: vec![LOCALHOST],
            ..HostEvidence::default()
        },
        services,
    }
}

fn of_service(stack: &Stack, spec: &Service, view: &ServiceView) -> ServiceEvidence {
    let up = matches!(view.phase, PhaseName::Ready | PhaseName::Unhealthy);
    let listens = view.port.filter(|_| up && !view.external);
    ServiceEvidence {
        phase: view.phase,
        wanted: view.light != Light::Off || !view.waiting_for.is_empty(),
        finding: view.finding.clone(),
        pid: view.pid,
        since: view.since.map(SystemTime::from),
        started: view.started.map(SystemTime::from),
        was_ready: up,
        restarts: view.restarts,
        last_exit: view.last_exit,
        port: view.port,
        listens: listens
            .into_iter()
            .map(|port| SocketAddr::new(LOCALHOST, port.number()))
            .collect(),
        probes: spec
            .ready
            .probes
            .iter()
            .map(|probe| asked(&probe.render(&spec.name, stack), up))
            .collect(),
        checks: spec
            .checks
            .iter()
            .filter(|_| view.phase == PhaseName::Ready)
            .map(|check| passed(&check.render(&spec.name, stack), view.port))
            .collect(),
        log: LogEvidence {
            file: view.run.map(|run| {
                format!(
                    "/home/anna/.local/state/pilotlight/logs/{}/{run}.log",
                    spec.name
                )
                .into()
            }),
            run: view.run,
            ..LogEvidence::default()
        },
        ..ServiceEvidence::unknown(spec.name.clone())
    }
}

fn asked(probe: &Probe<String>, up: bool) -> ProbeAnswer {
    let (target, port) = match probe {
        Probe::Tcp(address) | Probe::Published(address) => {
            (format!("connection to {address}"), port_in(address))
        }
        Probe::Http(request) => (
            format!("{} {}", request.method, request.url),
            port_in(&request.url),
        ),
        Probe::Redis(url) => (format!("PING {url}"), port_in(url)),
        Probe::Server(protocol, url) => (format!("{} {url}", protocol.title()), port_in(url)),
        Probe::WebSocket(url) => (format!("WebSocket {url}"), port_in(url)),
        Probe::Command(command) => (format!("`{command}`"), None),
        Probe::Log(pattern) => (pattern.clone(), None),
        Probe::Process => ("the process".to_owned(), None),
        Probe::Container => ("the health check".to_owned(), None),
    };
    let refused = ProbeFault {
        target: target.clone(),
        kind: ProbeFaultKind::Refused,
    };
    ProbeAnswer {
        target,
        result: if up { Ok(()) } else { Err(refused) },
        took: Duration::from_millis(2),
        timeout: Duration::from_secs(2),
        host: port.map(|_| "localhost".to_owned()),
        port,
        tells: matches!(
            probe,
            Probe::Http(_) | Probe::Redis(_) | Probe::Server(..) | Probe::WebSocket(_)
        ),
    }
}

/// Returns the host and port of `http://localhost:8001/health` or `10.0.0.7:5432`.
fn port_in(address: &str) -> Option<u16> {
    let place = address.split_once("//").map_or(address, |(_, rest)| rest);
    let place = place.split('/').next()?;
    place.rsplit_once(':')?.1.parse().ok()
}

fn passed(check: &Check<String>, port: Option<Port>) -> CheckAnswer {
    let target = match &check.action {
        CheckAction::Http(request) => format!("{} {}", request.method, request.url),
        CheckAction::WebSocket { url, .. } => format!("WebSocket {url}"),
        CheckAction::Redis(url) => format!("PING {url}"),
        CheckAction::Command(command) => format!("`{command}`"),
    };
    CheckAnswer {
        name: check.name.clone(),
        target,
        host: Some("localhost".to_owned()),
        port: port.map(Port::number),
        origin: check.origin.clone(),
        same_origin: false,
        credentials: check.credentials,
        outcome: CheckOutcome::Passed,
        exchanges: Vec::new(),
        notes: vec![CheckNote::PreflightPasses],
        took: Duration::from_millis(5),
        timeout: check.timeout,
    }
}

pub(crate) fn service<'a>(evidence: &'a mut Evidence, name: &str) -> &'a mut ServiceEvidence {
    let mut services = evidence.services.iter_mut();
    let found = services.find(|service| service.name.as_str() == name);
    found.unwrap_or_else(|| panic!("{name} is in the stack"))
}

/// A line that was written a moment ago.
pub(crate) fn line(text: &str) -> LogLine {
    LogLine {
        number: 412,
        text: text.to_owned(),
        age: Some(Duration::from_millis(20)),
        followed_by: 0,
    }
}

/// Adds an exception at the end of its log.
pub(crate) fn logged(service: &mut ServiceEvidence, kind: LogErrorKind, text: &str) {
    service.log.last_error = Some(LogError {
        line: line(text),
        kind,
        advice: None,
        form: LogErrorForm::Exception,
        cause: None,
        ports: Vec::new(),
    });
}
