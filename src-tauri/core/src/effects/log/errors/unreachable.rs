//! Addresses that a log reports as unreachable, in the words of common clients.

use std::sync::LazyLock;

use crate::{
    diagnose::evidence::log::UnreachableWhy,
    effects::log::pattern::Pattern,
    knowledge::{self, Found},
    stack::Port,
};

/// An address in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) host: String,
    pub(super) port: Option<Port>,
    pub(super) why: UnreachableWhy,
}

/// Words that only occur with an unreachable address.
static SAYS_SO: LazyLock<Pattern> = LazyLock::new(|| {
    Pattern::new(
        r"ECONNREFUSED|(?i:connection (?:was )?refused|actively refused|connect call failed|could not connect|failed to connect|unable to connect|can't connect|cannot connect)",
    )
});

/// An address in a line: a URL, or `host:port`.
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

/// Returns the addresses that a line reports as unreachable, each once.
pub(super) fn mentions(text: &str) -> Vec<Mention> {
    let mention = |host: &str, found: &Found<'_>, default: Option<u16>| {
        let port = found.group("port").and_then(|port| port.parse().ok());
        Mention {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: port.or(default).and_then(Port::new),
            why: why(text),
        }
    };
    let mut found: Vec<Mention> = Vec::new();
    for (captures, default) in knowledge::addresses(text) {
        let host = captures.group("host").unwrap_or_default();
        let mention = mention(host, &captures, default);
        let known = |other: &Mention| {
            other.host == mention.host && (other.port == mention.port || mention.port.is_none())
        };
        if !mention.host.is_empty() && !found.iter().any(known) {
            found.push(mention);
        }
    }
    // Most lines contain none of these literals and need no pattern.
    let may_say_so = ["onnect", "ONNECT", "efused", "EFUSED"];
    let may_say_so = may_say_so.iter().any(|word| text.contains(word));
    if found.is_empty() && may_say_so && SAYS_SO.is_match(text) {
        // With several addresses, it is unclear which one is meant.
        let mut addresses = ADDRESS.all(text);
        if let (Some(captures), None) = (addresses.next(), addresses.next()) {
            let groups = ["name", "host", "six"];
            let host = groups.iter().find_map(|group| captures.group(group));
            found.push(mention(host.unwrap_or_default(), &captures, None));
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
