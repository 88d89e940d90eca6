//! Redis and other servers that respond but reject their clients: the reason and the fix.

use super::{
    commands,
    facts::{Facts, Seen},
    holder::{Candidate, CausedBy, Level},
    log::others::command,
    port,
};
use crate::{
    diagnose::evidence::log::LogError,
    knowledge,
    model::{
        facts::{ProbeFaultKind, Refusal},
        finding::{Code, Described as _},
    },
    stack::{Probe, Protocol},
};

/// The words in errors of Redis and its clients, and their codes.
const WORDS: [(&str, Code); 12] = [
    ("noauth", Code::RedisAuth),
    ("wrongpass", Code::RedisAuth),
    ("redis.exceptions.authenticationerror", Code::RedisAuth),
    ("readonly you can't write", Code::RedisReadOnly),
    ("read only replica", Code::RedisReadOnly),
    ("redis.exceptions.readonlyerror", Code::RedisReadOnly),
    ("misconf", Code::RedisWriteBlocked),
    ("oom command not allowed", Code::RedisOutOfMemory),
    ("used memory > 'maxmemory'", Code::RedisOutOfMemory),
    ("redis.exceptions.outofmemoryerror", Code::RedisOutOfMemory),
    ("redis is loading the dataset", Code::RedisLoading),
    ("busyloadingerror", Code::RedisLoading),
];

/// Returns whether a service is a Redis, by its probes.
pub(super) fn is_one(seen: Seen<'_>) -> bool {
    let mut probes = seen.spec.ready.probes.iter();
    let command = command(seen);
    probes.any(|probe| matches!(probe, Probe::Redis(_)))
        || ["redis-server", "valkey-server"]
            .iter()
            .any(|server| command.contains(server))
}

/// Returns whether a text in lower case is about a Redis.
pub(super) fn speaks_of_it(text: &str) -> bool {
    text.contains("redis") || WORDS.iter().any(|(words, _)| text.contains(words))
}

/// Returns the candidate for an error of the stack's Redis in the log of another service. `PING`
/// passes while writes fail, which is harmless as long as no service writes.
pub(super) fn refusal(
    facts: &Facts<'_>,
    requester: Seen<'_>,
    error: &LogError,
) -> Option<Candidate> {
    let text = error.words();
    let (_, code) = WORDS.iter().find(|(words, _)| text.contains(words))?;
    let mut candidates = facts.services.iter().filter(|other| is_one(**other));
    let (Some(redis), None) = (candidates.next(), candidates.next()) else {
        return None;
    };
    let candidate = Candidate::new(&redis.spec.name, *code, Level::Answer).evidence([format!(
        "{} gets that error: {}",
        requester.spec.name,
        requester.is.quote(&error.line)
    )]);
    let refused = ProbeFaultKind::Redis {
        code: String::new(),
        message: error.line.text.clone(),
    };
    Some(explain(*redis, &refused, candidate))
}

/// Sets title and fix of a candidate for an error of Redis or another server. Leaves others
/// unchanged.
pub(super) fn explain(seen: Seen<'_>, kind: &ProbeFaultKind, candidate: Candidate) -> Candidate {
    if let ProbeFaultKind::Server {
        protocol,
        refusal,
        message,
    } = kind
    {
        return server(seen, (*protocol, *refusal, message), candidate);
    }
    let name = &seen.spec.name;
    let asked = match seen.is.port {
        Some(port) => format!("redis-cli -p {port}"),
        None => "redis-cli".to_owned(),
    };
    let (title, remedy, check) = match candidate.finding.code {
        Code::RedisAuth => {
            let why = match kind {
                ProbeFaultKind::Redis { code, .. } if code == "WRONGPASS" => {
                    "the password is wrong"
                }
                ProbeFaultKind::Redis { code, .. } if code == "NOPERM" => {
                    "the user lacks permission"
                }
                _ => "a password is required, but none was sent",
            };
            (
                format!("{name} rejects the login: {why}"),
                "put the right password into the URL, between `redis://:` and `@`, or remove \
                 `requirepass` from its settings"
                    .to_owned(),
                format!("`{asked} ping`"),
            )
        }
        Code::RedisLoading => (
            format!("{name} is still loading its data from disk"),
            "wait; it answers once it has loaded everything".to_owned(),
            format!("`{asked} info persistence` (loading_eta_seconds)"),
        ),
        Code::RedisReadOnly => (
            format!("{name} rejects writes: it is a replica of another Redis"),
            format!("write to its primary, or make it the primary: `{asked} replicaof no one`"),
            format!("`{asked} info replication`"),
        ),
        Code::RedisWriteBlocked => (
            format!("{name} rejects writes: it cannot save its data to disk"),
            format!(
                "free disk space, or fix the permissions of its folder (`{asked} config get dir`); if its \
                 data may be lost: `{asked} config set stop-writes-on-bgsave-error no`"
            ),
            format!("`{asked} info persistence` (rdb_last_bgsave_status)"),
        ),
        Code::RedisOutOfMemory => (
            format!("{name} rejects writes: it has reached its memory limit"),
            format!(
                "raise `maxmemory`, or let it evict old keys: `{asked} config set maxmemory-policy \
                 allkeys-lru`"
            ),
            format!("`{asked} info memory` (used_memory, maxmemory)"),
        ),
        Code::NotRedis => {
            let (title, remedy) = another(seen, "Redis");
            (title, remedy, format!("`{asked} ping`"))
        }
        _ => return candidate,
    };
    let candidate = candidate.evidence([format!("checked with {check}")]);
    refuses(seen, title, remedy, candidate)
}

/// Completes the candidate for a server of the stack that rejects its clients.
fn refuses(seen: Seen<'_>, title: String, remedy: String, candidate: Candidate) -> Candidate {
    candidate
        .evidence(seen.is.holders.first().map(port::held))
        .title(title)
        .remedy(remedy)
        .same_as("refusal")
        .behind(CausedBy::Itself)
        .breaks(true)
}

/// Sets title and fix for another type of server that rejects a client.
fn server(
    seen: Seen<'_>,
    (protocol, refusal, message): (Protocol, Refusal, &str),
    candidate: Candidate,
) -> Candidate {
    let name = &seen.spec.name;
    let logs = || format!("see its log ({})", commands::logs(name));
    let (title, remedy) = match refusal {
        Refusal::Starting => (
            format!("{name} is still starting: {message}"),
            format!("wait; or {}", logs()),
        ),
        Refusal::Login => (
            format!("{name} rejects the login: {message}"),
            "put the right user and password into the address in `ready`".to_owned(),
        ),
        Refusal::NotIt => another(seen, protocol.title()),
        Refusal::Other => (
            format!("{name} refuses connections: {message}"),
            match knowledge::known(message) {
                Some(advice) => advice.remedy.replace("{service}", name.as_str()),
                None => logs(),
            },
        ),
    };
    refuses(seen, title, remedy, candidate)
}

/// Returns title and fix if the server on the port of a service is of another type.
fn another(seen: Seen<'_>, meant: &str) -> (String, String) {
    let name = &seen.spec.name;
    let holder = seen.is.holders.first();
    let holder = holder.map_or_else(String::new, |holder| format!(": it is {holder}"));
    (
        format!("the process on {name}'s port is not {meant}{holder}"),
        format!("stop it, or give {name} another port"),
    )
}
