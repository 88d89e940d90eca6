//! What does not run: it ended, it was not started, it waits, it would not start.

use super::{
    commands,
    log::{self, When},
    port,
    scene::{Scene, Seen},
    suspect::{Behind, Level, Suspect},
};
use crate::{
    model::{
        evidence::log::{LogError, LogErrorKind},
        explain,
        facts::{Exit, LaunchFault},
        finding::{Action, Code},
        view::PhaseName,
    },
    stack::ServiceName,
};

/// What is wrong with a service that should be there and is not.
pub(super) fn down(scene: &Scene<'_>, seen: Seen<'_>) -> Vec<Suspect> {
    let is = seen.is;
    if let Some(suspect) = hindered(scene, seen) {
        return vec![suspect];
    }
    let ended = is.last_exit.is_some() || is.finding.is_some();
    match is.phase {
        PhaseName::Stopped if seen.spec.is_external() => vec![absent(scene, seen)],
        PhaseName::Stopped if is.wanted => vec![waits(seen)],
        PhaseName::Stopped => vec![not_running(scene, seen)],
        PhaseName::Starting | PhaseName::Ready | PhaseName::Unhealthy => self::ended(scene, seen),
        _ if ended => self::ended(scene, seen),
        _ => vec![not_running(scene, seen)],
    }
}

/// What would keep a service from starting that nobody has asked for yet.
pub(super) fn prospects(scene: &Scene<'_>, seen: Seen<'_>) -> Vec<Suspect> {
    if scene.evidence.kept || seen.spec.is_external() || (seen.is.answers() && !seen.is_squatted())
    {
        return Vec::new();
    }
    hindered(scene, seen).into_iter().collect()
}

/// What stands in the way of its start: now, or when it was tried.
fn hindered(scene: &Scene<'_>, seen: Seen<'_>) -> Option<Suspect> {
    let is = seen.is;
    if let Some(fault) = &is.requirement {
        return Some(requirement(seen, fault));
    }
    if let Some(fault) = &is.port_fault {
        return Some(port::fault(scene, seen, fault));
    }
    let finding = is.finding.as_ref()?;
    match finding.code {
        Code::CommandNotFound
        | Code::NotExecutable
        | Code::DirectoryMissing
        | Code::RequirementMissing
        | Code::EnvFileMissing
        | Code::KeeperConflict => {
            Some(Suspect::known(finding, Level::Start).evidence([commands::logs(&seen.spec.name)]))
        }
        Code::PortTaken | Code::PortExcluded | Code::PortLingering => {
            Some(port::known(scene, seen, finding))
        }
        Code::StartupError if is.last_exit.is_none() && is.phase == PhaseName::Failed => {
            Some(Suspect::known(finding, Level::Start).evidence([commands::logs(&seen.spec.name)]))
        }
        _ => None,
    }
}

/// A requirement that is not met, with the command that shows it and what can be done.
fn requirement(seen: Seen<'_>, fault: &LaunchFault) -> Suspect {
    let finding = explain::launch(seen.spec, fault);
    let suspect = Suspect::known(&finding, Level::Start);
    match fault {
        LaunchFault::CommandNotFound { program, .. } => {
            let command = commands::which(program);
            suspect.evidence([format!("{command} finds nothing")])
        }
        LaunchFault::NotExecutable { path } => suspect.evidence([format!(
            "{} shows no right to run it",
            commands::lists(path)
        )]),
        LaunchFault::DirectoryMissing { path } => {
            suspect.evidence([format!("{} finds nothing", commands::lists(path))])
        }
        LaunchFault::EnvFileMissing { path } => {
            let suspect = suspect.evidence([format!("{} finds nothing", commands::lists(path))]);
            let mut examples = seen.is.project.env_examples.iter();
            match examples.find(|(missing, _)| missing == path) {
                Some((missing, example)) => suspect.remedy(
                    format!(
                        "copy {} to {}, and fill in what is yours",
                        example.display(),
                        missing.display()
                    ),
                    Some(Action::CopyFile {
                        from: example.clone(),
                        to: missing.clone(),
                    }),
                ),
                None => suspect,
            }
        }
        LaunchFault::EnvFileInvalid { path, .. } | LaunchFault::Log { path, .. } => {
            suspect.evidence([format!("see {}", commands::lists(path))])
        }
        LaunchFault::RequirementMissing { what, .. } => missing_requirement(seen, what, suspect),
        LaunchFault::Other { .. } => suspect.evidence([commands::logs(&seen.spec.name)]),
    }
}

