//! The targets of probes: `host:port` and URLs, as a stack file writes them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use url::Url;

use crate::{model::facts::ProbeFaultKind, stack::Protocol};

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

/// A server that listens on the unspecified address is reached on loopback: Linux accepts the
/// unspecified address as a target, Windows does not.
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
        let expected = || ProbeFaultKind::Address(format!("`{text}` is not of the form host:port"));
        let (host, port) = text.rsplit_once(':').ok_or_else(expected)?;
        let port = port.parse().map_err(|_| expected())?;
        if host.is_empty() || port == 0 || host.contains([':', '/', '@']) {
            return Err(expected());
        }
        let host = Host::new(host);
        Ok(Self { host, port })
    }

    /// Returns the endpoint of a URL whose scheme is one of `plain` and `secure`; `true` for
    /// `secure`.
    fn of_url(
        url: &Url,
        plain: &str,
        secure: &str,
        default_port: u16,
    ) -> Result<(Self, bool), ProbeFaultKind> {
        let scheme = url.scheme();
        if scheme != plain && scheme != secure {
            return Err(ProbeFaultKind::Address(format!(
                "the scheme must be {plain}:// or {secure}://, not {scheme}:"
            )));
        }
        Ok((Self::in_url(url, default_port)?, scheme == secure))
    }

    fn in_url(url: &Url, default_port: u16) -> Result<Self, ProbeFaultKind> {
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| ProbeFaultKind::Address("the address has no host".into()))?;
        Ok(Self {
            host: Host::new(host),
            port: url.port_or_known_default().unwrap_or(default_port),
        })
    }
}

/// A parsed `http:`, `https:`, `ws:` or `wss:` address.
#[derive(Clone, Debug)]
pub(in crate::effects) struct WebAddress {
    pub(in crate::effects) endpoint: Endpoint,
    /// Whether the connection uses TLS.
    pub(in crate::effects) secure: bool,
    /// The host name that the certificate must have.
    pub(in crate::effects) name: String,
    /// The `Host` header, with the port unless it is the default of the scheme.
    pub(in crate::effects) authority: String,
    /// The path and the query.
    pub(in crate::effects) path: String,
}

impl WebAddress {
    /// Parses an address of the scheme `http` or `ws`, or of its secure variant. User and password
    /// are not allowed, as in the `fetch` of a browser.
    pub(in crate::effects) fn parse(text: &str, scheme: &str) -> Result<Self, ProbeFaultKind> {
        let url = parse_url(text)?;
        let (endpoint, secure) = Endpoint::of_url(&url, scheme, &format!("{scheme}s"), 80)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ProbeFaultKind::Address(
                "user and password belong in an `Authorization` header, not in the address".into(),
            ));
        }
        let name = url.host_str().unwrap_or_default();
        Ok(Self {
            endpoint,
            secure,
            name: name.trim_matches(['[', ']']).to_owned(),
            authority: match url.port() {
                Some(port) => format!("{name}:{port}"),
                None => name.to_owned(),
            },
            path: match url.query() {
                Some(query) => format!("{}?{query}", url.path()),
                None => url.path().to_owned(),
            },
        })
    }
}

/// A parsed `redis://` or `rediss://` address.
#[derive(Clone, Debug)]
pub(in crate::effects) struct RedisAddress {
    pub(in crate::effects) endpoint: Endpoint,
    /// Whether the connection uses TLS.
    pub(in crate::effects) secure: bool,
    /// The host name that the certificate must have.
    pub(in crate::effects) name: String,
    /// User, password and database.
    pub(in crate::effects) settings: redis::RedisConnectionInfo,
}

impl RedisAddress {
    /// Parses `redis://[[user]:password@]host[:port][/database]`.
    pub(in crate::effects) fn parse(text: &str) -> Result<Self, ProbeFaultKind> {
        let url = parse_url(text)?;
        let (endpoint, secure) = Endpoint::of_url(&url, "redis", "rediss", 6379)?;
        let name = url.host_str().unwrap_or_default();
        let name = name.trim_matches(['[', ']']).to_owned();
        // The library only parses the login. It would reject a secure address, since its TLS
        // support is disabled.
        let mut login = parse_url(&text.replacen("rediss:", "redis:", 1))?;
        login
            .set_host(Some("localhost"))
            .map_err(|error| ProbeFaultKind::Address(error.to_string()))?;
        let info = redis::IntoConnectionInfo::into_connection_info(login)
            .map_err(|error| ProbeFaultKind::Address(error.to_string()))?;
        Ok(Self {
            endpoint,
            secure,
            name,
            settings: info.redis_settings().clone(),
        })
    }
}

