//! Services that are not running: exited, not started, waiting, unable to start.

use std::time::Duration;

use super::{
    commands,
    facts::{Facts, Seen},
    holder::{Candidate, CausedBy, Level},
    log::{self, When},
    port,
};
use crate::{
    diagnose::{
        evidence::log::{LogError, LogErrorForm, LogErrorKind},
        explain,
    },
    model::{
        facts::{Exit, LaunchFault},
        finding::{Action, Code, Described as _},
        view::PhaseName,
    },
    stack::ServiceName,
};

/// The codes of failed starts that would fail again.
const OBSTACLES: [Code; 14] = [
    Code::CommandNotFound,
    Code::NotExecutable,
    Code::DirectoryMissing,
    Code::RequirementMissing,
    Code::EnvFileMissing,
    Code::EngineMissing,
    Code::EngineDown,
    Code::EngineDenied,
    Code::ComposeMissing,
    Code::ImageMissing,
    Code::NameInUse,
    Code::MountMissing,
    Code::ContainerRefused,
    Code::KeeperConflict,
];

/// Returns the candidates for a service that should be running and is not.
pub(super) fn down(facts: &Facts<'_>, seen: Seen<'_>) -> Vec<Candidate> {
    let is = seen.is;
    if let Some(candidate) = hindered(facts, seen) {
        return vec![candidate];
    }
    let ended = is.last_exit.is_some() || is.finding.is_some();
    match is.phase {
        PhaseName::Stopped if seen.spec.is_external() => vec![absent(facts, seen)],
        PhaseName::Stopped if is.wanted => vec![waits(seen)],
        PhaseName::Stopped => vec![not_running(facts, seen)],
        PhaseName::Starting | PhaseName::Ready | PhaseName::Unhealthy => self::ended(facts, seen),
        _ if ended => self::ended(facts, seen),
        _ => vec![not_running(facts, seen)],
    }
}

/// Returns the candidate for an obstacle to the start of a service that has not been requested yet.
pub(super) fn prospects(facts: &Facts<'_>, seen: Seen<'_>) -> Vec<Candidate> {
    if facts.evidence.kept || seen.spec.is_external() || (seen.is.answers() && !seen.is_squatted())
    {
        return Vec::new();
    }
    hindered(facts, seen).into_iter().collect()
}

/// Returns the candidate for an obstacle to its start, now or at the last attempt.
fn hindered(facts: &Facts<'_>, seen: Seen<'_>) -> Option<Candidate> {
    let is = seen.is;
    if let Some(fault) = &is.requirement {
        return Some(requirement(seen, fault));
    }
    let finding = is.finding.as_deref();
    if let Some(fault) = &is.port_fault {
        let now = port::fault(facts, seen, fault);
        // The start knew which process requested it, and which must not be stopped for a port.
        let tried = finding.filter(|tried| tried.title == now.finding.title);
        return Some(tried.map_or(now, |tried| port::known(facts, seen, tried)));
    }
    let finding = finding?;
    let is_obstacle = match finding.code {
        Code::PortTaken | Code::PortExcluded | Code::PortLingering => {
            return Some(port::known(facts, seen, finding));
        }
        Code::StartupError => is.last_exit.is_none() && is.phase == PhaseName::Failed,
        code => OBSTACLES.contains(&code),
    };
    is_obstacle.then(|| {
        Candidate::of(finding.clone(), Level::Start).evidence([commands::logs(&seen.spec.name)])
    })
}

/// Returns the candidate for an unmet requirement. If a missing file has an example, that is the
/// better fix.
fn requirement(seen: Seen<'_>, fault: &LaunchFault) -> Candidate {
    let candidate = Candidate::of(explain::launch(seen.spec, fault), Level::Start);
    let mut examples = seen.is.project.env_examples.iter();
    let (example, then) = match fault {
        LaunchFault::CommandNotFound { program, .. } if program.contains("node_modules/.bin/") => {
            return log::install::program(seen, program);
        }
        LaunchFault::EnvFileMissing { path } => (
            examples.find(|(missing, _)| missing == path),
            "and fill in your values".to_owned(),
        ),
        LaunchFault::RequirementMissing { what, .. } => match explain::variable(what) {
            Some(name) => (
                examples.next(),
                format!("set {name} there, and name that file in `env_file`"),
            ),
            None => return candidate,
        },
        LaunchFault::Other { .. } => {
            return candidate.evidence([commands::logs(&seen.spec.name)]);
        }
        _ => return candidate,
    };
    match example {
        Some((missing, from)) => candidate
            .remedy(format!(
                "copy {} to {}, {then}",
                from.display(),
                missing.display()
            ))
            .action(Action::copy(from, missing)),
        None => candidate,
    }
}

