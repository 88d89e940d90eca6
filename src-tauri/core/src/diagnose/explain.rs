//! Turns plain facts into findings: what a service itself has met with. The effects on other services
//! are a matter of the diagnosis.

mod holder;
mod port;

pub(super) use holder::ago;
pub use holder::describe_fault;
pub(super) use port::taken;
pub use port::{ended_beside, ended_holders};

use super::meaning;
use crate::{
    fs::redact::Redacted,
    model::{
        effect::Hindrance,
        facts::{Exit, LaunchFault, ProbeFault, ProbeFaultKind, Stopped},
        finding::{Action, Code, Finding, Remedy},
        service::RunEnd,
    },
    stack::Service,
};

/// Explains why a service was not started.
#[must_use]
pub fn hindrance(service: &Service, hindrance: &Hindrance) -> Finding {
    match hindrance {
        Hindrance::Port(fault) => taken(service, fault),
        Hindrance::Requirement(fault) => launch(service, fault),
    }
}

/// Explains why a command was not launched.
#[must_use]
pub fn launch(service: &Service, fault: &LaunchFault) -> Finding {
    let name = &service.name;
    let (code, title, evidence, remedy) = match fault {
        LaunchFault::CommandNotFound { program, near } => (
            Code::CommandNotFound,
            format!("{name} cannot start: command not found: `{program}`"),
            if near.is_empty() {
                Vec::new()
            } else {
                vec![format!("similar commands on PATH: {}", near.join(", "))]
            },
            match near.first() {
                Some(near) => format!("did you mean `{near}`? Otherwise install `{program}`"),
                None => format!("install `{program}`, or fix `command`"),
            },
        ),
        LaunchFault::NotExecutable { path } => (
            Code::NotExecutable,
            format!("{name} cannot start: {} is not executable", path.display()),
            Vec::new(),
            format!("make it executable: `chmod +x {}`", path.display()),
        ),
        LaunchFault::DirectoryMissing { path } => (
            Code::DirectoryMissing,
            format!("{name} cannot start: folder not found: {}", path.display()),
            Vec::new(),
            "fix `directory`, or create the folder".into(),
        ),
        LaunchFault::EnvFileMissing { path } => (
            Code::EnvFileMissing,
            format!("{name} cannot start: file not found: {}", path.display()),
            Vec::new(),
            "create the file, or append `?` to its name if it is optional".into(),
        ),
        LaunchFault::EnvFileInvalid {
            path,
            line,
            message,
        } => (
            Code::EnvFileMissing,
            format!(
                "{name} cannot start: {} cannot be {}",
                path.display(),
                if line.is_some() { "understood" } else { "read" },
            ),
            vec![line.map_or_else(|| message.clone(), |line| format!("line {line}: {message}"))],
            "fix that file".into(),
        ),
        LaunchFault::RequirementMissing { what, detail } => (
            Code::RequirementMissing,
            format!("{name} cannot start: it requires {what}"),
            detail.iter().cloned().collect(),
            format!("provide {what}, or fix `require`"),
        ),
        LaunchFault::Log { path, message } => (
            Code::StartupError,
            format!("{name} cannot start: its log cannot be written"),
            vec![format!("{}: {message}", path.display())],
            "free disk space, or fix the permissions of that folder".into(),
        ),
        LaunchFault::Other { message } => (
            Code::StartupError,
            format!("{name} cannot start: {message}"),
            Vec::new(),
            "fix `command`".into(),
        ),
    };
    finding(
        service,
        code,
        title,
        evidence,
        Remedy {
            text: remedy.into(),
            action: None,
        },
    )
}

/// Explains an unexpected exit.
#[must_use]
pub fn ended(service: &Service, ending: &RunEnd) -> Finding {
    let name = &service.name;
    let Some(exit) = ending.exit else {
        return unhealthy(service, ending.fault.as_ref());
    };
    let was_ready = ending.ready_since.is_some();
    let (code, title) = match exit {
        Exit::Code(0) if was_ready => (
            Code::SilentExit,
            format!("{name} exited unexpectedly with code 0"),
        ),
        Exit::Code(_) if !was_ready => (
            Code::StartupError,
            format!("{name} exited with {exit} before it was ready"),
        ),
        Exit::Code(_) => (
            Code::Exited,
            format!("{name} is not running: it exited with {exit}"),
        ),
        Exit::Signal(_) => (
            Code::Exited,
            format!("{name} is not running: it was killed by {exit}"),
        ),
        Exit::Unknown => (
            Code::Exited,
            format!("{name} is not running: it exited while Pilot Light was not running"),
        ),
    };
    finding(
        service,
        code,
        title,
        last_line(ending),
        start_again(service),
    )
}

/// Explains a crash loop.
#[must_use]
pub fn crash_loop(service: &Service, ending: &RunEnd, failures: usize) -> Finding {
    let how = ending
        .exit
        .map_or_else(|| "being unhealthy".to_owned(), |exit| exit.to_string());
    finding(
        service,
        Code::CrashLoop,
        format!(
            "{} keeps crashing: {failures} exits in the last minute, most recently with {how}",
            service.name
        ),
        last_line(ending),
        start_again(service),
    )
}

