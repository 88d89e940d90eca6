//! Addresses that a log says cannot be reached, in the words of the clients that people use.

use std::sync::LazyLock;

use super::patterns::{Pattern, Patterns};
use crate::{model::evidence::log::UnreachableWhy, stack::Port};

/// An address in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) host: String,
    pub(super) port: Option<Port>,
    pub(super) why: UnreachableWhy,
}

/// Who says it, and the port where the words leave it out.
type Default = Option<u16>;

static PATTERNS: LazyLock<Patterns<Default>> = LazyLock::new(|| {
    Patterns::new([
        // Node
        (
            r"(?:ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ECONNRESET) (?<host>[\w.:%-]*[\w]):(?<port>\d{1,5})\b",
            None,
        ),
        (
            r"getaddrinfo (?:ENOTFOUND|EAI_AGAIN) (?<host>[\w.-]+)(?::(?<port>\d+))?",
            None,
        ),
        // redis-py, celery, kombu
        (
            r"connecting to (?<host>[\w.-]+|\[[0-9a-fA-F:]+\]):(?<port>\d+)\.",
            None,
        ),
        (
            r"Error while reading from (?<host>[\w.-]+):(?<port>\d+)",
            None,
        ),
        (
            r"Cannot connect to \w[\w+]*://(?:[^@\s/]*@)?(?<host>[\w.-]+):(?<port>\d+)",
            None,
        ),
        // asyncio: asyncpg, aio-pika, redis.asyncio
        (
            r"Connect call failed \('(?<host>[^']+)', (?<port>\d+)",
            None,
        ),
        // libpq: psycopg, pg (Ruby)
        (
            r#"connection to server at "(?<host>[^"]+)"(?: \([^)]*\))?, port (?<port>\d+) failed: (?:Connection refused|timeout|Connection timed out|No route to host|Network is unreachable|could not)"#,
            None,
        ),
        (
            r#"running on host "(?<host>[^"]+)"(?: \([^)]*\))? and accepting\s+TCP/IP connections on port (?<port>\d+)"#,
            None,
        ),
        (
            r#"could not translate host name "(?<host>[^"]+)" to address"#,
            None,
        ),
        // PyMongo
        (
            r"(?<host>[\w.-]+):(?<port>\d+): (?:\[Errno (?:111|61|10061|-2|-3|8|11001)\]|\[WinError 10061\]|timed out)",
            None,
        ),
        // pika
        (r"dest=.*\('(?<host>[^']+)', (?<port>\d+)", None),
        // kafka-python, librdkafka, the Java client
        (
            r"Connect attempt to <BrokerConnection .*\('(?<host>[^']+)', (?<port>\d+)",
            None,
        ),
        (
            r"Connect to ipv[46]#\[?(?<host>[\w.:]+?)\]?:(?<port>\d+) failed",
            None,
        ),
        (
            r"Connection to node -?\d+ \((?<host>[^/:)\s]*)(?:/[^:)]*)?:(?<port>\d+)\) could not be established",
            None,
        ),
        // Go
        (
            r"dial (?:tcp|udp)[46]? (?<host>\[[0-9a-fA-F:%\w]+\]|[^\s:\[\]]+):(?<port>\d+): (?:connect: |i/o|no route|operation)",
            None,
        ),
        (
            r"lookup (?<host>[\w.-]+)(?: on \S+)?: (?:no such host|server misbehaving|Temporary failure)",
            None,
        ),
        // Java
        (
            r"(?:Connection refused|Connection timed out|Failed to connect to|Unable to connect to|Connection refused: getsockopt|no further information)[^/\n]{0,40}?\b(?<host>[A-Za-z][\w.-]*)/(?:[\d.]+|[0-9a-fA-F:]+|<unresolved>):(?<port>\d+)",
            None,
        ),
        (
            r"(?:Connection refused|no further information): /(?<host>[\d.]+|\[[0-9a-fA-F:]+\]):(?<port>\d+)",
            None,
        ),
        (r"Connection to (?<host>[\w.-]+):(?<port>\d+) refused", None),
        (r"UnknownHostException: (?<host>[\w.-]+)", None),
        // MySQL
        (
            r"Can't connect to MySQL server on '(?<host>[^':]+)(?::(?<port>\d+))?'",
            Some(3306),
        ),
        // urllib3, aiohttp, curl
        (
            r"HTTPS?ConnectionPool\(host='(?<host>[^']+)', port=(?<port>\d+)\).*(?:NewConnectionError|NameResolutionError|ConnectTimeoutError|refused)",
            None,
        ),
        (
            r"Cannot connect to host (?<host>[\w.-]+):(?<port>\d+)",
            None,
        ),
        (
            r"curl: \(\d+\) Failed to connect to (?<host>[\w.-]+) port (?<port>\d+)",
            None,
        ),
        // Rust
        (
            r"error sending request for url \(\w+://(?:[^@\s/]*@)?(?<host>[\w.-]+):(?<port>\d+)",
            None,
        ),
        // Ruby
        (
            r#"connect\(2\) for "?(?<host>[\w.-]+)"?(?: port |:)(?<port>\d+)"#,
            None,
        ),
        (
            r"Error connecting to Redis on (?<host>[\w.-]+):(?<port>\d+)",
            None,
        ),
        // nginx, Vite
        (
            r#"while connecting to upstream.*upstream: "\w+://(?<host>[^:/"]+):(?<port>\d+)"#,
            None,
        ),
        (
            r#"host not found in upstream "(?<host>[^":]+)(?::(?<port>\d+))?""#,
            None,
        ),
        // .NET
        (
            r"(?:actively refused it\.?|Connection refused) \(?\[?(?<host>[\w.:-]*\w)\]?:(?<port>\d+)\)?",
            None,
        ),
        (r"UnableToConnect on (?<host>[\w.-]+):(?<port>\d+)", None),
    ])
});

