//! Tests the rules with constructed evidence. A stack is written as its stack file; all services
//! are healthy until a test changes them.

mod checks;
mod healthy;
mod logs;
mod page;
mod ports;
mod probes;
mod processes;
mod properties;
mod real_days;
mod several;

use std::{
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{commands, diagnose};
use crate::{
    diagnose::evidence::{
        Evidence, HostEvidence, ProbeAnswer, ServiceEvidence,
        check::{CheckAnswer, CheckFault, CheckNote, CheckOutcome, Exchange, RedactedError, Stage},
        log::{
            LogError, LogErrorForm, LogErrorKind, LogEvidence, LogLine, Unreachable, UnreachableWhy,
        },
    },
    model::{
        facts::{Exit, Holder, ProbeFault, ProbeFaultKind, Process},
        finding::{Action, Code, Finding, Remedy},
        view::PhaseName,
    },
    stack::{CheckAction, HttpRequest, Port, Probe, Service, Stack},
    stack_file,
};

/// Redis, a backend and a page, as in the example.
const NEXUS: &str = r#"
[service.redis]
command = "redis-server --port {port}"
port = 6379
ready = { redis = "redis://127.0.0.1:{port}/0" }

[service.backend]
command = "uvicorn main:app --port {port}"
port = 8001
needs = ["redis"]
ready = "http: /v1/health"

[[service.backend.check]]
name = "create a session"
origin = "http://localhost:5173"
http = { url = "/v1/sessions/", json = { user_id = "demo" }, status = 201 }

[[service.backend.check]]
name = "live updates"
websocket = "/ws"

[service.frontend]
command = "npm run dev -- --port {port}"
port = 5173
needs = ["backend"]
env_points_at = { VITE_API_URL = "backend" }
ready = "http: /"
"#;

const FILE: &str = "/project/pilotlight.toml";

/// Evidence under construction.
#[derive(Clone, Debug)]
pub(super) struct Case(pub(super) Evidence);

/// Returns a stack that a daemon runs and whose services are all healthy.
pub(super) fn well(text: &str) -> Case {
    let stack = stack_file::parse(Path::new(FILE), text.as_bytes(), &crate::env::Env::new())
        .unwrap_or_else(|report| panic!("{report:?}"));
    let services = stack
        .services
        .iter()
        .enumerate()
        .map(|(place, spec)| running(&stack, spec, place))
        .collect();
    Case(Evidence {
        stack: Arc::new(stack),
        stack_text: Some(text.into()),
        at: SystemTime::UNIX_EPOCH + Duration::from_hours(500_000),
        took: Duration::from_millis(80),
        kept: true,
        other_daemon: None,
        services,
        host: HostEvidence::default(),
        within: None,
    })
}

impl Case {
    /// Returns when a service has entered its phase.
    fn since(&self, name: &str) -> Option<jiff::Timestamp> {
        let mut services = self.0.services.iter();
        let is = services.find(|is| is.name.as_str() == name)?;
        is.since?.try_into().ok()
    }
}

/// Returns a stack that was not started.
fn never_started(text: &str) -> Case {
    let mut case = well(text);
    case.0.kept = false;
    for is in &mut case.0.services {
        stop(is);
    }
    case
}

fn running(stack: &Stack, spec: &Service, place: usize) -> ServiceEvidence {
    let listens = spec.port.map(|port| address("127.0.0.1", port.number()));
    ServiceEvidence {
        phase: PhaseName::Ready,
        wanted: true,
        pid: (!spec.is_external()).then(|| 100 + u32::try_from(place).unwrap()),
        was_ready: true,
        port: spec.port,
        listens: if spec.is_external() {
            Vec::new()
        } else {
            listens.into_iter().collect()
        },
        probes: spec
            .ready
            .probes
            .iter()
            .map(|probe| answer(&probe.render(&spec.name, stack)))
            .collect(),
        checks: spec
            .checks
            .iter()
            .map(|check| passed(&check.render(&spec.name, stack)))
            .collect(),
        log: LogEvidence {
            file: Some(format!("/logs/{}/7.log", spec.name).into()),
            ..LogEvidence::default()
        },
        ..ServiceEvidence::unknown(spec.name.clone())
    }
}

fn answer(probe: &Probe<String>) -> ProbeAnswer {
    let (target, url) = match probe {
        Probe::Tcp(address) | Probe::Published(address) => (
            format!("connection to {address}"),
            Some(format!("tcp://{address}")),
        ),
        Probe::Http(request) => (
            format!("{} {}", request.method, request.url),
            Some(request.url.clone()),
        ),
        Probe::Redis(url) => (format!("PING {url}"), Some(url.clone())),
        Probe::Server(protocol, url) => (format!("{} {url}", protocol.title()), Some(url.clone())),
        Probe::WebSocket(url) => (format!("WebSocket {url}"), Some(url.clone())),
        Probe::Command(command) => (format!("`{command}`"), None),
        Probe::Log(pattern) => (pattern.clone(), None),
        Probe::Process => ("the process".to_owned(), None),
        Probe::Container => ("the health check".to_owned(), None),
    };
    let (host, port) = place(url.as_deref());
    ProbeAnswer {
        target,
        result: Ok(()),
        took: Duration::from_millis(2),
        timeout: Duration::from_secs(2),
        host,
        port,
        tells: matches!(
            probe,
            Probe::Http(_) | Probe::Redis(_) | Probe::Server(..) | Probe::WebSocket(_)
        ),
    }
}

fn place(url: Option<&str>) -> (Option<String>, Option<u16>) {
    let Some(url) = url.map(|url| url::Url::parse(url).unwrap()) else {
        return (None, None);
    };
    let host = url.host_str().map(|host| host.trim_matches(['[', ']']));
    (host.map(str::to_owned), url.port_or_known_default())
}

fn passed(check: &crate::stack::Check<String>) -> CheckAnswer {
    let (target, url) = match &check.action {
        CheckAction::Http(request) => {
            let HttpRequest { method, url, .. } = &**request;
            (format!("{method} {url}"), Some(url.clone()))
        }
        CheckAction::WebSocket { url, .. } => (format!("WebSocket {url}"), Some(url.clone())),
        CheckAction::Redis(url) => (format!("PING {url}"), Some(url.clone())),
        CheckAction::Command(command) => (format!("`{command}`"), None),
    };
    let (host, port) = place(url.as_deref());
    CheckAnswer {
        name: check.name.clone(),
        host,
        port,
        origin: check.origin.clone(),
        same_origin: false,
        credentials: check.credentials,
        outcome: CheckOutcome::Passed,
        exchanges: url
            .iter()
            .map(|url| Exchange {
                stage: Stage::Request,
                method: "POST".into(),
                url: url.clone(),
                command: commands::ask(&target).unwrap_or_default().replace('`', ""),
                status: Some(200),
                headers: vec![("server".into(), "uvicorn".into())],
                head: None,
                took: Duration::from_millis(3),
            })
            .collect(),
        notes: vec![CheckNote::PreflightPasses],
        took: Duration::from_millis(5),
        timeout: check.timeout,
        target,
    }
}

fn address(host: &str, port: u16) -> SocketAddr {
    SocketAddr::new(host.parse().unwrap(), port)
}

/// Makes the service stopped and not wanted.
fn stop(is: &mut ServiceEvidence) {
    gone(is, PhaseName::Stopped);
    is.wanted = false;
    is.was_ready = false;
    is.checks.clear();
}

/// Removes all processes of the service.
fn gone(is: &mut ServiceEvidence, phase: PhaseName) {
    is.phase = phase;
    is.pid = None;
    is.listens.clear();
    fail_probes(is, &ProbeFaultKind::Refused);
    for check in &mut is.checks {
        check.outcome = CheckOutcome::Failed(CheckFault::Plain(ProbeFaultKind::Refused));
    }
}

/// Makes the service exit with this finding of the model.
fn end(is: &mut ServiceEvidence, exit: Exit, code: Code, title: &str) {
    gone(is, PhaseName::Failed);
    is.last_exit = Some(exit);
    is.since =
        Some(SystemTime::UNIX_EPOCH + Duration::from_hours(500_000) - Duration::from_secs(12));
    is.finding = Some(Arc::new(Finding {
        code,
        service: is.name.clone(),
        title: title.into(),
        since: None,
        evidence: Vec::new(),
        symptoms: Vec::new(),
        remedy: Remedy {
            text: format!(
                "see its log (`pilotlight logs {}`), then start it again",
                is.name
            )
            .into(),
            action: Some(Action::Start {
                service: is.name.clone(),
            }),
        },
    }));
}

/// Makes the service exit as after `kill -9`.
fn kill(is: &mut ServiceEvidence) {
    let title = format!("{} is not running: it was killed by signal 9", is.name);
    end(is, Exit::Signal(9), Code::Exited, &title);
}

/// Makes the service exit before it was ready.
fn fail_to_start(is: &mut ServiceEvidence) {
    let title = format!("{} ended with code 1 before it was ready", is.name);
    end(is, Exit::Code(1), Code::StartupError, &title);
    is.was_ready = false;
}

fn fail_probes(is: &mut ServiceEvidence, kind: &ProbeFaultKind) {
    for probe in &mut is.probes {
        probe.result = Err(ProbeFault {
            target: probe.target.clone(),
            kind: kind.clone(),
        });
    }
}

fn status(status: u16) -> ProbeFaultKind {
    ProbeFaultKind::Status {
        status,
        body: "Internal Server Error".into(),
    }
}

/// Returns an error response that a browser reports as a CORS error.
fn masked(status: u16) -> CheckFault {
    CheckFault::Redacted(RedactedError {
        status,
        body: "Internal Server Error".into(),
        preflighted: true,
    })
}

fn line(text: &str) -> LogLine {
    LogLine {
        number: 42,
        text: text.into(),
        age: Some(Duration::from_millis(20)),
        followed_by: 3,
    }
}

/// Adds an exception at the end of the log.
fn log_error(is: &mut ServiceEvidence, kind: LogErrorKind, text: &str) {
    is.log.last_error = Some(LogError {
        line: line(text),
        kind,
        advice: None,
        form: LogErrorForm::Exception,
        cause: None,
        ports: Vec::new(),
    });
}

fn unreachable(host: &str, port: u16, text: &str) -> Unreachable {
    Unreachable {
        host: host.into(),
        port: Port::new(port),
        why: UnreachableWhy::Refused,
        line: line(text),
        times: 1,
    }
}

/// Adds a line to the log that reports an address as unreachable.
fn cannot_reach(is: &mut ServiceEvidence, host: &str, port: u16) {
    let text =
        format!("ConnectionError: Error 111 connecting to {host}:{port}. Connection refused.");
    log_error(is, LogErrorKind::Unreachable, &text);
    is.log.unreachable.push(unreachable(host, port, &text));
}

fn holder(name: &str, command_line: &str, host: &str, port: u16) -> Holder {
    Holder {
        process: Process {
            pid: 4242,
            started: 1,
        },
        name: name.into(),
        command_line: Some(command_line.into()),
        user: Some("anna".into()),
        folder: None,
        since: None,
        addresses: vec![address(host, port)],
        mark: None,
    }
}

impl Case {
    fn with(mut self, service: &str, change: impl FnOnce(&mut ServiceEvidence)) -> Self {
        change(self.service(service));
        self
    }

    fn service(&mut self, name: &str) -> &mut ServiceEvidence {
        let mut services = self.0.services.iter_mut();
        services.find(|is| is.name.as_str() == name).unwrap()
    }

    /// Returns the case with a failing check.
    fn failing(self, service: &str, check: &str, fault: CheckFault) -> Self {
        self.with(service, |is| {
            let mut checks = is.checks.iter_mut();
            let check = checks.find(|it| it.name == check).unwrap();
            check.outcome = CheckOutcome::Failed(fault);
        })
    }

    fn findings(&self) -> Vec<Finding> {
        let findings = diagnose(&self.0);
        for finding in &findings {
            assert_presentable(finding);
        }
        findings
    }

    /// Returns the only finding.
    #[track_caller]
    fn finding(&self) -> Finding {
        let mut findings = self.findings();
        assert_eq!(findings.len(), 1, "{findings:#?}");
        findings.remove(0)
    }

    /// Returns the findings in short: `exited redis < backend cors-masked-error: create a session`.
    fn says(&self) -> Vec<String> {
        self.findings().iter().map(short).collect()
    }
}

fn short(finding: &Finding) -> String {
    let mut parts = vec![format!("{} {}", name(finding.code), finding.service)];
    for symptom in &finding.symptoms {
        let check = symptom.check.iter().map(|check| format!(": {check}"));
        let check: String = check.collect();
        parts.push(format!("{} {}{check}", symptom.service, name(symptom.code)));
    }
    parts.join(" < ")
}

/// Returns the name of a code in JSON.
fn name(code: Code) -> String {
    let name = serde_json::to_value(code).unwrap();
    name.as_str().unwrap().to_owned()
}

/// Asserts that a finding is complete: a sentence, evidence that a user can verify, a fix.
#[track_caller]
fn assert_presentable(finding: &Finding) {
    assert!(!finding.title.is_empty(), "{finding:#?}");
    let (name, title) = (finding.service.as_str(), &*finding.title);
    let begins = title.get(..name.len()).unwrap_or_default();
    assert!(
        begins == name || !begins.eq_ignore_ascii_case(name),
        "a name is written as it was typed: {finding:#?}"
    );
    let checkable =
        |line: &crate::fs::redact::Redacted| line.contains('`') || line.contains("log line ");
    assert!(finding.evidence.iter().any(checkable), "{finding:#?}");
    assert!(!finding.remedy.text.is_empty(), "{finding:#?}");
    assert_ne!(finding.code, Code::CorsMaskedError, "{finding:#?}");
    for symptom in &finding.symptoms {
        assert!(!symptom.text.is_empty(), "{finding:#?}");
    }
}

/// Asserts that a finding contains all these words.
#[track_caller]
fn assert_says(finding: &Finding, words: &[&str]) {
    // `Debug` doubles the backslashes of a path on Windows.
    let text = format!("{finding:#?}").replace(r"\\", r"\");
    for word in words {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
}
