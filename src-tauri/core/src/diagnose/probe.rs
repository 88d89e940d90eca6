//! The probes of a running service.

use super::{
    commands,
    facts::{Facts, Seen, brief},
    holder::{Candidate, CausedBy, Level},
    listen,
    log::{self, When},
    port, process, redis,
};
use crate::{
    diagnose::evidence::{ProbeAnswer, log::LogErrorForm},
    model::{
        facts::{ProbeFault, ProbeFaultKind},
        finding::{Action, Code, Described as _},
        view::PhaseName,
    },
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
        None => Vec::new(),
    }
}

/// Returns the candidate for a running process whose program has exited, as under `--reload` and
/// watchers.
fn ended_inside(facts: &Facts<'_>, seen: Seen<'_>) -> Option<Candidate> {
    let (spec, is) = (seen.spec, seen.is);
    if !is.has_unreached() || is.pid.is_none() || !is.listens.is_empty() {
        return None;
    }
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
