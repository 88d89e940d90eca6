//! Turns the facts about a single service into findings. Effects on other services are left to the
//! diagnosis.

mod holder;
mod port;

pub use holder::describe_fault;
pub(super) use port::taken;
pub use port::{ended_beside, ended_holders};

use std::path::Path;

use super::{commands, container};
use crate::{
    model::{
        effect::Hindrance,
        facts::{Exit, LaunchFault, ProbeFault, ProbeFaultKind, Stopped, WatchFault},
        finding::{Action, Code, Described as _, Finding},
        service::RunEnd,
    },
    stack::Service,
};

/// Explains why a service was not started.
#[must_use]
pub fn hindrance(service: &Service, hindrance: &Hindrance) -> Finding {
    match hindrance {
        Hindrance::Port(fault) => taken(service, service.port, fault),
        Hindrance::NamedPort(port, fault) => taken(service, Some(*port), fault),
        Hindrance::Requirement(fault) => launch(service, fault),
    }
}

/// Explains why a command was not launched.
#[must_use]
pub fn launch(service: &Service, fault: &LaunchFault) -> Finding {
    let title = format!("{} cannot start: {fault}", service.name);
    let finding = Finding::new(&service.name, fault.code(), title);
    match fault {
        LaunchFault::CommandNotFound { program, near } => {
            let finding = match near.first() {
                Some(first) => finding
                    .evidence([format!("similar commands on PATH: {}", near.join(", "))])
                    .remedy(format!(
                        "did you mean `{first}`? Otherwise install `{program}`"
                    )),
                None => finding.remedy(format!("install `{program}`, or fix `command`")),
            };
            finding.evidence([format!("{} finds nothing", commands::which(program))])
        }
        LaunchFault::NotExecutable { path } => {
            let list = commands::lists(path);
            finding
                .evidence([format!("{list} shows no execute permission")])
                .remedy(format!("make it executable: `chmod +x {}`", path.display()))
        }
        LaunchFault::DirectoryMissing { path } => finding
            .evidence([format!("{} finds nothing", commands::lists(path))])
            .remedy("fix `directory`, or create the folder"),
        LaunchFault::EnvFileMissing { path } => finding
            .evidence([format!("{} finds nothing", commands::lists(path))])
            .remedy("create the file, or append `?` to its name if it is optional"),
        LaunchFault::EnvFileInvalid {
            path,
            line,
            message,
        } => {
            let line = line.map_or_else(String::new, |line| format!("line {line}: "));
            finding
                .evidence([
                    format!("{line}{message}"),
                    format!("see {}", commands::lists(path)),
                ])
                .remedy("fix that file")
        }
        LaunchFault::RequirementMissing { what, detail } => {
            let finding = finding.evidence(detail.clone());
            match (variable(what), what.split('`').nth(1)) {
                (Some(name), _) => finding
                    .evidence([format!(
                        "neither `env`, nor `env_file`, nor `printenv {name}` gives it a value"
                    )])
                    .remedy(format!(
                        "set {name} in `env`, in an `env_file` or in the environment of pilotlight"
                    )),
                (None, command) => {
                    let folder = &service.directory;
                    let check = match command {
                        Some(command) => format!("`{command}` in {}", folder.display()),
                        None => commands::lists(folder),
                    };
                    finding
                        .evidence([format!("checked with {check}")])
                        .remedy(format!("provide {what}, or fix `require`"))
                }
            }
        }
        LaunchFault::Log { path, message } => finding
            .evidence([
                format!("{}: {message}", path.display()),
                format!("see {}", commands::lists(path)),
            ])
            .remedy("free disk space, or fix the permissions of that folder"),
        LaunchFault::Container(fault) => container::start(service, finding, fault),
        LaunchFault::Other { .. } => finding.remedy("fix `command`"),
    }
}

/// Returns the name of the variable in a requirement, if it is about one.
pub(super) fn variable(requirement: &str) -> Option<&str> {
    let name = requirement.split('`').nth(1);
    name.filter(|_| requirement.contains("variable"))
}

