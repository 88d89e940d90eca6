//! Validates readiness probes, in their long and short forms.

use std::time::Duration;

use crate::{
    stack::{Probe, Protocol, Readiness, ServiceName},
    stack_file::{
        findings::{Read, all},
        forms::TextOr,
        near::shown,
        problem::ProblemKind,
        reader::{At, Table as _, Whole},
        tables::{HttpTable, ReadyTable, ServiceTable},
        units::Time,
    },
};

use super::{Meaning, address, is_contained, is_external, named_ports, text::Scope};

const EVERY: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(2);
const FAILURES: u32 = 3;

impl Meaning<'_, '_> {
    pub(super) fn readiness(
        &mut self,
        name: &ServiceName,
        table: &ServiceTable,
    ) -> Read<Readiness> {
        let external = is_external(table);
        let scope = Scope::of(name);
        let full = match &table.ready {
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
        let every = self.positive_or(full.every.as_ref(), EVERY);
        let timeout = self.positive_or(full.timeout.as_ref(), TIMEOUT);
        Ok(Readiness {
            probes: all(probes.into_iter())?,
            every: every?,
            timeout: timeout?,
            failures: full.failures.map_or(FAILURES, |Whole(failures)| failures),
        })
    }

    /// Returns the default probe: the container, the port, or, without one, the process.
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
            probes.push(self.probe("tcp", tcp, external, scope));
        }
        if let Some(http) = &ready.http {
            probes.push(self.http_probe(http, scope));
        }
        for (kind, address) in [
            ("redis", &ready.redis),
            ("postgres", &ready.postgres),
            ("mysql", &ready.mysql),
            ("mongodb", &ready.mongodb),
            ("rabbitmq", &ready.rabbitmq),
            ("kafka", &ready.kafka),
            ("grpc", &ready.grpc),
            ("websocket", &ready.websocket),
        ] {
            let address = address.as_ref();
            probes.extend(address.map(|address| self.probe(kind, address, external, scope)));
        }
        if let Some(command) = &ready.command {
            probes.push(self.command(command, scope).map(Probe::Command));
        }
        if let Some(log) = &ready.log {
            probes.push(self.probe("log", log, external, scope));
        }
        if let (Some(true), Some(span)) = (ready.process, ready.span("process")) {
            let nothing = At::new(String::new(), span.clone());
            probes.push(self.probe("process", &nothing, external, scope));
        }
        probes
    }

    /// Parses the short form: `"tcp"`, `"http: /health"`, `"log: listening on"`, or an address.
    fn short_probe(&mut self, short: &At<String>, external: bool, scope: Scope<'_>) -> Read<Probe> {
        let text = short.value.trim();
        let (kind, value) = match text.split_once(':') {
            Some(("http" | "https", rest)) if rest.starts_with("//") => ("http", text),
            Some(("redis", rest)) if rest.starts_with("//") => ("redis", text),
            Some(("ws" | "wss", rest)) if rest.starts_with("//") => ("websocket", text),
            Some((scheme, rest)) if rest.starts_with("//") => {
                match protocol(|protocol| protocol.schemes().contains(&scheme)) {
                    Some(protocol) => (protocol.key(), text),
                    None => (scheme, rest),
                }
            }
            Some((kind, value)) => (kind.trim_end(), value.trim_start()),
            None => (text, ""),
        };
        let host = self.own_host(scope);
        let value = match (value, kind) {
            ("", "tcp") => format!("{host}:{{port}}"),
            ("", "http" | "websocket") => "/".to_owned(),
            ("", "redis") => format!("redis://{host}:{{port}}"),
            ("", _) => protocol(|protocol| protocol.key() == kind)
                .map_or_else(String::new, |protocol| {
                    format!("{}://{host}:{{port}}", protocol.schemes()[0])
                }),
            (value, _) => value.to_owned(),
        };
        self.probe(kind, &At::new(value, short.span.clone()), external, scope)
    }

    /// Validates a probe of this kind.
    fn probe(
        &mut self,
        kind: &str,
        value: &At<String>,
        external: bool,
        scope: Scope<'_>,
    ) -> Read<Probe> {
        if let Some(protocol) = protocol(|protocol| protocol.key() == kind) {
            let url = self.url(address::server(protocol), value, scope)?;
            return Ok(Probe::Server(protocol, url));
        }
        match kind {
            "tcp" => self.host_and_port(value, scope).map(Probe::Tcp),
            "http" => self.http_probe(&TextOr::Text(value.clone()), scope),
            "redis" => self.url(address::REDIS, value, scope).map(Probe::Redis),
            "websocket" => {
                let url = self.url(address::WEBSOCKET, value, scope);
                url.map(Probe::WebSocket)
            }
            "command" => {
                let form = At::new(TextOr::Text(value.clone()), value.span.clone());
                self.command(&form, scope).map(Probe::Command)
            }
            "log" if external => self.not_for_external(value, "log"),
            "log" => self.regex(value).map(Probe::Log),
            "process" if !value.value.is_empty() => self.unknown_kind(value, kind),
            "process" if external => self.not_for_external(value, "process"),
            "process" => Ok(Probe::Process),
            _ => self.unknown_kind(value, kind),
        }
    }

    fn http_probe(&mut self, form: &TextOr<HttpTable>, scope: Scope<'_>) -> Read<Probe> {
        let request = self.http(form, scope)?;
        Ok(Probe::Http(Box::new(request)))
    }

    fn unknown_kind(&mut self, value: &At<String>, kind: &str) -> Read<Probe> {
        let servers = Protocol::ALL.map(Protocol::key);
        let (first, last) = (
            ["tcp", "http", "redis"],
            ["websocket", "command", "log", "process"],
        );
        let known = [&first[..], &servers, &last].concat();
        self.wrong(value, ProblemKind::unknown_value(kind, known))
    }

    /// Validates a regular expression.
    pub(super) fn regex(&mut self, pattern: &At<String>) -> Read<String> {
        let problem = match regex::Regex::new(&pattern.value) {
            _ if pattern.value.is_empty() => ProblemKind::Empty("a regular expression"),
            Ok(_) => return Ok(pattern.value.clone()),
            Err(error) => ProblemKind::BadRegex(last_line(&error.to_string())),
        };
        self.wrong(pattern, problem)
    }

    fn not_for_external(&mut self, value: &At<String>, key: &'static str) -> Read<Probe> {
        let reason = "the processes of an external service are unknown";
        self.wrong(value, ProblemKind::NoEffect { key, reason })
    }

    /// Validates that a duration is not zero.
    pub(super) fn positive(&mut self, time: &At<Time>) -> Read<Duration> {
        let Time(duration) = time.value;
        if !duration.is_zero() {
            return Ok(duration);
        }
        let bad_duration = ProblemKind::BadDuration {
            value: "0".to_owned(),
            reason: "it must not be zero",
        };
        self.wrong(time, bad_duration)
    }

    /// Does the same for an optional duration.
    pub(super) fn positive_or(
        &mut self,
        time: Option<&At<Time>>,
        default: Duration,
    ) -> Read<Duration> {
        Ok(self.maybe(time, Self::positive)?.unwrap_or(default))
    }
}

fn protocol(is_it: impl Fn(&Protocol) -> bool) -> Option<Protocol> {
    Protocol::ALL.into_iter().find(is_it)
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
