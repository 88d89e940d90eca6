//! Causes outside of the error itself: a failed program inside of the service, an error in the log
//! of another service, tasks without a worker, an address in a variable.

use super::{
    super::{
        commands,
        facts::{Facts, Seen, Situation, is_local},
        holder::{Candidate, Cause, Level},
        well_known,
    },
    advise, is_settled, quotes, shown, undeclared,
};
use crate::{
    diagnose::evidence::{
        PointsAt, WORKERS,
        log::{LogError, LogErrorKind, Unreachable, UnreachableWhy},
    },
    model::finding::{Code, Described as _},
    stack::{Command, Template},
};

/// Returns the candidate for a program inside of the service that has failed.
pub(in super::super) fn ended_inside(facts: &Facts<'_>, seen: Seen<'_>) -> Option<Candidate> {
    let ended = seen.is.log.ended.last()?;
    let name = &seen.spec.name;
    let program = match &ended.name {
        Some(program) => format!("`{program}`, a program of {name},"),
        None => format!("the program inside of {name}"),
    };
    let error = ended.error.as_deref();
    let why = error.map_or_else(String::new, |error| format!(": {}", shown(error)));
    let mut candidate = Candidate::new(name, Code::StartupError, Level::End)
        .title(format!("{program} has exited{why}"))
        .same_as("inside")
        .remedy(format!(
            "fix the error, then restart {name}: `pilotlight restart {name}` (its log: {})",
            commands::logs(name)
        ));
    if let Some(error) = error {
        candidate = candidate.evidence(quotes(seen, error));
        candidate = advise(facts, seen, error, candidate);
    }
    Some(
        candidate
            .evidence([seen.is.quote(&ended.line)])
            .evidence([format!("its log: {}", commands::logs(name))]),
    )
}

/// Returns the candidates for errors that its dependencies log while it fails.
pub(super) fn reported(facts: &Facts<'_>, seen: Seen<'_>) -> Vec<(Cause, Candidate)> {
    let needs = facts.all_needs(&seen.spec.name).into_iter();
    let needs = needs.map(|need| facts.services[need]);
    let told = needs.filter_map(|need| {
        if facts.situation(need) != Situation::Up {
            return None;
        }
        let error = need.is.log.errors().find(|error| {
            facts.is_fresh(&error.line) && error.kind == LogErrorKind::Known && is_settled(error)
        })?;
        let name = &need.spec.name;
        let candidate = Candidate::new(name, Code::ReportedError, Level::Answer)
            .title(format!("{name} reports: {}", shown(error)))
            .same_as(shown(error))
            .evidence(quotes(need, error))
            .evidence([format!("its log: {}", commands::logs(name))])
            .remedy(format!("see its log: {}", commands::logs(name)));
        let cause = Cause::of(name, Code::ReportedError);
        Some((cause, advise(facts, need, error, candidate)))
    });
    told.collect()
}

/// Returns the candidate for tasks that wait in a queue while no service of the stack is a worker.
pub(super) fn no_worker(facts: &Facts<'_>, seen: Seen<'_>) -> Option<Candidate> {
    let needs = facts.all_needs(&seen.spec.name).into_iter();
    let mut needs = needs.map(|need| facts.services[need]);
    let store = needs.find(|need| !need.is.queues.is_empty())?;
    let (queue, tasks) = store.is.queues.first()?;
    let (.., word, start) = WORKERS.into_iter().find(|(known, ..)| known == queue)?;
    let is_worker = |other: &Seen<'_>| {
        let text = command(*other);
        facts.situation(*other) == Situation::Up && text.contains(word)
    };
    if facts.services.iter().any(is_worker) {
        return None;
    }
    let (name, store) = (&seen.spec.name, &store.spec.name);
    let wait = if *tasks == 1 {
        "task waits"
    } else {
        "tasks wait"
    };
    Some(
        Candidate::new(name, Code::NoWorker, Level::Answer)
            .title(format!(
                "no worker runs the tasks of {name}: {tasks} {wait} in the queue `{queue}` of \
                 {store}"
            ))
            .same_as(queue.clone())
            .evidence([
                format!("the queue: `redis-cli llen {queue}`"),
                "no service of the stack has a worker's command".to_owned(),
            ])
            .remedy(format!(
                "start a worker (`{start}`), and add it to the stack file as a service"
            )),
    )
}

