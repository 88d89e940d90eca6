//! The reasons for a failure that a log contains, and the services to which they lead.

pub(super) mod install;
pub(super) mod others;
mod surroundings;
mod undeclared;

use super::{
    commands, container,
    facts::{Facts, Seen, Situation, is_local},
    holder::{Candidate, Cause, CausedBy, Level},
    listen, port, process, redis,
};
use crate::{
    diagnose::evidence::{
        ServiceEvidence,
        log::{LogAdvice, LogError, LogErrorForm, LogErrorKind, Lookup, Unreachable},
    },
    knowledge,
    model::{
        facts::ProbeFaultKind,
        finding::{Action, Code, Described as _},
    },
    stack::Port,
};

/// The relevant part of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// The service exited: its last lines.
    Ended,
    /// The service runs: the lines written during its probes and checks.
    Now,
}

/// Returns the error that explains a failure. An application that logged an error once may work.
pub(super) fn error<'a>(facts: &Facts<'_>, seen: Seen<'a>, when: When) -> Option<&'a LogError> {
    /// An error message without a reason belongs to an error at most this many lines before it.
    const NEAR: u64 = 15;
    let errors = seen.is.log.errors();
    match when {
        When::Ended => {
            let mut last = errors.filter(|error| ServiceEvidence::is_last(&error.line));
            let end = last.next()?;
            let is_near = |error: &LogError| error.line.number + NEAR >= end.line.number;
            // "It has failed" comes after the reason, and a failed build after what it lacks.
            let reason = match end.kind {
                LogErrorKind::Other => last.find(|it| is_settled(it) && is_near(it)),
                LogErrorKind::Syntax => last.find(|it| it.advice.is_some() && is_near(it)),
                _ => None,
            };
            Some(reason.unwrap_or(end))
        }
        When::Now => {
            // Consequences come after their error: the first one that names something is the cause.
            let mut fresh = errors.filter(|error| facts.is_fresh(&error.line));
            let last = fresh.next()?;
            if is_settled(last) {
                return Some(last);
            }
            Some(fresh.find(|error| is_settled(error)).unwrap_or(last))
        }
    }
}

/// Returns the line of an error; of exceptions of Java and .NET, which wrap each other, the innermost.
pub(super) fn shown(error: &LogError) -> &str {
    let text = error.line.text.trim();
    let cause = error
        .cause
        .as_ref()
        .filter(|_| error.kind == LogErrorKind::Other);
    let inner = cause.and_then(|cause| {
        let cause = cause.text.trim();
        cause
            .strip_prefix("Caused by: ")
            .or_else(|| cause.strip_prefix("---> "))
    });
    inner.unwrap_or(text)
}

/// Quotes the line of an error, and its deepest cause.
pub(super) fn quotes(seen: Seen<'_>, error: &LogError) -> Vec<String> {
    let cause = error.cause.as_ref();
    let cause = cause.map(|cause| format!("caused by {}", seen.is.quote(cause)));
    [seen.is.quote(&error.line)]
        .into_iter()
        .chain(cause)
        .collect()
}

/// Quotes the other errors that were logged during its probes and checks.
pub(super) fn besides(facts: &Facts<'_>, seen: Seen<'_>, error: &LogError) -> Vec<String> {
    let others = seen.is.log.errors();
    others
        .filter(|other| *other != error && facts.is_fresh(&other.line))
        .take(2)
        .map(|other| seen.is.quote(&other.line))
        .collect()
}