impl LaunchFault {
    pub(super) fn code(&self) -> Code {
        match self {
            Self::CommandNotFound { .. } => Code::CommandNotFound,
            Self::NotExecutable { .. } => Code::NotExecutable,
            Self::DirectoryMissing { .. } => Code::DirectoryMissing,
            Self::EnvFileMissing { .. } | Self::EnvFileInvalid { .. } => Code::EnvFileMissing,
            Self::RequirementMissing { .. } => Code::RequirementMissing,
            Self::Container(fault) => container::code(fault),
            Self::Log { .. } | Self::Other { .. } => Code::StartupError,
        }
    }
}

/// Explains an unexpected exit.
#[must_use]
pub fn ended(service: &Service, ending: &RunEnd) -> Finding {
    if ending.exit.is_none() {
        return unhealthy(service, ending.fault.as_ref());
    }
    exited(service, ending.exit, ending.ready_since.is_some()).evidence(last_words(ending))
}

/// Explains an exit without its last words. `exit` is `None` until the exit status is known.
pub(super) fn exited(service: &Service, exit: Option<Exit>, was_ready: bool) -> Finding {
    let name = &service.name;
    let (code, title) = match exit {
        Some(exit) if service.task.is_some() => {
            (Code::Exited, format!("{name} failed with {exit}"))
        }
        Some(Exit::Code(0)) if was_ready => (
            Code::SilentExit,
            format!("{name} exited unexpectedly with code 0"),
        ),
        Some(exit @ Exit::Code(_)) if !was_ready => (
            Code::StartupError,
            format!("{name} exited with {exit} before it was ready"),
        ),
        Some(exit @ Exit::Code(_)) => (
            Code::Exited,
            format!("{name} is not running: it exited with {exit}"),
        ),
        Some(exit @ Exit::Signal(_)) => (
            Code::Exited,
            format!("{name} is not running: it was killed by {exit}"),
        ),
        Some(Exit::Unknown) => (
            Code::Exited,
            format!("{name} is not running: it exited while Pilot Light was not running"),
        ),
        None => (
            Code::Exited,
            format!("{name} is not running: it has exited"),
        ),
    };
    stopped_by_itself(service, code, title)
}

/// Explains a crash loop.
#[must_use]
pub fn crash_loop(service: &Service, ending: &RunEnd, failures: usize) -> Finding {
    let how = ending
        .exit
        .map_or_else(|| "being unhealthy".to_owned(), |exit| exit.to_string());
    let name = &service.name;
    let title = match service.max_restarts {
        Some(most) => {
            format!("{name} exited with {how} after {most} restarts, the limit of `max_restarts`")
        }
        None => format!(
            "{name} keeps crashing: {failures} exits within a minute, most recently with {how}"
        ),
    };
    stopped_by_itself(service, Code::CrashLoop, title).evidence(last_words(ending))
}

/// Explains why a service is not restarted after the same error twice.
#[must_use]
pub fn same_error(service: &Service, ending: &RunEnd) -> Finding {
    let how = ending
        .exit
        .map_or_else(String::new, |exit| format!(" with {exit}"));
    let title = format!(
        "{} exited twice{how} and the same error, so it is not restarted",
        service.name
    );
    stopped_by_itself(service, Code::CrashLoop, title).evidence(last_words(ending))
}

/// Explains failing probes of a running service.
#[must_use]
pub fn unhealthy(service: &Service, fault: Option<&ProbeFault>) -> Finding {
    probe(service, fault, |name| format!("{name} is unhealthy"))
}

