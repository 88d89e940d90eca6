//! In a compose network, services are hosts by their names. In a stack they are ports of this
//! computer, so addresses in variables are written anew.

use std::collections::BTreeMap;

use super::ports::ports;
use crate::{
    detect::stores,
    draft::plain,
    import::{
        text::{Known, Piece, Text},
        tree::Node,
    },
};

/// Where the services of a compose file listen: in their network, and on this computer.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts(BTreeMap<String, Host>);

#[derive(Clone, Debug)]
struct Host {
    /// The service.
    name: String,
    /// The ports in the network that have one on this computer.
    ports: Vec<(u16, u16)>,
    /// The first of them, which is the `port` of the service.
    main: Option<u16>,
}

/// What the names of variables that hold a host have in them.
const HOSTS: [&str; 7] = [
    "HOST", "SERVER", "ADDR", "BROKER", "ENDPOINT", "URL", "NODES",
];

impl Hosts {
    pub(super) fn of(services: &[(String, usize, Node)], known: &Known) -> Self {
        let mut hosts = BTreeMap::new();
        for (name, _, node) in services {
            let mut pairs: Vec<(u16, u16)> = ports(node, known)
                .iter()
                .filter_map(|port| Some((port.inside?, port.outside?)))
                .collect();
            if pairs.is_empty()
                && let Some(port) = exposed(node).or_else(|| store_port(node))
            {
                pairs.push((port, port));
            }
            let host = Host {
                name: name.clone(),
                main: pairs.first().map(|(inside, _)| *inside),
                ports: pairs,
            };
            let others = ["container_name", "hostname"];
            let others = others.iter().filter_map(|key| node.get(key)?.scalar());
            for other in others {
                hosts.insert(other, host.clone());
            }
            hosts.insert(name.clone(), host);
        }
        Self(hosts)
    }

    /// The same of a text with variables, as a stack file has it. A variable whose usual value is such
    /// an address is not asked: what it says elsewhere does not hold here.
    pub(super) fn in_text(&self, variable: &str, text: &Text) -> (String, Vec<String>) {
        let mut written = String::new();
        let mut used = Vec::new();
        for piece in &text.0 {
            let plain = match piece {
                Piece::Plain(text) => plain(text),
                Piece::Variable { default, .. } => plain(default.as_deref().unwrap_or_default()),
            };
            let (rewritten, services) = self.rewritten(variable, &plain);
            if services.is_empty() {
                written.push_str(&Text(vec![piece.clone()]).in_stack_file());
            } else {
                written.push_str(&rewritten);
                used.extend(services);
            }
        }
        (written, used)
    }

    /// A value with addresses that hold on this computer, and the services that it refers to.
    /// `variable` is the name of what has this value.
    fn rewritten(&self, variable: &str, text: &str) -> (String, Vec<String>) {
        // A word alone may be anything: the name of a database, a user.
        let is_host = HOSTS.iter().any(|it| variable.to_uppercase().contains(it));
        let mut written = String::new();
        let mut used: Vec<String> = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let Some((name, host)) = self.host_at(text, at, is_host) else {
                let next = text[at..].chars().next().map_or(1, char::len_utf8);
                written.push_str(&text[at..at + next]);
                at += next;
                continue;
            };
            let rest = &text[at + name.len()..];
            let digits = rest.strip_prefix(':').unwrap_or_default();
            let end = digits
                .find(|it: char| !it.is_ascii_digit())
                .unwrap_or(digits.len());
            let port: Option<u16> = digits[..end].parse().ok();
            written.push_str("localhost");
            at += name.len();
            if let Some(port) = port {
                let pair = host.ports.iter().find(|(inside, _)| *inside == port);
                written.push(':');
                match pair {
                    // Of a service that has a name in the stack file.
                    Some(_) if host.main == Some(port) => {
                        written.push_str(&["{", &host.name, ".port}"].concat());
                    }
                    Some((_, outside)) => written.push_str(&outside.to_string()),
                    None => written.push_str(&digits[..end]),
                }
                at += 1 + end;
            }
            if !used.contains(&host.name) {
                used.push(host.name.clone());
            }
        }
        (written, used)
    }

    /// The service whose name stands here as a host: as the whole text, or in an address.
    fn host_at<'a>(&'a self, text: &str, at: usize, is_host: bool) -> Option<(&'a str, &'a Host)> {
        let before = &text[..at];
        let begins = before.is_empty()
            || before.ends_with("//")
            || before.ends_with('@')
            || before.ends_with(',');
        if !begins {
            return None;
        }
        let rest = &text[at..];
        let mut found = self.0.iter().filter(|(name, _)| {
            let Some(after) = rest.strip_prefix(name.as_str()) else {
                return false;
            };
            let port = after
                .strip_prefix(':')
                .is_some_and(|after| after.starts_with(|it: char| it.is_ascii_digit()));
            let is_alone = before.is_empty() || before.ends_with(',');
            let ends = after.is_empty() || after.starts_with(['/', ',', '?']);
            port || (ends && (!is_alone || is_host))
        });
        let (name, host) = found.next()?;
        Some((name, host))
    }
}

fn exposed(node: &Node) -> Option<u16> {
    node.get("expose")?.list().iter().find_map(Node::port)
}

/// The port on which the image of a store listens.
fn store_port(node: &Node) -> Option<u16> {
    let image = Text::interpolated(node.get("image")?.text()?).likely();
    stores::of_image(&image).map(|store| store.port)
}