/// Returns the candidates for an unexpected exit.
fn ended(facts: &Facts<'_>, seen: Seen<'_>) -> Vec<Candidate> {
    let (spec, is) = (seen.spec, seen.is);
    let name = &spec.name;
    if let Some(line) = &is.out_of_memory {
        let candidate = Candidate::new(name, Code::OutOfMemory, Level::End)
            .title(format!(
                "{name} is not running: the kernel killed it because memory ran out"
            ))
            .since(is.since);
        return vec![
            candidate
                .evidence([line.clone(), format!("see {}", commands::kernel_log())])
                .evidence(memory(facts))
                .evidence(unused_port(seen))
                .remedy("give it more memory, or make it use less; then start it again")
                .action(start(seen)),
        ];
    }
    let error = log::error(facts, seen, When::Ended);
    if let Some(candidate) = error.and_then(|error| log::conclusive(facts, seen, error)) {
        return vec![candidate];
    }
    let mut candidate = end(seen, error.is_none());
    if let Some(error) = error {
        let text = log::shown(error);
        if candidate.finding.code != Code::SilentExit {
            candidate = candidate.title_with(&format!(": {text}"));
        }
        candidate = candidate.evidence(log::quotes(seen, error));
        candidate = log::advise(facts, seen, error, candidate);
    } else if let Some(line) = &is.log.last_line {
        if fails_at_start(&candidate) {
            candidate = candidate.title_with(&format!(": {}", line.text));
        }
        candidate = candidate.evidence([format!("last {}", is.quote(line))]);
    }
    if comes_back(seen, &candidate, error) {
        let text = format!(
            "fix the error, which occurs at each start (its log: {})",
            commands::logs(name)
        );
        candidate = candidate.remedy(text);
    }
    if is.last_exit == Some(Exit::Signal(9)) && error.is_none() {
        candidate = candidate.evidence([format!(
            "killed with SIGKILL by another process; to rule out the kernel's OOM killer: {}",
            commands::kernel_log()
        )]);
    }
    candidate = candidate
        .evidence(unused_port(seen))
        .evidence([format!("its log: {}", commands::logs(name))]);
    let (behind, mut more) = log::behind(facts, seen, When::Ended);
    // A service that is down causes neither a signal nor a silent exit of another one.
    let by_itself = matches!(candidate.finding.code, Code::SilentExit | Code::OutOfMemory)
        || matches!(is.last_exit, Some(Exit::Signal(_)) if error.is_none());
    let undeclared = more
        .iter_mut()
        .find(|other| other.finding.code == Code::UndeclaredDependency);
    if let (Some(cause), CausedBy::Named(_)) = (undeclared, &behind) {
        // Only that caused the exit: one problem, not a cause and its symptom.
        let mut evidence = vec![candidate.finding.title.clone()];
        evidence.append(&mut cause.finding.evidence);
        cause.finding.evidence = evidence;
        cause.level = Level::End;
        return more;
    }
    more.push(candidate.behind(match behind {
        CausedBy::Needs if by_itself => CausedBy::Itself,
        other => other,
    }));
    more
}

/// Returns whether the program exits before it is ready each time.
fn fails_at_start(candidate: &Candidate) -> bool {
    matches!(candidate.finding.code, Code::CrashLoop | Code::StartupError)
}

/// Returns whether it exited within a minute after its start.
fn lived_shortly(seen: Seen<'_>) -> bool {
    const SHORTLY: Duration = Duration::from_mins(1);
    let times = seen.is.started.zip(seen.is.since);
    let lived = times.and_then(|(started, since)| since.duration_since(started).ok());
    lived.is_some_and(|lived| lived < SHORTLY)
}