/// A parsed address of a server with a login: `postgres://[user[:password]@]host[:port][/path]`.
#[derive(Clone)]
pub(in crate::effects) struct ServerAddress {
    pub(in crate::effects) endpoint: Endpoint,
    /// Whether the connection uses TLS.
    pub(in crate::effects) secure: bool,
    /// The host name that the certificate must have.
    pub(in crate::effects) name: String,
    pub(in crate::effects) user: Option<String>,
    pub(in crate::effects) password: Option<String>,
    /// The path without its slash: a database, a virtual host, a service.
    pub(in crate::effects) path: Option<String>,
    url: Url,
}

impl ServerAddress {
    /// Parses an address of this protocol.
    pub(in crate::effects) fn parse(
        protocol: Protocol,
        text: &str,
    ) -> Result<Self, ProbeFaultKind> {
        let url = parse_url(text)?;
        if !protocol.schemes().contains(&url.scheme()) {
            return Err(ProbeFaultKind::Address(format!(
                "the scheme must be {}://, not {}:",
                protocol.schemes()[0],
                url.scheme()
            )));
        }
        let given = |text: &str| (!text.is_empty()).then(|| decoded(text));
        let name = url.host_str().unwrap_or_default();
        Ok(Self {
            endpoint: Endpoint::in_url(&url, protocol.port())?,
            secure: ["amqps", "grpcs"].contains(&url.scheme()),
            name: name.trim_matches(['[', ']']).to_owned(),
            user: given(url.username()),
            password: url.password().map(decoded),
            path: given(url.path().trim_start_matches('/')),
            url,
        })
    }

    /// Returns a setting of the query.
    pub(in crate::effects) fn setting(&self, name: &str) -> Option<String> {
        let mut pairs = self.url.query_pairs();
        pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    }
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

fn parse_url(text: &str) -> Result<Url, ProbeFaultKind> {
    Url::parse(text).map_err(|error| ProbeFaultKind::Address(error.to_string()))
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
    fn an_address_that_listens_everywhere_is_asked_on_loopback() {
        assert_eq!(address("0.0.0.0:80"), address("127.0.0.1:80"));
        assert_eq!(address("[::]:80"), address("[::1]:80"));
        let web = WebAddress::parse("http://0.0.0.0:80/", "http").unwrap();
        assert_eq!(web.endpoint, address("127.0.0.1:80"));
    }

    #[test]
    fn what_is_no_address_is_said_and_not_guessed() {
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
                matches!(
                    WebAddress::parse(text, "http"),
                    Err(ProbeFaultKind::Address(_))
                ),
                "{text}"
            );
        }
        for text in ["redis://localhost/one", "http://localhost", "redis:"] {
            assert!(
                matches!(RedisAddress::parse(text), Err(ProbeFaultKind::Address(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn a_web_address_keeps_query_and_port_and_drops_the_fragment() {
        let web = WebAddress::parse("https://[::1]:8443/a b?c=d#e", "http").unwrap();
        assert!(web.secure);
        assert_eq!(web.name, "::1");
        assert_eq!(web.authority, "[::1]:8443");
        assert_eq!(web.path, "/a%20b?c=d");
        let web = WebAddress::parse("ws://localhost", "ws").unwrap();
        assert_eq!(
            (web.endpoint.port, &*web.authority, &*web.path),
            (80, "localhost", "/")
        );
        assert_eq!(
            WebAddress::parse("wss://localhost", "ws")
                .unwrap()
                .endpoint
                .port,
            443
        );
    }

    #[test]
    fn a_redis_address_tells_who_logs_in_where() {
        let redis = RedisAddress::parse("rediss://anna:p%40ss@localhost/3").unwrap();
        assert!(redis.secure);
        assert_eq!(redis.endpoint, address("localhost:6379"));
        assert_eq!(redis.settings.username(), Some("anna"));
        assert_eq!(redis.settings.password(), Some("p@ss"));
        assert_eq!(redis.settings.db(), 3);
    }

    #[test]
    fn the_address_of_a_server_tells_who_logs_in_where() {
        let parsed = |text| ServerAddress::parse(Protocol::Postgres, text).unwrap();
        let full = parsed("postgresql://an%20na:p%40s+s@localhost/shop?authSource=x");
        assert_eq!(full.endpoint, address("localhost:5432"));
        assert_eq!(full.user.as_deref(), Some("an na"));
        assert_eq!(full.password.as_deref(), Some("p@s+s"));
        assert_eq!(full.path.as_deref(), Some("shop"));
        assert_eq!(full.setting("authSource").as_deref(), Some("x"));
        let bare = parsed("postgres://127.0.0.1:7/");
        assert_eq!((bare.user, bare.password, bare.path), (None, None, None));
        let vhost = ServerAddress::parse(Protocol::Rabbitmq, "amqps://localhost/%2F").unwrap();
        assert_eq!((vhost.path.as_deref(), vhost.secure), (Some("/"), true));
        for wrong in ["mysql://localhost", "postgres:", "localhost:5432"] {
            assert!(
                ServerAddress::parse(Protocol::Postgres, wrong).is_err(),
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