/// Explains a failing check of a ready service until a diagnosis has found the cause.
#[must_use]
pub fn check_fails(service: &Service, check: &str, fault: &ProbeFault) -> Finding {
    let (code, clause) = (fault.code(), fault.to_string());
    Finding::new(&service.name, code, format!("{check}: {clause}")).remedy(format!(
        "see why: `pilotlight doctor`, or its log: `pilotlight logs {}`",
        service.name
    ))
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
    let name = &service.name;
    let pids = stopped
        .survivors
        .iter()
        .map(|process| process.pid.to_string());
    let pids: Vec<String> = pids.collect();
    if let Some(fault) = &stopped.fault {
        let title = format!("{name} may still be running: {fault}");
        return Finding::new(name, Code::Hung, title)
            .evidence(pids.iter().map(|pid| format!("PID {pid} is still running")))
            .remedy("see which of its processes still run: `pilotlight status`, `ps`");
    }
    if pids.is_empty() {
        let title = format!("{name} has exited, but its port is still in use");
        return Finding::new(name, Code::PortLingering, title)
            .remedy("see which process uses it: `pilotlight port`");
    }
    let title = format!(
        "{name} could not be stopped: PID {} survived SIGKILL",
        pids.join(", ")
    );
    Finding::new(name, Code::Hung, title).remedy(format!(
            "another user owns it, or it is blocked in the kernel: see `ps -o pid,user,stat,args -p {}`",
            pids.join(",")
        ))
}

/// Explains that not all files of a service are watched.
#[must_use]
pub fn not_watched(service: &Service, fault: &WatchFault) -> Finding {
    let name = &service.name;
    let finding = |why: &str| {
        let title = format!("{name} does not restart on every change: {why}");
        Finding::new(name, Code::WatchIncomplete, title)
    };
    match fault {
        WatchFault::Limit(limit) => {
            finding("the limit of inotify is reached")
                .evidence([format!("fs.inotify.{limit} counts for all programs of this user")])
                .remedy(format!(
                        "raise it: `echo fs.inotify.{limit}=1048576 | sudo tee /etc/sysctl.d/60-inotify.conf \
                         && sudo sysctl --system`"
                    ))
        }
        WatchFault::NoFolder(folder) => finding("a folder does not exist")
            .evidence([format!("`watch` names {}", folder.display())])
            .remedy("create the folder, or fix `watch`"),
        WatchFault::Other(message) => finding("its files cannot be watched")
            .evidence([message.clone()])
            .remedy(format!("restart it: `pilotlight restart {name}`")),
    }
}

/// Explains that a service writes a file that it watches.
#[must_use]
pub fn watch_loop(service: &Service, file: &Path) -> Finding {
    let (name, file) = (&service.name, file.display());
    let title = format!("{name} restarts itself: it writes {file}, which it watches");
    Finding::new(name, Code::WatchLoop, title)
        .evidence([format!(
            "{file} changed after each of its last 5 starts, always as soon"
        )])
        .remedy(format!(
            "changes of {file} are ignored for now; add it to `ignore` in `watch`"
        ))
}

fn probe(service: &Service, fault: Option<&ProbeFault>, title: impl Fn(&str) -> String) -> Finding {
    let name = &service.name;
    let code = fault.map_or(Code::Hung, ProbeFault::code);
    let finding = match fault.map(|fault| (&fault.kind, fault)) {
        Some((ProbeFaultKind::Launch(fault), _)) => return launch(service, fault),
        Some((ProbeFaultKind::Memory { .. }, fault)) => Finding::new(name, code, fault.to_string())
            .remedy(format!(
                "restart it (`pilotlight restart {name}`), or raise its `memory`"
            )),
        _ => Finding::new(name, code, title(name.as_str()))
            .evidence(fault.map(ToString::to_string))
            .remedy(format!(
                "see its log; a restart may help: `pilotlight restart {name}`"
            )),
    };
    finding.action(Action::restart(name))
}

fn last_words(ending: &RunEnd) -> Option<String> {
    let line = ending.last_words.as_ref()?;
    Some(format!("last log line: {line}"))
}

fn stopped_by_itself(service: &Service, code: Code, title: String) -> Finding {
    let name = &service.name;
    Finding::new(name, code, title)
        .remedy(format!(
            "see its log (`pilotlight logs {name}`), then start it again"
        ))
        .action(Action::start(name))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::stack_file;

    #[test]
    fn a_finding_is_masked_and_keeps_the_name_of_its_service() {
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