/// Returns the addresses in its variables on which no process listens, if they are those of servers
/// that it needs.
pub(super) fn closed<'a>(
    facts: &'a Facts<'_>,
    seen: Seen<'a>,
) -> impl Iterator<Item = &'a PointsAt> {
    const SERVERS: [&str; 3] = ["API", "BACKEND", "SERVICE"];
    seen.is.points_at.iter().filter(|it| {
        let scheme = it.scheme.as_deref().unwrap_or_default();
        let is_web = matches!(scheme, "http" | "https" | "ws" | "wss")
            || scheme.is_empty() && !it.variable.ends_with("HOST");
        let is_server = SERVERS.iter().any(|word| it.variable.contains(word));
        let is_closed = it
            .target
            .as_ref()
            .is_some_and(|(host, port)| is_local(host) && !facts.is_open(host, *port));
        is_closed && (!is_web || is_server)
    })
}

/// Returns the candidate for such an address.
pub(super) fn unlistened(facts: &Facts<'_>, seen: Seen<'_>, it: &PointsAt) -> Option<Candidate> {
    let (host, port) = it.target.as_ref()?;
    let place = it
        .place
        .as_ref()
        .map_or_else(|| "its environment".to_owned(), ToString::to_string);
    let scheme = it.scheme.as_deref().unwrap_or_default();
    Some(undeclared::address(
        facts,
        seen,
        &undeclared::Asked {
            host,
            port: Some(*port),
            why: UnreachableWhy::Refused,
            evidence: format!("{} leads to {host}:{port} ({place})", it.variable),
            known: well_known::of(*port).or_else(|| well_known::speaking(scheme)),
        },
    ))
}

/// Returns the hosts that an "unknown host" error may mean: names of services in the command or in
/// an address of a variable.
pub(super) fn unknown_hosts(
    facts: &Facts<'_>,
    seen: Seen<'_>,
    error: &LogError,
) -> Vec<Unreachable> {
    const WORDS: [&str; 5] = [
        "name or service not known",
        "name resolution",
        "nodename nor servname",
        "getaddrinfo",
        "gaierror",
    ];
    let text = error.words();
    if !WORDS.iter().any(|words| text.contains(words)) {
        return Vec::new();
    }
    let command = command(seen);
    let hosts = seen.is.points_at.iter().filter_map(|it| it.target.as_ref());
    let hosts: Vec<&str> = hosts.map(|(host, _)| host.as_str()).collect();
    let is_asked = |name: &str| {
        hosts.contains(&name)
            || command.match_indices(name).any(|(at, _)| {
                let before = command[..at].chars().next_back();
                let after = command[at + name.len()..].chars().next();
                before.is_some_and(|c| "/@'\"=,".contains(c))
                    && after.is_none_or(|c| ":/'\",; ".contains(c))
            })
    };
    let others = facts.services.iter().map(|other| &other.spec.name);
    let others = others.filter(|other| **other != seen.spec.name && is_asked(other.as_str()));
    others
        .map(|host| Unreachable {
            host: host.to_string(),
            port: None,
            why: UnreachableWhy::UnknownHost,
            line: error.line.clone(),
            times: 1,
        })
        .collect()
}

/// Returns the command of a service as one text.
pub(in super::super) fn command(seen: Seen<'_>) -> String {
    match &seen.spec.command {
        None => String::new(),
        Some(Command::Shell(line)) => line.to_string(),
        Some(Command::Argv(words)) => {
            let words: Vec<String> = words.iter().map(Template::to_string).collect();
            words.join(" ")
        }
    }
}