/// Returns the candidate if the error alone explains the failure.
pub(super) fn conclusive(facts: &Facts<'_>, seen: Seen<'_>, error: &LogError) -> Option<Candidate> {
    let name = &seen.spec.name;
    let candidate = match &error.kind {
        LogErrorKind::ModuleMissing { .. } | LogErrorKind::ProgramMissing { .. }
            if error.advice.is_some() =>
        {
            return None;
        }
        LogErrorKind::ModuleMissing {
            ecosystem,
            name: module,
            own,
        } => install::module(facts, seen, *ecosystem, module, *own),
        LogErrorKind::ProgramMissing { name: program } => install::program(seen, program),
        LogErrorKind::AddressInUse { port } => return port::in_use(facts, seen, *port, error),
        LogErrorKind::AddressForbidden { port } => {
            let port = (*port).or(seen.is.port);
            let number = port.map_or_else(|| "its port".to_owned(), |port| format!("port {port}"));
            Candidate::new(name, Code::PortExcluded, Level::Start)
                .title(format!(
                    "{name} cannot use {number}: it is reserved by the operating system"
                ))
                .evidence([format!("see {}", commands::kept_back())])
                .remedy("choose a port above 1023 that the system does not reserve")
        }
        _ => return surroundings::wrong_version(seen, error),
    };
    Some(
        candidate
            .evidence(quotes(seen, error))
            .evidence([format!("its log: {}", commands::logs(name))]),
    )
}

/// Replaces "see its log" with the fix for the error. The advice of the program itself takes
/// precedence.
pub(super) fn advise(
    facts: &Facts<'_>,
    seen: Seen<'_>,
    error: &LogError,
    candidate: Candidate,
) -> Candidate {
    let candidate = by_kind(facts, seen, error, candidate)
        .evidence(surroundings::of_server(facts, seen, error))
        .evidence(surroundings::versions(seen));
    surroundings::hinted(seen, error, candidate)
}

fn by_kind(facts: &Facts<'_>, seen: Seen<'_>, error: &LogError, candidate: Candidate) -> Candidate {
    if let Some(advice) = &error.advice {
        let candidate = advised(seen, advice, candidate);
        let folder = seen.is.project.elsewhere.first();
        return match folder.filter(|_| advice.lookup == Some(Lookup::Application)) {
            Some(folder) => install::started_elsewhere(facts, seen, folder, candidate),
            None => candidate,
        };
    }
    let name = &seen.spec.name;
    match &error.kind {
        LogErrorKind::VariableMissing { name: variable } => {
            let text = format!("set {variable} in `env` or in an `env_file` of {name}");
            match seen.is.project.env_examples.first() {
                Some((missing, example)) => candidate
                    .remedy(format!("{text}: start from {}", example.display()))
                    .action(Action::copy(example, missing)),
                None => candidate.remedy(text),
            }
        }
        LogErrorKind::TableMissing { name: table } => candidate.remedy(format!(
            "create the table `{table}`: run the migrations of {name}"
        )),
        LogErrorKind::FileMissing { path } => candidate.remedy(format!(
            "provide {path}, or start {name} in the folder that has it (`directory`)"
        )),
        LogErrorKind::ScriptMissing { name: script } => candidate.remedy(format!(
            "add the script `{script}` to package.json, or fix `command`"
        )),
        LogErrorKind::LoginRefused => {
            candidate.remedy("fix the user or the password that it logs in with")
        }
        LogErrorKind::Syntax => {
            candidate.remedy("fix the syntax error in the file that the error names")
        }
        LogErrorKind::TooManyFiles => candidate
            .evidence(seen.is.open_files_limit.map(|limit| {
                let check = commands::limits(seen.is.pid);
                format!("a process of {name} can have {limit} files open: {check}")
            }))
            .remedy("raise the limit of open files (`ulimit -n`), then start it again"),
        LogErrorKind::DiskFull => candidate
            .evidence(seen.is.disk.as_ref().map(|(path, bytes)| {
                let path = path.display();
                format!("{} MiB are left there: `df -h {path}`", bytes >> 20)
            }))
            .remedy("free disk space, then start it again"),
        LogErrorKind::OutOfMemory => {
            candidate.remedy("make it use less memory, or close other programs")
        }
        _ => candidate,
    }
}

