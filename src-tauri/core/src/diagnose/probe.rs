//! The probes of a running service.

use std::time::Duration;

use super::{
    commands,
    facts::{Facts, Seen, brief},
    holder::{Candidate, CausedBy, Level},
    listen,
    log::{self, When, others::command},
    port, process, redis,
};
use crate::{
    diagnose::evidence::{
        ProbeAnswer,
        log::{LogErrorForm, Unreachable},
    },
    model::{
        facts::{ProbeFault, ProbeFaultKind},
        finding::{Action, Code, Described as _},
        view::PhaseName,
    },
    stack::Port,
};

/// Returns the candidates for a running service. For one that is still starting, only those that
/// waiting cannot resolve.
pub(super) fn running(facts: &Facts<'_>, seen: Seen<'_>, starting: bool) -> Vec<Candidate> {
    if let Some(candidate) = process::external(facts, seen) {
        return vec![candidate];
    }
    if let Some(candidate) = ended_inside(facts, seen) {
        return vec![candidate];
    }
    let listening =
        listen::trespassing(facts, seen).or_else(|| listen::listening(facts, seen, starting));
    if let Some(candidate) = listening {
        return with_reasons(facts, seen, candidate);
    }
    let failed = seen.is.failed_probes();
    let failed = failed.filter(|(_, fault)| !starting || is_final(fault.code()));
    let mut failed: Vec<_> = failed.collect();
    // The probe that examines the response is the most informative.
    failed.sort_by_key(|(probe, fault)| (fault.code() == Code::NotListening, !probe.tells));
    if let Some((probe, fault)) = failed.first() {
        let candidate = unwell(seen, probe, fault);
        let candidate =
            candidate.evidence(failed.iter().skip(1).map(|(_, fault)| fault.to_string()));
        return with_reasons(facts, seen, candidate);
    }
    if let Some(candidate) = slow(seen) {
        return with_reasons(facts, seen, candidate);
    }
    // Only the daemon knows that it has waited for a line that is not in the log.
    let known = seen.is.finding.as_ref().filter(|finding| {
        seen.is.phase == PhaseName::Unhealthy
            && (finding.code == Code::Slow || !seen.is.is_well())
            && seen.is.probes.iter().all(|probe| probe.host.is_none())
    });
    match known {
        Some(finding) => {
            let candidate = Candidate::of((**finding).clone(), Level::Answer)
                .evidence([format!("its log: {}", commands::logs(&seen.spec.name))]);
            with_reasons(facts, seen, candidate)
        }
        None => keeps_failing(facts, seen),
    }
}

/// Returns the candidates for a service without a probe that keeps reporting an address it cannot reach.
fn keeps_failing(facts: &Facts<'_>, seen: Seen<'_>) -> Vec<Candidate> {
    /// Longer than for the light, so that an amber one always has a reason.
    const RECENT: Duration = Duration::from_secs(45);
    let mut unreachable = seen.is.log.unreachable.iter();
    let is_closed = |address: &&Unreachable| {
        let port = address.port.map(Port::number);
        address.is_repeated(RECENT) && port.is_none_or(|port| !facts.is_open(&address.host, port))
    };
    let is_unprobed =
        seen.spec.checks.is_empty() && seen.is.probes.iter().all(|probe| probe.host.is_none());
    let Some(address) = unreachable.find(is_closed).filter(|_| is_unprobed) else {
        return Vec::new();
    };
    let name = &seen.spec.name;
    let candidate = Candidate::new(name, Code::ReportedError, Level::Use)
        .title(format!("{name} runs, but cannot reach {address}"))
        .same_as(address.to_string())
        .evidence([
            seen.is.quote(&address.line),
            format!(
                "its log has that {} times: {}",
                address.times,
                commands::logs(name)
            ),
        ])
        .remedy(format!(
            "start the server at {address}, or correct the address in the settings of {name}"
        ))
        .behind(CausedBy::Needs);
    let mut candidates = with_reasons(facts, seen, candidate);
    // Its own need for a server that no service is says it all.
    let is_undeclared = |it: &Candidate| it.finding.code == Code::UndeclaredDependency;
    if candidates.iter().any(is_undeclared) {
        candidates.retain(is_undeclared);
    }
    candidates
}

/// Words in the commands of programs that start another one again after a change.
const RELOADERS: [&str; 4] = ["reload", "watch", "nodemon", "runserver"];

/// The number of lines that follow the error with which a program has ended.
const AFTER_END: u64 = 5;

