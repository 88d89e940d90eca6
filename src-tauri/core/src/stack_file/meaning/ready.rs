//! Validates readiness probes, in their long and short forms.

use std::time::Duration;

use crate::{
    stack::{Probe, Protocol, Readiness, ServiceName},
    stack_file::{
        findings::{Read, all},
        forms::TextOr,
        near::{nearest, shown},
        problem::ProblemKind,
        reader::{At, Whole},
        tables::{ReadyTable, ServiceTable},
        units::Time,
    },
};

use super::{Meaning, address, is_contained, is_external, named_ports, text::Scope};

const EVERY: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(2);
const FAILURES: u32 = 3;

/// The kinds of the short form `"kind: value"`.
const KINDS: [&str; 13] = [
    "tcp",
    "http",
    "redis",
    "postgres",
    "mysql",
    "mongodb",
    "rabbitmq",
    "kafka",
    "grpc",
    "websocket",
    "command",
    "log",
    "process",
];

impl Meaning<'_, '_> {
    pub(super) fn readiness(
        &mut self,
        name: &ServiceName,
        table: &ServiceTable,
    ) -> Read<Readiness> {
        let external = is_external(table);
        let scope = Scope::of(name);
        let full = match table.ready.as_ref().map(|ready| &ready.value) {
            None => return Ok(usually(self.default_probe(table, scope)?)),
            Some(TextOr::Text(short)) => {
                return Ok(usually(self.short_probe(short, external, scope)?));
            }
            Some(TextOr::Full(full)) => full,
        };
        let mut probes = self.probes(full, external, scope);
        if probes.is_empty() {
            probes.push(self.default_probe(table, scope));
        }
        let every = self.positive(full.every.as_ref(), EVERY);
        let timeout = self.positive(full.timeout.as_ref(), TIMEOUT);
        Ok(Readiness {
            probes: all(probes.into_iter())?,
            every: every?,
            timeout: timeout?,
            failures: full.failures.map_or(FAILURES, |Whole(failures)| failures),
        })
    }

    /// Returns the default probe: its container, its port, or the process without one.
    fn default_probe(&mut self, table: &ServiceTable, scope: Scope<'_>) -> Read<Probe> {
        let first = named_ports(table).first().map(|(_, port)| port);
        match table.port.as_ref().or(first) {
            _ if is_contained(table) => Ok(Probe::Container),
            Some(port) => {
                let own = At::new("localhost:{port}".to_owned(), port.span.clone());
                self.host_and_port(&own, scope).map(Probe::Tcp)
            }
            None => Ok(Probe::Process),
        }
    }

    fn probes(&mut self, ready: &ReadyTable, external: bool, scope: Scope<'_>) -> Vec<Read<Probe>> {
        let mut probes = Vec::new();
        if let Some(tcp) = &ready.tcp {
            probes.push(self.host_and_port(tcp, scope).map(Probe::Tcp));
        }
        if let Some(http) = &ready.http {
            let request = self.http(http, scope).map(Box::new);
            probes.push(request.map(Probe::Http));
        }
        if let Some(redis) = &ready.redis {
            probes.push(self.url(address::REDIS, redis, scope).map(Probe::Redis));
        }
        let servers = [
            &ready.postgres,
            &ready.mysql,
            &ready.mongodb,
            &ready.rabbitmq,
            &ready.kafka,
            &ready.grpc,
        ];
        for (protocol, url) in Protocol::ALL.into_iter().zip(servers) {
            probes.extend(url.as_ref().map(|url| self.server(protocol, url, scope)));
        }
        if let Some(websocket) = &ready.websocket {
            let url = self.url(address::WEBSOCKET, websocket, scope);
            probes.push(url.map(Probe::WebSocket));
        }
        if let Some(command) = &ready.command {
            probes.push(self.command(command, scope).map(Probe::Command));
        }
        if let Some(log) = &ready.log {
            probes.push(self.log_probe(log, external));
        }
        if let Some(process) = ready.process.as_ref().filter(|process| process.value) {
            probes.push(self.process_probe(process, external));
        }
        probes
    }