/// Returns the known advice for the words of the error. A restart is suggested only if it can help.
fn advised(seen: Seen<'_>, advice: &LogAdvice, mut candidate: Candidate) -> Candidate {
    let of_service = |text: &str| text.replace("{service}", seen.spec.name.as_str());
    if let Some(title) = &advice.title {
        let title = of_service(title).into();
        let shown = std::mem::replace(&mut candidate.finding.title, title);
        if candidate.symptom.text == shown {
            candidate.symptom.text.clone_from(&candidate.finding.title);
        }
        candidate.finding.evidence.insert(0, shown);
    }
    let action = candidate.finding.remedy.action.take();
    let action = action.filter(|_| advice.restart_helps);
    let own = advice.command.clone().map(|command| Action::Run {
        service: seen.spec.name.clone(),
        command,
        directory: seen.spec.directory.clone(),
    });
    let action = own.or(action);
    candidate.remedy(of_service(&advice.remedy)).action(action)
}

/// Returns whether the body of a rejection contains a known reason, and the candidate with that
/// reason added. Such a rejection is not a missing login. For a failure, the log is more
/// informative.
pub(super) fn by_body(
    seen: Seen<'_>,
    kind: &ProbeFaultKind,
    candidate: Candidate,
) -> (bool, Candidate) {
    let ProbeFaultKind::Status { status, body } = kind else {
        return (false, candidate);
    };
    let advice = knowledge::known(body).filter(|_| *status < 500);
    let hint = body.lines().find_map(|line| {
        let found = knowledge::hint(line)?;
        found.group("command").map(str::to_owned)
    });
    let candidate = match hint {
        Some(command) => surroundings::by_its_own(&command, "the response body", candidate),
        None => candidate,
    };
    match advice {
        Some(advice) => (true, no_login(advised(seen, &advice, candidate))),
        None => (false, candidate),
    }
}

/// Returns the same rejection with another reason than a missing login.
pub(super) fn no_login(mut candidate: Candidate) -> Candidate {
    if candidate.finding.code == Code::AuthRequired {
        candidate.finding.code = Code::HttpStatus;
        candidate.symptom.code = Code::HttpStatus;
    }
    candidate
}

/// Adds the error of the log and the healthy dependencies to a candidate. Returns it after the
/// candidates that result from the log.
pub(super) fn with_reasons(
    facts: &Facts<'_>,
    seen: Seen<'_>,
    mut candidate: Candidate,
) -> Vec<Candidate> {
    let (behind, mut candidates) = behind(facts, seen, When::Now);
    if let Some(error) = error(facts, seen, When::Now) {
        candidate = candidate
            .evidence(quotes(seen, error))
            .evidence(besides(facts, seen, error));
        candidate = advise(facts, seen, error, candidate);
    }
    let needs = seen
        .spec
        .needs
        .keys()
        .filter_map(|need| facts.service(need));
    let well = needs.filter(|need| need.is.is_well()).filter_map(|need| {
        let probe = need.is.probes.iter().find(|probe| probe.tells)?;
        let name = &need.spec.name;
        Some(format!("{name} is healthy: {} passes", probe.target))
    });
    candidates.push(candidate.evidence(well).behind(behind));
    candidates
}