/// A variable may stand in an example of an environment file; a file and a command speak for
/// themselves.
fn missing_requirement(seen: Seen<'_>, what: &str, suspect: Suspect) -> Suspect {
    let word = what.split('`').nth(1);
    let Some(name) = word.filter(|_| what.contains("variable")) else {
        let check = match word {
            Some(command) => format!("`{command}` in {}", seen.spec.directory.display()),
            None => commands::lists(&seen.spec.directory),
        };
        return suspect.evidence([format!("checked with {check}")]);
    };
    let suspect = suspect.evidence([format!(
        "neither `env`, nor `env_file`, nor `printenv {name}` gives it a value"
    )]);
    match seen.is.project.env_examples.first() {
        Some((missing, example)) => suspect.remedy(
            format!(
                "copy {} to {}, set {name} there, and name that file in `env_file`",
                example.display(),
                missing.display()
            ),
            Some(Action::CopyFile {
                from: example.clone(),
                to: missing.clone(),
            }),
        ),
        None => suspect.remedy(
            format!("set {name} in `env`, in an `env_file`, or where you call pilotlight"),
            None,
        ),
    }
}

/// It ended unasked.
fn ended(scene: &Scene<'_>, seen: Seen<'_>) -> Vec<Suspect> {
    let (spec, is) = (seen.spec, seen.is);
    let name = &spec.name;
    if let Some(line) = &is.out_of_memory {
        let suspect = Suspect::new(
            name,
            Code::OutOfMemory,
            Level::End,
            format!(
                "{name} is not running: the kernel killed it for memory{}",
                scene.ago(is.since)
            ),
        );
        return vec![
            suspect
                .evidence([line.clone(), format!("see {}", commands::kernel_log())])
                .evidence(memory(scene))
                .evidence(nobody_listens(seen))
                .remedy(
                    "give it more memory, or let it use less; then start it again",
                    start(seen),
                ),
        ];
    }
    let error = log::error(scene, seen, When::Ended);
    if let Some(suspect) = error.and_then(|error| log::conclusive(scene, seen, error)) {
        return vec![suspect];
    }
    let mut suspect = end(scene, seen, error.is_none());
    if let Some(error) = error {
        let text = log::shown(error);
        if suspect.finding.code != Code::SilentExit {
            suspect.finding.title = format!("{}: {text}", suspect.finding.title).into();
            suspect.symptom.text.clone_from(&suspect.finding.title);
        }
        suspect = suspect.evidence(log::quotes(seen, error));
        suspect = log::advise(scene, seen, error, suspect);
        if comes_back(suspect.finding.code, error) {
            let text = format!(
                "correct what the error names: it comes back at each start (see its log: {})",
                commands::logs(name)
            );
            suspect = suspect.remedy(text, None);
        }
    } else if let Some(line) = &is.log.last_line {
        suspect = suspect.evidence([format!("last {}", is.quote(line))]);
    }
    if is.last_exit == Some(Exit::Signal(9)) && error.is_none() {
        suspect = suspect.evidence([format!(
            "signal 9 came from outside: {} says whether from the kernel",
            commands::kernel_log()
        )]);
    }
    suspect = suspect
        .evidence(nobody_listens(seen))
        .evidence([format!("its log: {}", commands::logs(name))]);
    let (behind, mut more) = log::behind(scene, seen, When::Ended);
    // A signal and a silent exit do not come from another service that is down.
    let by_itself = matches!(suspect.finding.code, Code::SilentExit | Code::OutOfMemory)
        || matches!(is.last_exit, Some(Exit::Signal(_)) if error.is_none());
    let undeclared = more
        .iter_mut()
        .find(|other| other.finding.code == Code::UndeclaredDependency);
    if let (Some(cause), Behind::Named(_)) = (undeclared, &behind) {
        // It ended of that and nothing else: one thing, not a cause and its symptom.
        let mut evidence = vec![suspect.finding.title.clone()];
        evidence.append(&mut cause.finding.evidence);
        cause.finding.evidence = evidence;
        cause.level = Level::End;
        return more;
    }
    more.push(suspect.behind(match behind {
        Behind::Needs if by_itself => Behind::Itself,
        other => other,
    }));
    more
}

/// Returns whether the program exits with the same error at each start, without other known facts.
fn comes_back(code: Code, error: &LogError) -> bool {
    matches!(code, Code::CrashLoop | Code::StartupError)
        && error.kind == LogErrorKind::Other
        && error.advice.is_none()
        && log::is_its_own(error)
}

