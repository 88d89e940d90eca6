//! Addresses in settings and source: `redis://localhost:6379/0`.

use super::port_of;

/// The parts of an address that matter here, without the password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Address {
    /// In lower case, without a driver: `postgresql` of `postgresql+asyncpg`.
    pub(crate) scheme: String,
    pub(crate) user: Option<String>,
    pub(crate) has_password: bool,
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    /// The first part of the path: a database.
    pub(crate) path: Option<String>,
}

impl Address {
    /// Parses the address at the start of a value. `host:port` without a scheme counts too.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let value = value.trim().trim_matches(['"', '\'', '`']);
        let value = value.strip_prefix("jdbc:").unwrap_or(value);
        let (scheme, rest) = match value.split_once("://") {
            Some((scheme, rest)) => (scheme, rest),
            None => ("", value),
        };
        let scheme = scheme.split('+').next()?.to_ascii_lowercase();
        if !scheme.chars().all(|c| c.is_ascii_alphanumeric()) {
            return None;
        }
        let end = rest.find(|c: char| c.is_whitespace() || "\"'`<>;".contains(c));
        let rest = &rest[..end.unwrap_or(rest.len())];
        let (authority, after) = match rest.find(['/', '?', '#']) {
            // A password may contain any of these; the last `@` ends it.
            Some(at) if !rest[at..].contains('@') => (&rest[..at], &rest[at..]),
            Some(_) => {
                let at = rest.rfind('@')?;
                let end = rest[at..]
                    .find(['/', '?', '#'])
                    .map_or(rest.len(), |end| at + end);
                (&rest[..end], &rest[end..])
            }
            None => (rest, ""),
        };
        let (login, place) = match authority.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, authority),
        };
        // Of several hosts, the first.
        let place = place.split(',').next()?;
        let (host, port) = split_port(place)?;
        if scheme.is_empty() && port.is_none() {
            return None;
        }
        let (user, has_password) = match login.map(|login| login.split_once(':')) {
            None => (None, false),
            Some(None) => (login, false),
            Some(Some((user, password))) => (Some(user), !password.is_empty()),
        };
        let path = after.strip_prefix('/').map(|path| {
            let end = path.find(['/', '?', '#', '&']).unwrap_or(path.len());
            &path[..end]
        });
        Some(Self {
            scheme,
            user: user.filter(|user| is_name(user)).map(str::to_owned),
            has_password,
            host,
            port,
            path: path.filter(|path| is_name(path)).map(str::to_owned),
        })
    }

    /// Whether it is on this computer.
    pub(crate) fn is_here(&self) -> bool {
        is_here(&self.host)
    }

    /// Whether its host is the name of a container: `db`.
    pub(crate) fn is_container(&self) -> bool {
        !self.is_here() && is_name(&self.host) && !self.host.contains('.')
    }

    /// Whether it is on this computer or in a container.
    pub(crate) fn is_nearby(&self) -> bool {
        self.is_here() || self.is_container()
    }

    /// Returns its port, else the one of its scheme.
    pub(crate) fn port(&self) -> Option<u16> {
        self.port.or(match self.scheme.as_str() {
            "http" | "ws" => Some(80),
            "https" | "wss" => Some(443),
            _ => None,
        })
    }
}

/// Whether a host is this computer.
pub(super) fn is_here(host: &str) -> bool {
    matches!(
        host,
        "localhost" | "127.0.0.1" | "::1" | "0.0.0.0" | "host.docker.internal"
    )
}

fn split_port(place: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            (host, after.strip_prefix(':'))
        }
        None => match place.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let port = match port {
        None | Some("") => None,
        Some(port) => Some(port_of(port)?),
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    (!host.is_empty() && host.chars().all(fits)).then(|| (host.to_ascii_lowercase(), port))
}

/// Whether a text is a plain name that needs no escaping anywhere.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_parts() {
        let address = Address::parse("postgresql+asyncpg://me:p@ss/word@db.local:5433/shop?ssl=1");
        assert_eq!(
            address,
            Some(Address {
                scheme: "postgresql".to_owned(),
                user: Some("me".to_owned()),
                has_password: true,
                host: "db.local".to_owned(),
                port: Some(5433),
                path: Some("shop".to_owned()),
            })
        );
        let short = Address::parse("localhost:4222").unwrap();
        assert_eq!((short.host.as_str(), short.port), ("localhost", Some(4222)));
        let jdbc = Address::parse("jdbc:mysql://127.0.0.1/shop").unwrap();
        assert_eq!((jdbc.scheme.as_str(), jdbc.port), ("mysql", None));
        let six = Address::parse("http://[::1]:8000/x").unwrap();
        assert!(six.is_here());
        assert_eq!(six.port, Some(8000));
        assert!(Address::parse("redis://redis:6379").unwrap().is_container());
        for nothing in [
            "",
            "development",
            "/api",
            "http://",
            "a b:3",
            "x:99999",
            "http://${HOST}:1",
        ] {
            assert_eq!(Address::parse(nothing), None, "{nothing}");
        }
    }
}
