//! The targets of probes: `host:port` and URLs, as a stack file writes them.

use std::{
    error::Error,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use url::Url;

use crate::{
    model::facts::ProbeFaultKind,
    stack::{Probe, Protocol},
};

/// The schemes of pages, plain and secure.
pub(in crate::effects) const HTTP: [&str; 2] = ["http", "https"];
/// The schemes of `WebSocket`s.
pub(in crate::effects) const WEBSOCKET: [&str; 2] = ["ws", "wss"];

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::effects) struct Endpoint {
    pub(in crate::effects) host: Host,
    pub(in crate::effects) port: u16,
}

/// The host of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::effects) enum Host {
    /// One address.
    Address(IpAddr),
    /// This machine, on both address families. Names below `localhost` too (RFC 6761, section 6.3).
    Localhost,
    /// A name to resolve.
    Name(String),
}

impl Host {
    fn new(name: &str) -> Self {
        let bare = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        if bare == "localhost" || bare.ends_with(".localhost") {
            return Self::Localhost;
        }
        let literal = bare
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        match literal.unwrap_or(&bare).parse() {
            Ok(address) => Self::Address(asked_at(address)),
            Err(_) => Self::Name(bare),
        }
    }
}

/// Returns the address to connect to. The unspecified address is replaced by loopback: Linux
/// accepts it as a target, Windows does not.
fn asked_at(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}

impl Endpoint {
    /// Parses `host:port`, with an IPv6 address in brackets.
    pub(in crate::effects) fn parse(text: &str) -> Result<Self, ProbeFaultKind> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self {
                host: Host::Address(asked_at(address.ip())),
                port: address.port(),
            });
        }
        let expected = || invalid(format!("`{text}` is not of the form host:port"));
        let (host, port) = text.rsplit_once(':').ok_or_else(expected)?;
        let port = port.parse().map_err(|_| expected())?;
        if host.is_empty() || port == 0 || host.contains([':', '/', '@']) {
            return Err(expected());
        }
        let host = Host::new(host);
        Ok(Self { host, port })
    }
}

/// A parsed address: `scheme://[user[:password]@]host[:port][/path]`.
#[derive(Clone)]
pub(in crate::effects) struct Address {
    pub(in crate::effects) endpoint: Endpoint,
    /// The host as written, without brackets: the name that a certificate must have.
    pub(in crate::effects) name: String,
    /// Whether the connection uses TLS.
    pub(in crate::effects) secure: bool,
    url: Url,
}