/// How it ended, as far as the model or its exit tells.
fn end(scene: &Scene<'_>, seen: Seen<'_>, with_evidence: bool) -> Suspect {
    let is = seen.is;
    let name = &seen.spec.name;
    let ago = scene.ago(is.since);
    let Some(finding) = &is.finding else {
        let how = is
            .last_exit
            .map_or_else(|| "just now".to_owned(), |exit| format!("with {exit}{ago}"));
        return Suspect::new(
            name,
            Code::Exited,
            Level::End,
            format!("{name} is not running: it ended {how}"),
        )
        .remedy(
            format!(
                "see its log ({}), then start it again",
                commands::logs(name)
            ),
            start(seen),
        );
    };
    let title = match finding.code {
        Code::Exited | Code::SilentExit => format!("{}{ago}", finding.title),
        _ => finding.title.to_string(),
    };
    let mut suspect = Suspect::new(name, finding.code, Level::End, title);
    suspect.finding.remedy = finding.remedy.clone();
    if with_evidence && is.log.last_line.is_none() {
        suspect.evidence(finding.evidence.iter().cloned())
    } else {
        suspect
    }
}

/// It is stopped, and somebody needs it.
pub(super) fn not_running(scene: &Scene<'_>, seen: Seen<'_>) -> Suspect {
    let name = &seen.spec.name;
    let who: Vec<String> = scene
        .dependents(name)
        .map(|other| other.spec.name.to_string())
        .collect();
    let needed = if who.is_empty() {
        String::new()
    } else {
        format!(", and {} needs it", who.join(" and "))
    };
    Suspect::new(
        name,
        Code::NotRunning,
        Level::Start,
        format!("{name} is not running{needed}"),
    )
    .evidence(nobody_listens(seen))
    .evidence(["`pilotlight status` shows it stopped".to_owned()])
    .remedy(format!("start {name}: `pilotlight up {name}`"), start(seen))
}

/// Somebody else's service is not there.
fn absent(scene: &Scene<'_>, seen: Seen<'_>) -> Suspect {
    let name = &seen.spec.name;
    let mut suspect = not_running(scene, seen);
    for probe in seen.is.failed_probes() {
        if let Err(fault) = &probe.result {
            let (_, clause) = super::meaning(fault);
            suspect = suspect
                .evidence([clause])
                .evidence(commands::ask(&probe.target).map(|command| format!("try {command}")));
        }
    }
    suspect.remedy(
        format!("start {name} where it lives: it is external, so Pilot Light only watches it"),
        None,
    )
}

/// An external service that cannot be reached, whatever its phase.
pub(super) fn external(scene: &Scene<'_>, seen: Seen<'_>) -> Option<Suspect> {
    let unreached = seen.is.failed_probes().any(|probe| {
        probe.result.as_ref().is_err_and(|fault| {
            matches!(
                super::meaning(fault).0,
                Code::NotListening | Code::WrongAddress
            )
        })
    });
    (seen.spec.is_external() && unreached).then(|| absent(scene, seen))
}

/// It waits for what it needs: nothing by itself.
fn waits(seen: Seen<'_>) -> Suspect {
    let name = &seen.spec.name;
    let needs: Vec<&str> = seen.spec.needs.keys().map(ServiceName::as_str).collect();
    let text = if needs.is_empty() {
        format!("{name} is not running")
    } else {
        format!("{name} waits for {}", needs.join(" and "))
    };
    Suspect::new(name, Code::NotRunning, Level::Start, text).behind(Behind::OnlyNeeds)
}

/// That nobody listens on its port, where that is so.
fn nobody_listens(seen: Seen<'_>) -> Option<String> {
    let port = seen.is.port?.number();
    seen.is.holders.is_empty().then(|| {
        format!(
            "nothing listens on 127.0.0.1:{port}: {}",
            commands::who_listens(port)
        )
    })
}

fn memory(scene: &Scene<'_>) -> Option<String> {
    const MIB: u64 = 1 << 20;
    let host = &scene.evidence.host;
    let (available, total) = (host.memory_available?, host.memory_total?);
    Some(format!(
        "{} MiB of {} MiB of memory can be had now",
        available / MIB,
        total / MIB
    ))
}

fn start(seen: Seen<'_>) -> Option<Action> {
    (!seen.spec.is_external()).then(|| Action::Start {
        service: seen.spec.name.clone(),
    })
}