/// Words that only an address which cannot be reached gets.
static SAYS_SO: LazyLock<Pattern> = LazyLock::new(|| {
    Pattern::new(
        r"ECONNREFUSED|(?i:connection (?:was )?refused|actively refused|connect call failed|could not connect|failed to connect|unable to connect|can't connect|cannot connect)",
    )
});

/// An address that stands by itself in a line.
static ADDRESS: LazyLock<Pattern> = LazyLock::new(|| {
    Pattern::new(
        r"(?:\b\w[\w+.-]*://(?:[^@\s/]*@)?(?<name>[\w.-]+)|\b(?<host>localhost|\d{1,3}(?:\.\d{1,3}){3})|\[(?<six>[0-9a-fA-F]*:[0-9a-fA-F:.]+)\]):(?<port>\d{2,5})\b",
    )
});

static UNKNOWN_HOST: LazyLock<Pattern> = LazyLock::new(|| {
    Pattern::new(
        r"ENOTFOUND|EAI_AGAIN|UnknownHost|(?i:name or service not known|no such host|not translate host|name resolution|nodename nor servname|host not found|NameResolutionError|<unresolved>)|Error -[235]\b|\[Errno (?:-[23]|8|11001)\]",
    )
});
static NO_ANSWER: LazyLock<Pattern> = LazyLock::new(|| {
    Pattern::new(r"ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|(?i:timed? ?out|no route|unreachable)")
});
static REFUSED: LazyLock<Pattern> =
    LazyLock::new(|| Pattern::new(r"(?i:refused)|\b(?:111|61|10061)\b|Connect call failed"));
static LOST: LazyLock<Pattern> =
    LazyLock::new(|| Pattern::new(r"ECONNRESET|Error while reading|(?i:reset by peer)"));

/// The addresses that a line says cannot be reached, each once.
pub(super) fn mentions(text: &str) -> Vec<Mention> {
    let mut found = Vec::new();
    let mut add = |host: &str, port: Option<u16>| {
        let mention = Mention {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: port.and_then(Port::new),
            why: why(text),
        };
        let known = |other: &Mention| {
            other.host == mention.host && (other.port == mention.port || mention.port.is_none())
        };
        if !mention.host.is_empty() && !found.iter().any(known) {
            found.push(mention);
        }
    };
    for (captures, default) in PATTERNS.matches(text) {
        let port = captures.group("port").and_then(|port| port.parse().ok());
        if let Some(host) = captures.group("host") {
            add(host, port.or(*default));
        }
    }
    if found.is_empty() && SAYS_SO.is_match(text) {
        let mut add = |host: &str, port: Option<u16>| {
            found.push(Mention {
                host: host.to_owned(),
                port: port.and_then(Port::new),
                why: why(text),
            });
        };
        // Of several addresses nobody knows which is meant.
        let mut addresses = ADDRESS.all(text);
        if let (Some(captures), None) = (addresses.next(), addresses.next()) {
            let host = ["name", "host", "six"]
                .iter()
                .find_map(|group| captures.group(group));
            let port = captures.group("port").and_then(|port| port.parse().ok());
            add(host.unwrap_or_default(), port);
        }
    }
    found
}

fn why(text: &str) -> UnreachableWhy {
    if UNKNOWN_HOST.is_match(text) {
        UnreachableWhy::UnknownHost
    } else if REFUSED.is_match(text) && !text.contains("ETIMEDOUT") {
        UnreachableWhy::Refused
    } else if LOST.is_match(text) {
        UnreachableWhy::Lost
    } else if NO_ANSWER.is_match(text) {
        UnreachableWhy::NoAnswer
    } else {
        UnreachableWhy::Refused
    }
}
