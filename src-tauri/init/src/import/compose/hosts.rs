//! In a compose network, service names are host names. In a stack, services are ports of this computer, so addresses
//! in variables are rewritten.

use std::{collections::BTreeMap, sync::LazyLock};

use regex::{Captures, Regex};

use super::ports::ports;
use crate::{
    detect::{pattern, stores},
    draft::plain,
    import::{
        text::{Known, Piece, Text},
        tree::Node,
    },
};

/// The ports of the services of a compose file, in their network and on this computer.
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

/// A host where an address may begin, and its port.
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| pattern(r"(^|//|@|,)([\w.-]+)(?::(\d+))?"));

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
        let mut used: Vec<String> = Vec::new();
        let written = ADDRESS.replace_all(text, |found: &Captures<'_>| {
            let (before, port) = (&found[1], found.get(3).map(|port| port.as_str()));
            let after = &text[found.get_match().end()..];
            let is_alone = before.is_empty() || before == ",";
            let ends = after.is_empty() || after.starts_with(['/', ',', '?']);
            let is_address = port.is_some() || (ends && (!is_alone || is_host));
            let host = self.0.get(&found[2]).filter(|_| is_address);
            let Some(host) = host else {
                return found[0].to_owned();
            };
            if !used.contains(&host.name) {
                used.push(host.name.clone());
            }
            let Some(port) = port else {
                return format!("{before}localhost");
            };
            let mut pairs = host.ports.iter();
            let pair = pairs.find(|(inside, _)| port.parse() == Ok(*inside));
            match pair {
                // The port that the stack file names.
                Some((inside, _)) if host.main == Some(*inside) => {
                    format!("{before}localhost:{{{}.port}}", host.name)
                }
                Some((_, outside)) => format!("{before}localhost:{outside}"),
                None => format!("{before}localhost:{port}"),
            }
        });
        (written.into_owned(), used)
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