/// Returns the candidate for a running process whose program has exited, as under `--reload` and
/// watchers. A reloader may hold the socket of its program: connections are accepted and not answered.
fn ended_inside(facts: &Facts<'_>, seen: Seen<'_>) -> Option<Candidate> {
    let is = seen.is;
    let is_refused = is.has_unreached() && is.listens.is_empty();
    let mut failed = is.failed_probes();
    let hangs = failed.any(|(_, fault)| fault.kind == ProbeFaultKind::TimedOut { connected: true });
    // Other servers leave children behind as well: then it was not the last thing that happened.
    let error = is.log.last_error.as_ref();
    let is_over = error.is_none_or(|error| error.line.followed_by <= AFTER_END);
    let is_left = hangs && !is.dead.is_empty() && is_over;
    if is.pid.is_none() || !(is_refused || is_left) {
        return None;
    }
    let reloads = is_left && RELOADERS.iter().any(|word| command(seen).contains(word));
    ended_with_reason(facts, seen)
        .map(|candidate| candidate.evidence(dead(seen)))
        .or_else(|| reloads.then(|| left_by_program(seen)))
}

/// Describes the processes that have exited without the notice of their parents.
fn dead(seen: Seen<'_>) -> Vec<String> {
    let is = seen.is;
    let told = is.dead.iter().map(|(pid, parent)| {
        format!(
            "process {pid} has exited, which its parent {parent} has not noticed: \
             `ps -o pid,ppid,stat,args --ppid {parent}`"
        )
    });
    let port = is
        .port
        .filter(|port| is.listens_on(port.number()) && !is.dead.is_empty());
    let socket = port.map(|port| {
        format!(
            "port {port} is still open, and no process answers there: {}",
            commands::who_listens(port.number())
        )
    });
    told.chain(socket).collect()
}

/// Returns the candidate for a program that has exited and has logged no error.
fn left_by_program(seen: Seen<'_>) -> Candidate {
    let name = &seen.spec.name;
    Candidate::new(name, Code::StartupError, Level::End)
        .title(format!("{name} is running, but its program has exited"))
        .evidence(dead(seen))
        .evidence([format!("its log: {}", commands::logs(name))])
        .remedy(format!(
            "see its log for the reason, then restart {name}: `pilotlight restart {name}`"
        ))
        .action(restart(seen))
}

fn ended_with_reason(facts: &Facts<'_>, seen: Seen<'_>) -> Option<Candidate> {
    let spec = seen.spec;
    if let Some(candidate) = log::others::ended_inside(facts, seen) {
        return Some(candidate);
    }
    let error = log::error(facts, seen, When::Ended)?;
    if let Some(candidate) = log::conclusive(facts, seen, error) {
        return Some(candidate);
    }
    let (behind, _) = log::behind(facts, seen, When::Ended);
    if error.form == LogErrorForm::Line || behind != CausedBy::Itself {
        return None;
    }
    let name = &spec.name;
    let candidate = Candidate::new(name, Code::StartupError, Level::End)
        .title(format!(
            "{name} is running, but its program has exited with an error: {}",
            log::shown(error)
        ))
        .evidence(log::quotes(seen, error))
        .evidence([format!("its log: {}", commands::logs(name))])
        .remedy(format!(
            "fix the error; a watcher then restarts the program, otherwise restart {name}"
        ))
        .action(Action::restart(name));
    Some(log::advise(facts, seen, error, candidate))
}

/// Returns whether waiting cannot resolve it.
fn is_final(code: Code) -> bool {
    matches!(
        code,
        Code::AuthRequired
            | Code::WebsocketRefused
            | Code::RedisAuth
            | Code::RedisLoading
            | Code::NotRedis
            | Code::LoginRefused
            | Code::ServerRefuses
            | Code::WrongServer
            | Code::WrongAddress
    )
}

