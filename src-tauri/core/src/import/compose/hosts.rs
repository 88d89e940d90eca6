//! In a compose network, services are hosts by their names. In a stack they are ports of this
//! computer, so addresses in variables are written anew.

use std::collections::BTreeMap;

use super::{Project, container::known_port, ports::ports};
use crate::import::tree::Node;

/// Where the services of a compose file listen: in their network, and on this computer.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts(BTreeMap<String, Host>);

#[derive(Clone, Debug)]
struct Host {
    /// The ports in the network that have one on this computer.
    ports: Vec<(u16, u16)>,
    /// The first of them, which is the `port` of the service.
    main: Option<u16>,
}

/// From where an address is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    Source,
    Container,
}

impl Hosts {
    pub(super) fn of(services: &[(String, usize, Node)], project: &Project<'_>) -> Self {
        let mut hosts = BTreeMap::new();
        for (name, _, node) in services {
            let mut pairs: Vec<(u16, u16)> = ports(node, &project.known)
                .iter()
                .filter_map(|port| Some((port.inside?, port.outside?)))
                .collect();
            if pairs.is_empty()
                && let Some(port) = exposed(node).or_else(|| known_port(node))
            {
                pairs.push((port, port));
            }
            let host = Host {
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

    /// The port on this computer of a service that publishes none: what it exposes, or is known for.
    pub(super) fn only_port(&self, name: &str) -> Option<u16> {
        let host = self.0.get(name)?;
        host.ports.first().map(|(_, outside)| *outside)
    }

    /// A value with addresses that hold on this computer, and the services that it refers to.
    pub(super) fn rewritten(&self, text: &str, from: From) -> (String, Vec<String>) {
        let here = match from {
            From::Source => "localhost",
            From::Container => "host.docker.internal",
        };
        let mut written = String::new();
        let mut used = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let Some((name, host)) = self.host_at(text, at) else {
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
            written.push_str(here);
            at += name.len();
            if let Some(port) = port {
                let pair = host.ports.iter().find(|(inside, _)| *inside == port);
                written.push(':');
                match pair {
                    // Of a service that has a name in the stack file.
                    Some(_) if host.main == Some(port) => {
                        written.push_str(&format!("{{{name}.port}}"));
                    }
                    Some((_, outside)) => written.push_str(&outside.to_string()),
                    None => written.push_str(&digits[..end]),
                }
                at += 1 + end;
            }
            if !used.iter().any(|other| other == name) {
                used.push(name.to_owned());
            }
        }
        (written, used)
    }

    /// The service whose name stands here as a host: as the whole text, or in an address.
    fn host_at<'a>(&'a self, text: &str, at: usize) -> Option<(&'a str, &'a Host)> {
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
            let port = after.strip_prefix(':').is_some_and(|after| {
                after.starts_with(|it: char| it.is_ascii_digit())
            });
            // A bare word may be anything; it is a host where it is all there is, or has a port.
            let is_alone = before.is_empty() || before.ends_with(',');
            let ends = after.is_empty() || after.starts_with(['/', ',', '?']);
            port || (ends && (!is_alone || after.is_empty()))
        });
        let (name, host) = found.next()?;
        Some((name, host))
    }
}

fn exposed(node: &Node) -> Option<u16> {
    node.get("expose")?.list().iter().find_map(Node::port)
}
