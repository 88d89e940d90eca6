//! Validates the addresses of probes and checks, with a sample port for every `{port}`.

use std::net::{IpAddr, Ipv6Addr};

use url::Url;

use crate::{
    stack::{Port, Ports, Protocol, ServiceName, Template},
    stack_file::{findings::Read, problem::ProblemKind, reader::At},
};

use super::{Meaning, text::Scope};

/// A kind of address: its name, its schemes, and the prefix for a path alone.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    name: &'static str,
    schemes: &'static [&'static str],
    own: Option<&'static str>,
}

pub(super) const HTTP: Kind = Kind {
    name: "an http address",
    schemes: &["http", "https"],
    own: Some("http://localhost:{port}"),
};
pub(super) const WEBSOCKET: Kind = Kind {
    name: "a websocket address",
    schemes: &["ws", "wss"],
    own: Some("ws://localhost:{port}"),
};
pub(super) const REDIS: Kind = Kind {
    name: "a redis address",
    schemes: &["redis"],
    own: None,
};

/// Returns the addresses of a server with this protocol.
pub(super) fn server(protocol: Protocol) -> Kind {
    let name = match protocol {
        Protocol::Postgres => "a postgres address",
        Protocol::Mysql => "a mysql address",
        Protocol::Mongodb => "a mongodb address",
        Protocol::Rabbitmq => "an amqp address",
        Protocol::Kafka => "a kafka address",
        Protocol::Grpc => "a grpc address",
    };
    Kind {
        name,
        schemes: protocol.schemes(),
        own: None,
    }
}

const LINK: Kind = Kind {
    name: "a link",
    ..HTTP
};
const ORIGIN: Kind = Kind {
    name: "an origin",
    schemes: HTTP.schemes,
    own: None,
};

impl Meaning<'_, '_> {
    /// Validates an address of this kind; `/path` alone refers to the service's own port.
    pub(super) fn url(
        &mut self,
        kind: Kind,
        text: &At<String>,
        scope: Scope<'_>,
    ) -> Read<Template> {
        let full = match kind.own {
            Some(own) if text.value.starts_with('/') && !text.value.starts_with("//") => {
                let own = if kind.name == LINK.name {
                    own.to_owned()
                } else {
                    own.replace("localhost", self.own_host(scope))
                };
                &At::new(format!("{own}{}", text.value), text.span.clone())
            }
            _ => text,
        };
        let template = self.template(full, scope)?;
        match judge_url(kind, &template) {
            Ok(()) => Ok(template),
            Err(reason) => self.bad_address(text, kind.name, reason),
        }
    }

    /// Returns the host of a service in its own addresses: a container may be on another machine.
    pub(super) fn own_host(&self, scope: Scope<'_>) -> &'static str {
        match self.services.get(scope.service.as_str()) {
            Some(declared) if declared.contained => "{host}",
            _ => "localhost",
        }
    }

    /// Validates an address for a browser.
    pub(super) fn link(&mut self, text: &At<String>, scope: Scope<'_>) -> Read<Template> {
        self.url(LINK, text, scope)
    }

    /// Validates the origin of a page: scheme, host and port only.
    pub(super) fn origin(&mut self, text: &At<String>, scope: Scope<'_>) -> Read<Template> {
        let template = self.url(ORIGIN, text, scope)?;
        let sample = sample(&template);
        let after_scheme = sample.split_once("://").map_or("", |(_, rest)| rest);
        if after_scheme.contains(['/', '?', '#', '@']) {
            let reason = "an origin ends after the host and the port";
            return self.bad_address(text, ORIGIN.name, reason);
        }
        Ok(template)
    }

    /// Validates `host:port`.
    pub(super) fn host_and_port(&mut self, text: &At<String>, scope: Scope<'_>) -> Read<Template> {
        let template = self.template(text, scope)?;
        match judge_host_and_port(&sample(&template)) {
            Ok(()) => Ok(template),
            Err(reason) => self.bad_address(text, "an address with a port", reason),
        }
    }

    /// Validates an address or a name of this machine.
    pub(super) fn host(&mut self, text: &At<String>) -> Read<String> {
        let host = self.plain(text)?;
        let is_name = |host: &str| {
            host.starts_with(|c: char| c.is_ascii_alphanumeric())
                && host
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-.".contains(c))
        };
        if host.parse::<IpAddr>().is_ok() || is_name(&host) {
            return Ok(host);
        }
        self.bad_address(text, "a host", "it is neither an IP address nor a name")
    }

    fn bad_address<T>(
        &mut self,
        text: &At<String>,
        expected: &'static str,
        reason: impl Into<String>,
    ) -> Read<T> {
        let reason = reason.into();
        self.wrong(text, ProblemKind::BadAddress { expected, reason })
    }
}

fn judge_url(kind: Kind, template: &Template) -> Result<(), String> {
    let url = Url::parse(&sample(template)).map_err(|error| error.to_string())?;
    if !kind.schemes.contains(&url.scheme()) {
        return Err(format!("it does not begin with {}://", kind.schemes[0]));
    }
    if !url.has_host() {
        return Err("it has no host".to_owned());
    }
    if url.port() == Some(0) {
        return Err("port 0 is not valid".to_owned());
    }
    Ok(())
}

fn judge_host_and_port(address: &str) -> Result<(), &'static str> {
    let (host, port) = address.rsplit_once(':').ok_or("it has no port")?;
    if !port.parse().is_ok_and(|port: u16| port > 0) {
        return Err("the port is not a number from 1 to 65535");
    }
    let inside = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match inside {
        Some(inside) if inside.parse::<Ipv6Addr>().is_ok() => Ok(()),
        Some(_) => Err("the text in the brackets is not an IPv6 address"),
        None if host.is_empty() => Err("it has no host"),
        None if host.contains(':') => Err("an IPv6 address must be in brackets"),
        None if host.contains(|c: char| c.is_whitespace() || "/@[]".contains(c)) => {
            Err("it has more than a host and a port")
        }
        None => Ok(()),
    }
}

/// Returns the text with sample ports.
pub(super) fn sample(template: &Template) -> String {
    struct SomePort;

    impl Ports for SomePort {
        fn port_of(&self, _: &ServiceName) -> Option<Port> {
            Port::new(4_000)
        }
    }

    template.render(&"any".into(), &SomePort)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        for fine in [
            "127.0.0.1:80",
            "localhost:65535",
            "[::1]:6379",
            "db.local:1",
        ] {
            assert_eq!(judge_host_and_port(fine), Ok(()), "{fine}");
        }
        for wrong in [
            "",
            "80",
            ":80",
            "localhost:",
            "localhost:0",
            "localhost:65536",
            "::1:80",
            "[x]:80",
            "http://a:80",
            "a b:1",
        ] {
            assert!(judge_host_and_port(wrong).is_err(), "{wrong}");
        }
    }
}