/// Explains failing probes of a running service.
#[must_use]
pub fn unhealthy(service: &Service, fault: Option<&ProbeFault>) -> Finding {
    probe(service, fault, |name| format!("{name} is unhealthy"))
}

/// Explains a failing check of a service that is ready, as long as no diagnosis has found the cause.
#[must_use]
pub fn check_fails(service: &Service, check: &str, fault: &ProbeFault) -> Finding {
    let (code, clause) = meaning(fault);
    let remedy = Remedy {
        text: format!(
            "see why: `pilotlight doctor`, or its log: `pilotlight logs {}`",
            service.name
        )
        .into(),
        action: None,
    };
    finding(
        service,
        code,
        format!("{check}: {clause}"),
        Vec::new(),
        remedy,
    )
}

/// Explains why a service was not ready in time.
#[must_use]
pub fn not_ready(service: &Service, fault: Option<&ProbeFault>) -> Finding {
    let limit = service.start_timeout;
    probe(service, fault, |name| {
        format!("{name} is running but was not ready within {limit:?}")
    })
}

/// Explains an incomplete stop.
#[must_use]
pub fn unfinished(service: &Service, stopped: &Stopped) -> Finding {
    let pids: Vec<String> = stopped
        .survivors
        .iter()
        .map(|process| process.pid.to_string())
        .collect();
    if let Some(fault) = &stopped.fault {
        let remedy = Remedy {
            text: "see which of its processes still run: `pilotlight status`, `ps`".into(),
            action: None,
        };
        let pids = pids.iter().map(|pid| format!("PID {pid} is still running"));
        let title = format!("{} may still be running: {fault}", service.name);
        return finding(service, Code::Hung, title, pids.collect(), remedy);
    }
    let (title, text) = if pids.is_empty() {
        (
            format!("{} has exited, but its port is still in use", service.name),
            "see which process uses it: `pilotlight port`".to_owned(),
        )
    } else {
        (
            format!(
                "{} could not be stopped: PID {} survived SIGKILL",
                service.name,
                pids.join(", ")
            ),
            format!(
                "another user owns it, or it is blocked in the kernel: see `ps -o \
                 pid,user,stat,args -p {}`",
                pids.join(",")
            ),
        )
    };
    let code = if pids.is_empty() {
        Code::PortLingering
    } else {
        Code::Hung
    };
    finding(
        service,
        code,
        title,
        Vec::new(),
        Remedy {
            text: text.into(),
            action: None,
        },
    )
}

fn probe(service: &Service, fault: Option<&ProbeFault>, title: impl Fn(&str) -> String) -> Finding {
    let title = title(service.name.as_str());
    let restart = Remedy {
        text: format!(
            "see its log; a restart may help: `pilotlight restart {}`",
            service.name
        )
        .into(),
        action: Some(Action::Restart {
            service: service.name.clone(),
        }),
    };
    let Some(fault) = fault else {
        return finding(service, Code::Hung, title, Vec::new(), restart);
    };
    if let ProbeFaultKind::Launch(fault) = &fault.kind {
        return launch(service, fault);
    }
    let (code, detail) = meaning(fault);
    finding(service, code, title, vec![detail], restart)
}

fn last_line(ending: &RunEnd) -> Vec<String> {
    ending
        .last_words
        .iter()
        .map(|line| format!("last log line: {line}"))
        .collect()
}

fn start_again(service: &Service) -> Remedy {
    Remedy {
        text: format!(
            "see its log (`pilotlight logs {}`), then start it again",
            service.name
        )
        .into(),
        action: Some(Action::Start {
            service: service.name.clone(),
        }),
    }
}

pub(super) fn finding(
    service: &Service,
    code: Code,
    title: impl Into<Redacted>,
    evidence: Vec<String>,
    remedy: Remedy,
) -> Finding {
    Finding {
        code,
        service: service.name.clone(),
        title: title.into(),
        evidence: evidence.into_iter().map(Redacted::from).collect(),
        symptoms: Vec::new(),
        remedy,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::stack_file;

    #[test]
    fn a_finding_of_a_service_by_itself_is_masked_and_its_name_stays_as_it_was_typed() {
        let text = "[service.b]\ncommand = \"x\"\n";
        let stack = stack_file::parse(
            Path::new("/srv/a/pilotlight.toml"),
            text.as_bytes(),
            &crate::env::Env::default(),
        );
        let service = &stack.unwrap().services[0];
        let fault = LaunchFault::RequirementMissing {
            what: "the command `psql postgres://anna:hunter2@db`".to_owned(),
            detail: Some("FATAL: DB_PASS: hunter2".to_owned()),
        };
        let probe = ProbeFault {
            target: "GET http://localhost/?token=hunter2".to_owned(),
            kind: ProbeFaultKind::Body("{\"secret\":\"hunter2\"}".to_owned()),
        };
        let stopped = Stopped::default();
        let findings = [
            launch(service, &fault),
            unhealthy(service, Some(&probe)),
            not_ready(service, None),
            unfinished(service, &stopped),
        ];
        for finding in findings {
            assert!(finding.title.starts_with("b "), "{finding:#?}");
            assert!(!format!("{finding:?}").contains("hunter2"), "{finding:#?}");
        }
    }
}