/// Returns the possible causes of a failure according to the log, and the candidates that result
/// from it: an address without a service in the stack, a service that was not started.
pub(super) fn behind(facts: &Facts<'_>, seen: Seen<'_>, when: When) -> (CausedBy, Vec<Candidate>) {
    let error = error(facts, seen, when);
    let mut causes = Vec::new();
    let mut candidates = Vec::new();
    if let Some(error) = error {
        candidates.extend(redis::refusal(facts, seen, error));
        causes.extend(mentioned(facts, seen, error));
    }
    if causes.is_empty() && error.is_some_and(is_its_own) {
        return (CausedBy::Itself, candidates);
    }
    let own_cause = |code| Cause::of(&seen.spec.name, code);
    if when == When::Now {
        if let Some(inside) = others::ended_inside(facts, seen) {
            candidates.push(inside);
            let behind = CausedBy::one(&seen.spec.name, Code::StartupError);
            return (behind, candidates);
        }
        for (cause, candidate) in others::reported(facts, seen) {
            causes.push(cause);
            candidates.push(candidate);
        }
        if let Some(candidate) = others::no_worker(facts, seen).filter(|_| causes.is_empty()) {
            candidates.push(candidate);
            causes.push(own_cause(Code::NoWorker));
        }
    }
    let unreached = seen.is.log.unreachable.iter().filter(|address| {
        // The last failed attempt counts as long as no process listens there.
        let is_fresh = when == When::Now && facts.is_fresh(&address.line);
        is_fresh || ServiceEvidence::is_last(&address.line)
    });
    let mut addresses: Vec<_> = unreached.cloned().collect();
    if addresses.is_empty() {
        let hosts = error.map(|error| others::unknown_hosts(facts, seen, error));
        addresses.extend(hosts.into_iter().flatten());
    }
    for address in &addresses {
        let port = address.port.map(Port::number);
        let owner = port.and_then(|port| facts.owner(&address.host, port));
        match (owner, port) {
            (Some(owner), _) if owner.spec.name == seen.spec.name => {}
            _ if seen.spec.container.is_some() && is_local(&address.host) => {
                candidates.push(container::own_localhost(seen, owner, address));
                causes.push(own_cause(Code::WrongAddress));
            }
            (Some(owner), port) => {
                candidates.extend(asked_elsewhere(seen, owner, address, port));
                candidates.extend(asked_in_vain(facts, seen, owner, address));
                causes.push(Cause::any(&owner.spec.name));
            }
            (None, Some(port)) if is_local(&address.host) && facts.is_open(&address.host, port) => {
                candidates.extend(by_proxy(seen, address));
            }
            (None, _) => {
                candidates.push(undeclared::dependency(facts, seen, address));
                causes.push(own_cause(Code::UndeclaredDependency));
            }
        }
    }
    // Some clients do not name the address that they could not reach.
    let is_nameless = error.is_some_and(|error| error.kind == LogErrorKind::Unreachable);
    if causes.is_empty() && (when == When::Now || is_nameless) {
        for points in others::closed(facts, seen) {
            let (host, port) = points.target.as_ref().map_or(("", 0), |(h, p)| (h, *p));
            match facts.owner(host, port) {
                Some(owner) if owner.spec.name == seen.spec.name => {}
                Some(owner) => causes.push(Cause::any(&owner.spec.name)),
                None => {
                    candidates.extend(others::unlistened(facts, seen, points));
                    causes.push(own_cause(Code::UndeclaredDependency));
                }
            }
        }
    }
    if causes.is_empty() {
        (CausedBy::Needs, candidates)
    } else {
        (CausedBy::Named(causes), candidates)
    }
}

/// Returns the dependencies to which an error refers: by name, by port, or in the words of Redis.
fn mentioned(facts: &Facts<'_>, seen: Seen<'_>, error: &LogError) -> Vec<Cause> {
    if is_settled(error) {
        return Vec::new();
    }
    let text = error.words();
    let is_of_redis = redis::speaks_of_it(&text);
    let mut named: Vec<usize> = facts.all_needs(&seen.spec.name);
    named.retain(|&need| {
        let other = facts.services[need];
        let name = other.spec.name.as_str().to_ascii_lowercase();
        let port = other.is.port.map(|port| port.to_string());
        has_word(&text, &name) || port.is_some_and(|port| has_word(&text, &port))
    });
    if is_of_redis {
        let all = facts.services.iter().enumerate();
        let others = all.filter(|(_, other)| other.spec.name != seen.spec.name);
        named.extend(
            others
                .filter(|(_, other)| redis::is_one(**other))
                .map(|(place, _)| place),
        );
    }
    named.sort_unstable();
    named.dedup();
    let services = named.iter().map(|&place| facts.services[place]);
    services.map(|other| Cause::any(&other.spec.name)).collect()
}

/// Returns whether a text contains a whole word.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    text.match_indices(word).any(|(at, _)| {
        !is_part(text[..at].chars().next_back()) && !is_part(text[at + word.len()..].chars().next())
    })
}