impl Address {
    /// Parses an address with one of these schemes.
    fn parse(text: &str, schemes: &[&str], default_port: u16) -> Result<Self, ProbeFaultKind> {
        let url = Url::parse(text).map_err(invalid)?;
        let scheme = url.scheme();
        if !schemes.contains(&scheme) {
            let schemes = schemes.join(":// or ");
            return Err(invalid(format!(
                "the scheme must be {schemes}://, not {scheme}:"
            )));
        }
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| invalid("the address has no host"))?;
        Ok(Self {
            endpoint: Endpoint {
                host: Host::new(host),
                port: url.port_or_known_default().unwrap_or(default_port),
            },
            name: host.trim_matches(['[', ']']).to_owned(),
            secure: ["https", "wss", "rediss", "amqps", "grpcs"].contains(&scheme),
            url,
        })
    }

    /// Parses an address of a page or a WebSocket. User and password are not allowed, as in the `fetch`
    /// of a browser.
    pub(in crate::effects) fn web(text: &str, schemes: [&str; 2]) -> Result<Self, ProbeFaultKind> {
        let address = Self::parse(text, &schemes, 80)?;
        if address.user().is_some() || address.password().is_some() {
            return Err(invalid(
                "user and password belong in an `Authorization` header, not in the address",
            ));
        }
        Ok(address)
    }

    /// Parses an address of a Redis.
    pub(in crate::effects) fn redis(text: &str) -> Result<Self, ProbeFaultKind> {
        let address = Self::parse(text, &["redis", "rediss"], 6379)?;
        address.redis_login()?;
        Ok(address)
    }

    /// Parses an address of a server with this protocol.
    pub(in crate::effects) fn server(
        protocol: Protocol,
        text: &str,
    ) -> Result<Self, ProbeFaultKind> {
        Self::parse(text, protocol.schemes(), protocol.port())
    }

    /// Returns the target of a probe, if it has an address.
    pub(in crate::effects) fn of(probe: &Probe<String>) -> Option<Self> {
        let address = match probe {
            Probe::Http(request) => Self::web(&request.url, HTTP),
            Probe::WebSocket(url) => Self::web(url, WEBSOCKET),
            Probe::Redis(url) => Self::redis(url),
            Probe::Server(protocol, url) => Self::server(*protocol, url),
            Probe::Tcp(_)
            | Probe::Published(_)
            | Probe::Command(_)
            | Probe::Log(_)
            | Probe::Process
            | Probe::Container => return None,
        };
        address.ok()
    }

    /// Returns the `Host` header, with the port unless it is the default of the scheme.
    pub(in crate::effects) fn authority(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// Returns the path and the query, as a request has them.
    pub(in crate::effects) fn target(&self) -> String {
        match self.url.query() {
            Some(query) => format!("{}?{query}", self.url.path()),
            None => self.url.path().to_owned(),
        }
    }

    pub(in crate::effects) fn user(&self) -> Option<String> {
        given(self.url.username())
    }

    pub(in crate::effects) fn password(&self) -> Option<String> {
        self.url.password().map(decoded)
    }

    /// Returns the path without its leading slash: a database, a virtual host, a service.
    pub(in crate::effects) fn path(&self) -> Option<String> {
        given(self.url.path().trim_start_matches('/'))
    }

    /// Returns a parameter of the query.
    pub(in crate::effects) fn setting(&self, name: &str) -> Option<String> {
        let mut pairs = self.url.query_pairs();
        pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    }

    /// Returns user, password and database of a Redis.
    pub(in crate::effects) fn redis_login(
        &self,
    ) -> Result<redis::RedisConnectionInfo, ProbeFaultKind> {
        // The library only parses the login. It would reject a secure address, since its TLS
        // support is disabled.
        let login = self.url.as_str().replacen("rediss:", "redis:", 1);
        let mut login = Url::parse(&login).map_err(invalid)?;
        login.set_host(Some("localhost")).map_err(invalid)?;
        let info = redis::IntoConnectionInfo::into_connection_info(login).map_err(invalid)?;
        Ok(info.redis_settings().clone())
    }
}

fn invalid(why: impl Into<Box<dyn Error>>) -> ProbeFaultKind {
    ProbeFaultKind::Address(why.into().to_string())
}

fn given(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| decoded(text))
}

/// Returns a text without percent-encoding.
fn decoded(text: &str) -> String {
    let text = text
        .replace('+', "%2B")
        .replace('&', "%26")
        .replace('=', "%3D");
    let mut pairs = url::form_urlencoded::parse(text.as_bytes());
    pairs
        .next()
        .map_or_else(String::new, |(text, _)| text.into_owned())
}

