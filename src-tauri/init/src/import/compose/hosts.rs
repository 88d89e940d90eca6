//! In a compose network, service names are host names. In a stack, services are ports of this computer, so addresses
//! in variables are rewritten.

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

/// The ports of the services of a compose file, in their network and on this computer.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts(BTreeMap<String, Host>);

#[derive(Clone, Debug)]
struct Host {
    /// The service.
    name: String,
    /// Ports in the network, with the port on this computer.
    ports: Vec<(u16, u16)>,
    /// The first one, which is the `port` of the service.
    main: Option<u16>,
}

/// Parts of the names of variables that contain a host.
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

    /// Rewrites the addresses in a text with variables. A variable whose default is such an address is replaced,
    /// since its value is for the network. Returns the services that the text refers to, too.
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

    /// Rewrites the addresses in the value of a variable. Returns the services that it refers to, too.
    fn rewritten(&self, variable: &str, text: &str) -> (String, Vec<String>) {
        // A single word may also be the name of a database or a user.
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
                    // The port that the stack file names.
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

    /// Returns the service whose name is the host at this position: the whole text, or in an address.
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

/// Returns the port of a store's image.
fn store_port(node: &Node) -> Option<u16> {
    let image = Text::interpolated(node.get("image")?.text()?).likely();
    stores::of_image(&image).map(|store| store.port)
}