    /// Parses `"tcp"`, `"http: /health"`, `"log: listening on"`, or an address.
    fn short_probe(&mut self, short: &At<String>, external: bool, scope: Scope<'_>) -> Read<Probe> {
        let text = short.value.trim();
        let (kind, value) = match text.split_once(':') {
            Some(("http" | "https", rest)) if rest.starts_with("//") => ("http", text),
            Some(("redis", rest)) if rest.starts_with("//") => ("redis", text),
            Some(("ws" | "wss", rest)) if rest.starts_with("//") => ("websocket", text),
            Some((scheme, rest)) if rest.starts_with("//") => match of_scheme(scheme) {
                Some(protocol) => (protocol.key(), text),
                None => (scheme, rest),
            },
            Some((kind, value)) => (kind.trim_end(), value.trim_start()),
            None => (text, ""),
        };
        let or_own = |own: &str| {
            let value = if value.is_empty() { own } else { value };
            At::new(value.to_owned(), short.span.clone())
        };
        match kind {
            "tcp" => {
                let address = or_own("localhost:{port}");
                self.host_and_port(&address, scope).map(Probe::Tcp)
            }
            "http" => {
                let request = self.http(&TextOr::Text(or_own("/")), scope)?;
                Ok(Probe::Http(Box::new(request)))
            }
            "redis" => {
                let url = or_own("redis://localhost:{port}");
                self.url(address::REDIS, &url, scope).map(Probe::Redis)
            }
            kind if of_key(kind).is_some() => {
                let protocol = of_key(kind).unwrap_or(Protocol::Postgres);
                let own = format!("{}://localhost:{{port}}", protocol.schemes()[0]);
                self.server(protocol, &or_own(&own), scope)
            }
            "websocket" => {
                let url = self.url(address::WEBSOCKET, &or_own("/"), scope);
                url.map(Probe::WebSocket)
            }
            "command" => {
                let line = or_own("");
                let form = At::new(TextOr::Text(line), short.span.clone());
                self.command(&form, scope).map(Probe::Command)
            }
            "log" => self.log_probe(&or_own(""), external),
            "process" if value.is_empty() => {
                self.process_probe(&At::new(true, short.span.clone()), external)
            }
            other => {
                let unknown = ProblemKind::UnknownValue {
                    value: shown(other),
                    suggestion: nearest(other, KINDS),
                    known: KINDS.to_vec(),
                };
                Err(self.problems.add(short.span.clone(), unknown))
            }
        }
    }

    fn server(&mut self, protocol: Protocol, url: &At<String>, scope: Scope<'_>) -> Read<Probe> {
        let url = self.url(address::server(protocol), url, scope);
        url.map(|url| Probe::Server(protocol, url))
    }

    fn log_probe(&mut self, pattern: &At<String>, external: bool) -> Read<Probe> {
        if external {
            return self.not_for_external(pattern, "log");
        }
        self.regex(pattern).map(Probe::Log)
    }

    /// Validates a regular expression.
    pub(super) fn regex(&mut self, pattern: &At<String>) -> Read<String> {
        if pattern.value.is_empty() {
            let empty = ProblemKind::Empty("a regular expression");
            return Err(self.problems.add(pattern.span.clone(), empty));
        }
        if let Err(error) = regex::Regex::new(&pattern.value) {
            let bad_regex = ProblemKind::BadRegex(last_line(&error.to_string()));
            return Err(self.problems.add(pattern.span.clone(), bad_regex));
        }
        Ok(pattern.value.clone())
    }

    fn process_probe(&mut self, process: &At<bool>, external: bool) -> Read<Probe> {
        if external {
            return self.not_for_external(process, "process");
        }
        Ok(Probe::Process)
    }

    fn not_for_external<T>(&mut self, value: &At<T>, key: &'static str) -> Read<Probe> {
        let reason = "the processes of an external service are unknown";
        let no_effect = ProblemKind::NoEffect { key, reason };
        Err(self.problems.add(value.span.clone(), no_effect))
    }

    /// Validates that a duration is not zero.
    pub(super) fn positive(
        &mut self,
        time: Option<&At<Time>>,
        default: Duration,
    ) -> Read<Duration> {
        let Some(time) = time else {
            return Ok(default);
        };
        if time.value.0.is_zero() {
            let bad_duration = ProblemKind::BadDuration {
                value: "0".to_owned(),
                reason: "it must not be zero",
            };
            return Err(self.problems.add(time.span.clone(), bad_duration));
        }
        Ok(time.value.0)
    }
}

fn of_key(key: &str) -> Option<Protocol> {
    let mut all = Protocol::ALL.into_iter();
    all.find(|protocol| protocol.key() == key)
}

fn of_scheme(scheme: &str) -> Option<Protocol> {
    let mut all = Protocol::ALL.into_iter();
    all.find(|protocol| protocol.schemes().contains(&scheme))
}

/// Returns a probe with the default timing.
fn usually(probe: Probe) -> Readiness {
    Readiness {
        probes: vec![probe],
        every: EVERY,
        timeout: TIMEOUT,
        failures: FAILURES,
    }
}

/// Returns the last line of an error of the regex crate, after the pattern.
fn last_line(error: &str) -> String {
    let line = error.lines().last().unwrap_or_default();
    shown(line.strip_prefix("error: ").unwrap_or(line))
}