/// Returns whether a restart is suggested for an error that it cannot resolve: one that neither
/// another service nor the next attempt can change.
fn comes_back(seen: Seen<'_>, candidate: &Candidate, error: Option<&LogError>) -> bool {
    let is_its_own = |error: &LogError| {
        error.form != LogErrorForm::Line && log::is_its_own(error) && lived_shortly(seen)
    };
    (fails_at_start(candidate) || error.is_some_and(is_its_own))
        && matches!(candidate.finding.remedy.action, Some(Action::Start { .. }))
        && error.is_none_or(|error| {
            let is_of_another = matches!(
                error.kind,
                LogErrorKind::Unreachable | LogErrorKind::LoginRefused
            );
            error.advice.is_none() && !is_of_another
        })
}

/// Returns the candidate for its exit, by the finding of the model or its exit status.
fn end(seen: Seen<'_>, with_evidence: bool) -> Candidate {
    let is = seen.is;
    let known = is.finding.as_deref().cloned();
    let finding = known.unwrap_or_else(|| explain::exited(seen.spec, is.last_exit, is.was_ready));
    let mut candidate = Candidate::of(finding, Level::End);
    if !with_evidence || is.log.last_line.is_some() {
        candidate.finding.evidence.clear();
    }
    match candidate.finding.code {
        Code::Exited | Code::SilentExit => candidate.since(is.since),
        _ => candidate,
    }
}

/// Returns the candidate for a stopped service that others need.
pub(super) fn not_running(facts: &Facts<'_>, seen: Seen<'_>) -> Candidate {
    let name = &seen.spec.name;
    let dependents: Vec<String> = facts
        .dependents(name)
        .map(|other| other.spec.name.to_string())
        .collect();
    let needed = if dependents.is_empty() {
        String::new()
    } else {
        format!(", and {} needs it", dependents.join(" and "))
    };
    Candidate::new(name, Code::NotRunning, Level::Start)
        .title(format!("{name} is not running{needed}"))
        .evidence(unused_port(seen))
        .evidence(["`pilotlight status` shows it stopped".to_owned()])
        .remedy(format!("start {name}: `pilotlight up {name}`"))
        .action(start(seen))
}

/// Returns the candidate for an external service that is not running.
fn absent(facts: &Facts<'_>, seen: Seen<'_>) -> Candidate {
    let name = &seen.spec.name;
    let mut candidate = not_running(facts, seen);
    for (probe, fault) in seen.is.failed_probes() {
        let command = commands::ask(&probe.target);
        candidate = candidate
            .evidence([fault.to_string()])
            .evidence(command.map(|command| format!("try {command}")));
    }
    candidate.remedy(format!(
        "start {name} where it runs: it is external, so Pilot Light only monitors it"
    ))
}

/// Returns the candidate for an external service that cannot be reached, in any phase.
pub(super) fn external(facts: &Facts<'_>, seen: Seen<'_>) -> Option<Candidate> {
    let unreached = seen
        .is
        .failed_probes()
        .any(|(_, fault)| matches!(fault.code(), Code::NotListening | Code::WrongAddress));
    (seen.spec.is_external() && unreached).then(|| absent(facts, seen))
}

/// Returns the candidate for a service that waits for its dependencies.
fn waits(seen: Seen<'_>) -> Candidate {
    let name = &seen.spec.name;
    let needs: Vec<&str> = seen.spec.needs.keys().map(ServiceName::as_str).collect();
    let text = if needs.is_empty() {
        format!("{name} is not running")
    } else {
        format!("{name} waits for {}", needs.join(" and "))
    };
    Candidate::new(name, Code::NotRunning, Level::Start)
        .title(text)
        .behind(CausedBy::OnlyNeeds)
}

/// Returns the evidence that no process listens on its port.
fn unused_port(seen: Seen<'_>) -> Option<String> {
    let port = seen.is.port?.number();
    let check = commands::who_listens(port);
    let is_free = seen.is.holders.is_empty();
    is_free.then(|| format!("nothing listens on 127.0.0.1:{port}: {check}"))
}

fn memory(facts: &Facts<'_>) -> Option<String> {
    const MIB: u64 = 1 << 20;
    let host = &facts.evidence.host;
    let (available, total) = (host.memory_available?, host.memory_total?);
    Some(format!(
        "{} MiB of {} MiB of memory are available",
        available / MIB,
        total / MIB
    ))
}

fn start(seen: Seen<'_>) -> Option<Action> {
    (!seen.spec.is_external()).then(|| Action::start(&seen.spec.name))
}
