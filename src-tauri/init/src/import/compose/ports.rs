//! The ports of a compose service, in the short and in the long notation.

use super::super::{
    text::{Known, Text},
    tree::Node,
};
use crate::detect::port_of;

/// A published port or port range of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Published {
    pub(super) line: usize,
    /// The TCP port on this computer, if it is a single one.
    pub(super) outside: Option<u16>,
    /// The TCP port in the container, if it is a single one.
    pub(super) inside: Option<u16>,
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
    let filled = |node: &Node| Some(Text::interpolated(&node.scalar()?).knowing(known).likely());
    let long = |key: &str| item.get(key).and_then(filled);
    let text = match long("target") {
        Some(target) => {
            let outside = long("published").unwrap_or_default();
            let protocol = long("protocol").unwrap_or_else(|| "tcp".to_owned());
            format!("{outside}:{target}/{protocol}")
        }
        None => filled(item)?,
    };
    let (text, protocol) = text.split_once('/').unwrap_or((&text, "tcp"));
    // `HOST:OUTSIDE:INSIDE`, `OUTSIDE:INSIDE` or `BOTH`.
    let mut parts = text.rsplit(':');
    let inside = parts.next()?;
    let outside = parts.next().filter(|it| !it.is_empty()).unwrap_or(inside);
    let number = |text: &str| port_of(text).filter(|_| protocol == "tcp");
    Some(Published {
        line: item.line,
        outside: number(outside),
        inside: number(inside),
    })
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
        let read: Vec<_> = ports.iter().map(|it| (it.outside, it.inside)).collect();
        assert_eq!(
            read,
            [
                (Some(3000), Some(3000)),
                (Some(8080), Some(80)),
                (Some(5433), Some(5432)),
                (None, None),
                (None, None),
                (Some(9000), Some(9001)),
                (Some(6380), Some(6379)),
                (Some(81), Some(80)),
            ]
        );
    }
}