fn unwell(seen: Seen<'_>, probe: &ProbeAnswer, fault: &ProbeFault) -> Candidate {
    let (code, clause) = (fault.code(), fault.to_string());
    let name = &seen.spec.name;
    let logs = commands::logs(name);
    let (title, remedy, action) = match (code, &fault.kind) {
        (Code::Hung, kind) => (
            match kind {
                ProbeFaultKind::TimedOut { connected: true } => {
                    format!("{name} accepts connections but never responds")
                }
                _ => format!("{name} does not respond"),
            },
            format!(
                "it is busy, stuck or in a debugger: see its log, or `pilotlight restart {name}`"
            ),
            restart(seen),
        ),
        (Code::AuthRequired, _) => (
            format!("{name} rejects its own health probe: authentication required ({clause})"),
            "allow that path without authentication, or send credentials (`headers` of the \
             probe)"
                .to_owned(),
            None,
        ),
        (Code::NotListening, _) => (
            format!("{name} is running, but {clause}"),
            format!("fix the address in `ready`, or see {logs}"),
            None,
        ),
        (Code::WrongAddress, _) => (
            clause.clone(),
            "fix the address in `ready`".to_owned(),
            None,
        ),
        _ => (
            format!("{name} is unhealthy: {clause}"),
            format!("see its log ({logs}); a restart may help: `pilotlight restart {name}`"),
            restart(seen),
        ),
    };
    let candidate = Candidate::new(name, code, Level::Answer)
        .title(title)
        .remedy(remedy)
        .action(action);
    let candidate = candidate
        .evidence([format!("{clause} (after {})", brief(probe.took))])
        .evidence(body(&fault.kind))
        .evidence(Some(match commands::ask(&probe.target) {
            Some(command) => format!("try {command}"),
            None => format!("its log: {}", commands::logs(name)),
        }))
        .evidence(dead(seen))
        .evidence(seen.is.holders.first().map(port::held));
    let candidate = match seen.is.stopped.first().filter(|_| code == Code::Hung) {
        Some(pid) => candidate
            .evidence([format!(
                "process {pid} is stopped: `ps -o pid,stat,args -p {pid}`"
            )])
            .remedy(format!(
                "continue it (`kill -CONT {pid}`), or `pilotlight restart {name}`"
            ))
            .action(restart(seen)),
        None => candidate,
    };
    let candidate = redis::explain(seen, &fault.kind, candidate);
    let (is_known, candidate) = log::by_body(seen, &fault.kind, candidate);
    // An intended refusal is not a consequence of another fault.
    let by_itself = is_known || !is_failure(code);
    candidate.behind(if by_itself {
        CausedBy::Itself
    } else {
        CausedBy::Needs
    })
}

/// Returns whether a code is a failure, possibly with a cause elsewhere; the others are wrong settings.
pub(super) fn is_failure(code: Code) -> bool {
    matches!(
        code,
        Code::Hung
            | Code::Slow
            | Code::HttpStatus
            | Code::UnhealthyBody
            | Code::ProtocolError
            | Code::NotListening
            | Code::WebsocketRefused
            | Code::RequirementMissing
    )
}

/// Returns the beginning of the body of a fault, on one line.
pub(super) fn body(kind: &ProbeFaultKind) -> Option<String> {
    let ProbeFaultKind::Status { body, .. } = kind else {
        return None;
    };
    shown_body(body)
}

/// Returns the beginning of a body, on one line.
pub(super) fn shown_body(body: &str) -> Option<String> {
    const SHOWN: usize = 160;
    let words: Vec<&str> = body.split_whitespace().collect();
    let line = words.join(" ");
    if line.is_empty() {
        return None;
    }
    let mut shown: String = line.chars().take(SHOWN).collect();
    if shown.len() < line.len() {
        shown.push('…');
    }
    Some(format!("its body: {shown}"))
}

/// Returns the candidate for a service that responds correctly, but after the timeout.
fn slow(seen: Seen<'_>) -> Option<Candidate> {
    let name = &seen.spec.name;
    let mut probes = seen.is.probes.iter();
    let probe = probes.find(|probe| probe.result.is_ok() && probe.took > probe.timeout)?;
    let candidate = Candidate::new(name, Code::Slow, Level::Answer)
        .title(format!(
            "{name} is too slow: {} took {} (limit {})",
            probe.target,
            brief(probe.took),
            brief(probe.timeout)
        ))
        .evidence(commands::ask(&probe.target).map(|command| format!("try {command}")))
        .evidence([format!("its log: {}", commands::logs(name))])
        .remedy("see what keeps it busy, or give it more time: `timeout` in `ready`")
        .behind(CausedBy::Needs);
    Some(candidate)
}

/// Adds the reasons from the log to a candidate, if its cause may be elsewhere.
fn with_reasons(facts: &Facts<'_>, seen: Seen<'_>, candidate: Candidate) -> Vec<Candidate> {
    if candidate.behind == CausedBy::Itself && candidate.finding.code != Code::NotListening {
        return vec![candidate];
    }
    log::with_reasons(facts, seen, candidate)
}

fn restart(seen: Seen<'_>) -> Option<Action> {
    (!seen.spec.is_external()).then(|| Action::restart(&seen.spec.name))
}