/// Returns the address without its password.
pub(in crate::effects) fn shown(address: &str) -> String {
    if let Ok(mut url) = Url::parse(address)
        && url.password().is_some()
        && url.set_password(Some("***")).is_ok()
    {
        return url.into();
    }
    address.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Endpoint {
        Endpoint::parse(text).unwrap()
    }

    #[test]
    fn host_and_port_are_read_in_every_notation() {
        assert_eq!(address("localhost:80").host, Host::Localhost);
        assert_eq!(address("Api.LocalHost.:80").host, Host::Localhost);
        assert_eq!(
            address("127.0.0.1:80").host,
            Host::Address([127, 0, 0, 1].into())
        );
        assert_eq!(
            address("[::1]:80").host,
            Host::Address(Ipv6Addr::LOCALHOST.into())
        );
        assert_eq!(
            address("db.internal:5432").host,
            Host::Name("db.internal".into())
        );
        assert_eq!(address("db.internal:5432").port, 5432);
    }

    #[test]
    fn an_unspecified_address_is_probed_on_loopback() {
        assert_eq!(address("0.0.0.0:80"), address("127.0.0.1:80"));
        assert_eq!(address("[::]:80"), address("[::1]:80"));
        let web = Address::web("http://0.0.0.0:80/", HTTP).unwrap();
        assert_eq!(web.endpoint, address("127.0.0.1:80"));
    }

    #[test]
    fn an_invalid_address_is_rejected_and_not_guessed() {
        for text in [
            "",
            "80",
            ":80",
            "localhost",
            "localhost:",
            "localhost:0",
            "localhost:70000",
            "::1:80",
            "a/b:80",
        ] {
            assert!(
                matches!(Endpoint::parse(text), Err(ProbeFaultKind::Address(_))),
                "{text}"
            );
        }
        for text in [
            "localhost:80",
            "ftp://localhost",
            "http://",
            "ws://localhost",
            "http://u:p@localhost/",
        ] {
            assert!(
                matches!(Address::web(text, HTTP), Err(ProbeFaultKind::Address(_))),
                "{text}"
            );
        }
        for text in ["redis://localhost/one", "http://localhost", "redis:"] {
            assert!(
                matches!(Address::redis(text), Err(ProbeFaultKind::Address(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn a_web_address_keeps_query_and_port_and_drops_the_fragment() {
        let web = Address::web("https://[::1]:8443/a b?c=d#e", HTTP).unwrap();
        assert!(web.secure);
        assert_eq!(web.name, "::1");
        assert_eq!(web.authority(), "[::1]:8443");
        assert_eq!(web.target(), "/a%20b?c=d");
        let web = Address::web("ws://localhost", WEBSOCKET).unwrap();
        assert_eq!(
            (web.endpoint.port, &*web.authority(), &*web.target()),
            (80, "localhost", "/")
        );
        assert_eq!(
            Address::web("wss://localhost", WEBSOCKET)
                .unwrap()
                .endpoint
                .port,
            443
        );
    }

    #[test]
    fn a_redis_address_has_user_password_and_database() {
        let redis = Address::redis("rediss://anna:p%40ss@localhost/3").unwrap();
        assert!(redis.secure);
        assert_eq!(redis.endpoint, address("localhost:6379"));
        let login = redis.redis_login().unwrap();
        assert_eq!(login.username(), Some("anna"));
        assert_eq!(login.password(), Some("p@ss"));
        assert_eq!(login.db(), 3);
    }

    #[test]
    fn the_address_of_a_server_has_user_password_and_database() {
        let parsed = |text| Address::server(Protocol::Postgres, text).unwrap();
        let full = parsed("postgresql://an%20na:p%40s+s@localhost/shop?authSource=x");
        assert_eq!(full.endpoint, address("localhost:5432"));
        assert_eq!(full.user().as_deref(), Some("an na"));
        assert_eq!(full.password().as_deref(), Some("p@s+s"));
        assert_eq!(full.path().as_deref(), Some("shop"));
        assert_eq!(full.setting("authSource").as_deref(), Some("x"));
        let bare = parsed("postgres://127.0.0.1:7/");
        assert_eq!(
            (bare.user(), bare.password(), bare.path()),
            (None, None, None)
        );
        let vhost = Address::server(Protocol::Rabbitmq, "amqps://localhost/%2F").unwrap();
        assert_eq!((vhost.path().as_deref(), vhost.secure), (Some("/"), true));
        for wrong in ["mysql://localhost", "postgres:", "localhost:5432"] {
            assert!(
                Address::server(Protocol::Postgres, wrong).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        assert_eq!(
            shown("redis://:secret@localhost:6379/0"),
            "redis://:***@localhost:6379/0"
        );
        assert_eq!(
            shown("redis://localhost:6379/0"),
            "redis://localhost:6379/0"
        );
        assert_eq!(shown("localhost:80"), "localhost:80");
    }
}
