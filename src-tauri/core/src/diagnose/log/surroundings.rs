//! Evidence around an error: the server that responded, the connections to it, the version of the
//! runtime, the advice of the program itself.

use super::{
    super::{
        commands,
        facts::{Facts, Seen},
        holder::{Candidate, Level},
    },
    quotes,
};
use crate::{
    diagnose::evidence::{
        VersionEvidence,
        log::{Hint, LogError, LogErrorKind, Lookup},
    },
    model::finding::{Code, Described as _},
};

/// A hint belongs to an error at most this many lines before it.
const NEAR: u64 = 8;

/// Returns evidence about the server that an error is about.
pub(super) fn of_server(facts: &Facts<'_>, seen: Seen<'_>, error: &LogError) -> Vec<String> {
    match error.lookup() {
        Some(Lookup::Server) => answering(seen),
        Some(Lookup::Connections) => connections(facts, error),
        Some(Lookup::Inotify) => inotify(facts),
        Some(Lookup::Version | Lookup::Application) | None => Vec::new(),
    }
}

/// Returns the limits of inotify.
fn inotify(facts: &Facts<'_>) -> Vec<String> {
    let names = ["max_user_watches", "max_user_instances"].into_iter();
    let limits = names.zip(facts.evidence.host.inotify);
    let told = limits.filter_map(|(name, limit)| {
        let limit = limit?;
        Some(format!(
            "fs.inotify.{name} is {limit}: `sysctl fs.inotify.{name}`"
        ))
    });
    told.collect()
}

/// Describes the processes that listen on the ports of the error, with their folders and start times.
fn answering(seen: Seen<'_>) -> Vec<String> {
    let listeners = seen.is.listeners.iter();
    let told = listeners.map(|holder| {
        let port = holder.addresses.first().map(std::net::SocketAddr::port);
        let port = port.map_or_else(String::new, |port| format!("port {port} is "));
        format!("{port}{}", holder.describe())
    });
    let see = seen.is.listeners.first().and_then(|holder| {
        let port = holder.addresses.first()?.port();
        Some(format!("see {}", commands::who_listens(port)))
    });
    told.chain(see).collect()
}

/// Counts the connections of each service to the server.
fn connections(facts: &Facts<'_>, error: &LogError) -> Vec<String> {
    let servers = facts.services.iter().filter_map(|other| other.is.port);
    let servers: Vec<u16> = servers.map(crate::stack::Port::number).collect();
    let is_meant = |port: u16| {
        if error.ports.is_empty() {
            servers.contains(&port)
        } else {
            error.ports.contains(&port)
        }
    };
    let all = facts.services.iter().flat_map(|other| {
        let counts = other.is.connections.iter();
        counts.map(move |(port, count)| (other, *port, *count))
    });
    let mut all: Vec<_> = all.filter(|(_, port, _)| is_meant(*port)).collect();
    all.sort_by_key(|(.., count)| std::cmp::Reverse(*count));
    let told = all.iter().map(|(other, port, count)| {
        let plural = if *count == 1 { "" } else { "s" };
        format!(
            "{} holds {count} open connection{plural} to port {port}: `ss -tnp 'dport = :{port}'`",
            other.spec.name
        )
    });
    told.collect()
}

/// Returns the candidate for a runtime whose version differs from the required one, if that may
/// have caused the error.
pub(super) fn wrong_version(seen: Seen<'_>, error: &LogError) -> Option<Candidate> {
    let is_likely = error.lookup() == Some(Lookup::Version) || error.kind == LogErrorKind::Syntax;
    let version = seen.is.project.versions.first().filter(|_| is_likely)?;
    let VersionEvidence {
        runtime,
        runs,
        wanted,
        ..
    } = version;
    let name = &seen.spec.name;
    let files = files(version);
    let candidate = Candidate::new(name, Code::WrongRuntime, Level::Start).title(format!(
        "{name} runs on {runtime} {runs}, but {files} asks for {wanted}"
    ));
    let manager = match *runtime {
        "Node.js" => "`nvm install` and `nvm use`, `fnm use`, `mise install`",
        "Python" => "`pyenv install`, `uv python install`, `mise install`",
        _ => "`rbenv install`, `mise install`",
    };
    Some(
        candidate
            .evidence(quotes(seen, error))
            .evidence([told(seen, version)])
            .evidence([format!("its log: {}", commands::logs(name))])
            .remedy(format!(
                "use {runtime} {wanted} with your version manager ({manager}), then start \
                     {name} again"
            )),
    )
}

/// Describes the versions that differ.
pub(super) fn versions(seen: Seen<'_>) -> Vec<String> {
    let versions = seen.is.project.versions.iter();
    versions.map(|version| told(seen, version)).collect()
}

fn told(seen: Seen<'_>, version: &VersionEvidence) -> String {
    let program = match version.runtime {
        "Node.js" => "node",
        "Python" => "python3",
        _ => "ruby",
    };
    format!(
        "{} {} runs, {} asks for {}: `{program} --version` in {}",
        version.runtime,
        version.runs,
        files(version),
        version.wanted,
        seen.spec.directory.display()
    )
}

fn files(version: &VersionEvidence) -> String {
    let names = version.files.iter().filter_map(|file| {
        let name = file.file_name()?.to_string_lossy().into_owned();
        Some(match name.as_str() {
            "package.json" => "`engines` in package.json".to_owned(),
            _ => name,
        })
    });
    names.collect::<Vec<_>>().join(" and ")
}

/// Puts the advice of the program itself first. A sentence becomes evidence, a command the fix.
pub(super) fn hinted(seen: Seen<'_>, error: &LogError, candidate: Candidate) -> Candidate {
    let is_pending = matches!(error.kind, LogErrorKind::TableMissing { .. })
        || error
            .advice
            .as_ref()
            .is_some_and(|advice| advice.remedy.contains("migration"));
    let belongs = |hint: &&Hint| {
        let near = error.line.number..=error.line.number + NEAR;
        near.contains(&hint.line.number) || is_pending && hint.text.contains("migrat")
    };
    let Some(hint) = seen.is.log.hints.iter().find(belongs) else {
        return candidate;
    };
    if hint.line.number != error.line.number && !hint.is_command {
        return candidate.evidence([seen.is.quote(&hint.line)]);
    }
    by_its_own(
        &hint.text,
        &format!("log line {}", hint.line.number),
        candidate,
    )
}

/// Puts a command that the program suggests first.
pub(super) fn by_its_own(command: &str, place: &str, mut candidate: Candidate) -> Candidate {
    let remedy = &candidate.finding.remedy.text;
    if !remedy.contains(command) {
        let otherwise = if remedy.is_empty() {
            String::new()
        } else {
            format!("; or: {remedy}")
        };
        let text = format!("run `{command}`, as {place} says{otherwise}");
        candidate.finding.remedy.text = text.into();
        candidate.finding.remedy.action = None;
    }
    candidate
}