/// Returns whether no other service can be the cause: an exception of the program itself.
pub(super) fn is_its_own(error: &LogError) -> bool {
    /// The words of exceptions about a server that does not respond.
    const OF_OTHERS: [&str; 13] = [
        "failed to connect",
        "unable to connect",
        "could not connect",
        "cannot connect",
        "can't connect",
        "connection refused",
        "timed out",
        "timeout",
        "etimedout",
        "econnreset",
        "socket hang up",
        "connection closed",
        "broken pipe",
    ];
    if is_settled(error) || error.kind == LogErrorKind::LoginRefused {
        return true;
    }
    let text = error.line.text.to_ascii_lowercase();
    error.form != LogErrorForm::Line
        && !matches!(
            error.kind,
            LogErrorKind::Unreachable | LogErrorKind::PortMoved { .. }
        )
        && !OF_OTHERS.iter().any(|words| text.contains(words))
}

/// Returns whether the error explains itself, in any form and words.
fn is_settled(error: &LogError) -> bool {
    match error.kind {
        LogErrorKind::AddressInUse { .. }
        | LogErrorKind::AddressForbidden { .. }
        | LogErrorKind::ModuleMissing { .. }
        | LogErrorKind::ProgramMissing { .. }
        | LogErrorKind::ScriptMissing { .. }
        | LogErrorKind::FileMissing { .. }
        | LogErrorKind::VariableMissing { .. }
        | LogErrorKind::TableMissing { .. }
        | LogErrorKind::TooManyFiles
        | LogErrorKind::Syntax => true,
        LogErrorKind::Known => {
            let advice = error.advice.as_ref();
            advice.is_some_and(|advice| !advice.of_another)
        }
        LogErrorKind::LoginRefused
        | LogErrorKind::OutOfMemory
        | LogErrorKind::DiskFull
        | LogErrorKind::PortMoved { .. }
        | LogErrorKind::Unreachable
        | LogErrorKind::Other => false,
    }
}

/// Returns the candidate for a requested service of the stack that was not started.
fn asked_in_vain(
    facts: &Facts<'_>,
    requester: Seen<'_>,
    owner: Seen<'_>,
    address: &Unreachable,
) -> Option<Candidate> {
    let is_off = facts.situation(owner) == Situation::Off && !owner.is.answers();
    is_off.then(|| {
        process::not_running(facts, owner)
            .same_as("not running")
            .evidence([format!(
                "{} asks for it: {}",
                requester.spec.name,
                requester.is.quote(&address.line)
            )])
    })
}

/// Returns the candidate for a requested service that listens on another address.
fn asked_elsewhere(
    requester: Seen<'_>,
    owner: Seen<'_>,
    address: &Unreachable,
    port: Option<u16>,
) -> Option<Candidate> {
    let candidate = listen::elsewhere(owner, &address.host, port?)?;
    let reached = listen::reached_at(owner, port?)?;
    let name = &requester.spec.name;
    let place = if others::command(requester).contains("vite") {
        " (`server.proxy` in its Vite configuration)"
    } else {
        ""
    };
    Some(
        candidate
            .evidence([format!(
                "{name} requests it: {}",
                requester.is.quote(&address.line)
            )])
            .remedy(format!(
                "let {name} request {reached}, where {} listens{place}",
                owner.spec.name
            )),
    )
}

/// Returns the candidate for an address that is open but could not be reached: requests to this
/// machine may be sent to a proxy.
fn by_proxy(seen: Seen<'_>, address: &Unreachable) -> Option<Candidate> {
    let variable = seen.is.project.proxy.as_ref()?;
    let name = &seen.spec.name;
    Some(
        Candidate::new(name, Code::WrongAddress, Level::Answer)
            .title(format!(
                "{name} sends requests for {address} to a proxy ({variable})"
            ))
            .same_as(variable.clone())
            .evidence([
                seen.is.quote(&address.line),
                format!("`printenv {variable} NO_PROXY`: NO_PROXY does not name localhost"),
            ])
            .remedy(format!(
                "set `NO_PROXY = \"localhost,127.0.0.1,::1\"` in `env` of {name}"
            )),
    )
}
