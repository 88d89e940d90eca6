//! The ports of a compose service, in the short and in the long notation.

use super::super::{
    text::{Known, Text},
    tree::Node,
};

/// A published port or port range of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Published {
    pub(super) line: usize,
    /// The address on this computer, if limited to one.
    pub(super) host: Option<String>,
    /// The port on this computer, if it is a single one.
    pub(super) outside: Option<u16>,
    /// The port in the container, if it is a single one.
    pub(super) inside: Option<u16>,
    /// The argument for a container engine.
    pub(super) argument: String,
}

impl Published {
    /// Returns whether it is a single TCP port, which a stack file can name.
    pub(super) fn is_one(&self) -> bool {
        self.outside.is_some() && self.inside.is_some()
    }
}

pub(super) fn ports(node: &Node, known: &Known) -> Vec<Published> {
    let items = node.get("ports").map_or(&[][..], Node::list).iter();
    items.filter_map(|item| published(item, known)).collect()
}

fn published(item: &Node, known: &Known) -> Option<Published> {
    let line = item.line;
    let filled = |node: &Node| Some(Text::interpolated(&node.scalar()?).knowing(known).likely());
    if let Some(target) = item.get("target").and_then(filled) {
        let outside = item
            .get("published")
            .and_then(filled)
            .unwrap_or_else(|| target.clone());
        let protocol = item.get("protocol").and_then(Node::text).unwrap_or("tcp");
        let host = item.get("host_ip").and_then(filled);
        return Some(made(line, host, &outside, &target, protocol));
    }
    let text = filled(item)?;
    let (text, protocol) = text.split_once('/').unwrap_or((&text, "tcp"));
    // An IPv6 address is in brackets.
    let (host, numbers) = match text.rfind("]:") {
        Some(end) => (Some(text[..=end].to_owned()), &text[end + 2..]),
        None => match text.splitn(3, ':').collect::<Vec<_>>()[..] {
            [host, _, _] => (Some(host.to_owned()), &text[host.len() + 1..]),
            _ => (None, text),
        },
    };
    let (outside, inside) = numbers.split_once(':').unwrap_or((numbers, numbers));
    let outside = if outside.is_empty() { inside } else { outside };
    Some(made(line, host, outside, inside, protocol))
}

fn made(
    line: usize,
    host: Option<String>,
    outside: &str,
    inside: &str,
    protocol: &str,
) -> Published {
    let is_tcp = protocol == "tcp";
    let number = |text: &str| text.parse().ok().filter(|port: &u16| is_tcp && *port > 0);
    let before = host
        .as_ref()
        .map_or(String::new(), |host| format!("{host}:"));
    let after = if is_tcp {
        String::new()
    } else {
        format!("/{protocol}")
    };
    Published {
        line,
        outside: number(outside),
        inside: number(inside),
        argument: format!("{before}{outside}:{inside}{after}"),
        host,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::tree::yaml, *};

    #[test]
    fn ports_are_read_in_all_notations() {
        let text = "ports:\n  - 3000\n  - '8080:80'\n  - 127.0.0.1:5433:5432\n  - '53:53/udp'\n  \
                    - '4000-4001:4000-4001'\n  - '${P:-9000}:9001'\n  - {target: 6379, published: '6380'}\n  \
                    - '[::1]:81:80'\n";
        let ports = ports(&yaml(text).unwrap(), &Known::new());
        let read: Vec<_> = ports
            .iter()
            .map(|it| (it.outside, it.inside, it.argument.as_str()))
            .collect();
        assert_eq!(
            read,
            [
                (Some(3000), Some(3000), "3000:3000"),
                (Some(8080), Some(80), "8080:80"),
                (Some(5433), Some(5432), "127.0.0.1:5433:5432"),
                (None, None, "53:53/udp"),
                (None, None, "4000-4001:4000-4001"),
                (Some(9000), Some(9001), "9000:9001"),
                (Some(6380), Some(6379), "6380:6379"),
                (Some(81), Some(80), "[::1]:81:80"),
            ]
        );
    }
}
