//! Slots: separate ports for a checkout of a stack, beside other checkouts of the same repository.
//!
//! A stack in a slot is the stack of its file with other ports. Literal addresses of its own
//! services on this machine become placeholders, so that all of the stack file is adapted.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    Command, Hook, Piece, Port, PortConflict, Service, ServiceName, Stack, Template, change::Change,
};
use crate::stack_file::written;

/// The ports of one checkout.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// The port of each service that has one.
    pub ports: BTreeMap<ServiceName, Port>,
    /// The checkout as a part of a host name: `feature-x`.
    pub label: String,
    /// The checkout that used the declared ports when the slot was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<String>,
    /// The folder for the data of stores that would otherwise share one between checkouts.
    #[serde(skip)]
    pub data: PathBuf,
}

/// The first and the last port of slots, below the ports that operating systems assign to clients.
const FIRST: u16 = 20_000;
const LAST: u16 = 29_999;
/// Ports in that range that servers use by default, such as `MongoDB` and Kafka.
const USUAL: [u16; 6] = [25_565, 27_017, 27_018, 27_019, 28_015, 29_092];
/// The size of a slot, which leaves room for later services.
const BLOCK: u16 = 20;

/// The maximum length of a label, so that a part of a host name stays within its limit of 63
/// characters.
const LONGEST_LABEL: usize = 40;

/// Stores that keep their data in a folder outside of the checkout: the program, the option for the
/// folder, and whether it has such a folder by default.
const STORES: [(&str, &str, bool); 6] = [
    ("redis-server", "--dir", false),
    ("valkey-server", "--dir", false),
    ("mongod", "--dbpath", true),
    ("etcd", "--data-dir", false),
    ("meilisearch", "--db-path", false),
    ("nats-server", "--store_dir", false),
];

/// The notations of addresses of this machine, before a port.
const HERE: [&str; 4] = ["localhost:", "127.0.0.1:", "[::1]:", "0.0.0.0:"];

impl Slot {
    /// Returns free ports for these services: in the block of `seed`, or else in the next block
    /// whose ports are all free. `None` if there is no such block.
    pub fn choose(
        services: &[ServiceName],
        seed: u64,
        is_free: impl Fn(Port) -> bool,
    ) -> Option<BTreeMap<ServiceName, Port>> {
        let count = u16::try_from(services.len()).ok()?;
        let size = count.max(1).checked_next_multiple_of(BLOCK)?;
        let blocks = (LAST - FIRST + 1) / size;
        let preferred = u16::try_from(seed.checked_rem(blocks.into())?).ok()?;
        (0..blocks).find_map(|step| {
            let block = (preferred + step) % blocks;
            let ports = (FIRST + block * size..).filter_map(Port::new);
            let ports: BTreeMap<_, _> = services.iter().cloned().zip(ports).collect();
            let is_good = |port: &Port| !USUAL.contains(&port.number()) && is_free(*port);
            ports.values().all(is_good).then_some(ports)
        })
    }

    /// Adds free ports for services that are new in the stack file. Returns whether there were any.
    pub fn extend(&mut self, services: &[ServiceName], is_free: impl Fn(Port) -> bool) -> bool {
        let last = self.ports.values().max();
        let mut next = last.map_or(FIRST, |port| port.number());
        let mut is_changed = false;
        for name in services {
            if self.ports.contains_key(name) {
                continue;
            }
            let free = (next.saturating_add(1)..=LAST).filter_map(Port::new);
            let Some(port) = free.into_iter().find(|port| is_free(*port)) else {
                break;
            };
            next = port.number();
            self.ports.insert(name.clone(), port);
            is_changed = true;
        }
        is_changed
    }
}

/// Returns the name of a checkout as a part of a host name.
#[must_use]
pub fn label(checkout: &str) -> String {
    let mut label = String::new();
    for c in checkout.chars().take(LONGEST_LABEL) {
        if c.is_ascii_alphanumeric() {
            label.push(c.to_ascii_lowercase());
        } else if !label.is_empty() && !label.ends_with('-') {
            label.push('-');
        }
    }
    match label.trim_end_matches('-') {
        "" => "checkout".to_owned(),
        label => label.to_owned(),
    }
}

impl Stack {
    /// Returns the services whose ports a slot replaces.
    #[must_use]
    pub fn movable(&self) -> Vec<ServiceName> {
        let services = self.services.iter();
        let own = services.filter(|service| !service.is_external() && service.port.is_some());
        own.map(|service| service.name.clone()).collect()
    }

    /// Returns this stack with the ports of a slot. Addresses of its services in commands, hooks,
    /// probes, checks, variables and links are adapted, and stores get their own folders. A service
    /// whose port in the slot is in use takes the next one, since no file contains that port.
    #[must_use]
    pub fn in_slot(&self, slot: &Arc<Slot>) -> Self {
        let declared = self.services.iter().filter_map(|service| {
            slot.ports.get(&service.name)?;
            Some((service.port?, service.name.clone()))
        });
        let declared: BTreeMap<Port, ServiceName> = declared.collect();
        let services = self.services.iter().map(|service| {
            let mut moved = Service::clone(service);
            moved.change(&Following {
                declared: &declared,
                own: service.port,
            });
            let port = slot.ports.get(&service.name);
            if let Some(port) = port.filter(|_| service.port.is_some()) {
                let named = moved.ports.values_mut();
                named
                    .filter(|named| Some(**named) == service.port)
                    .for_each(|named| *named = *port);
                moved.port = Some(*port);
                if moved.port_conflict == PortConflict::Replace {
                    moved.port_conflict = PortConflict::Next;
                }
            }
            let opened = moved.hooks.values_mut().filter_map(|hook| match hook {
                Hook::Open(address) => Some(address),
                Hook::Run(_) => None,
            });
            for link in moved.links.values_mut().chain(opened) {
                *link = named(link, &service.name, &slot.label);
            }
            if let Some(Command::Argv(argv)) = &mut moved.command {
                let data = slot.data.join(service.name.as_str());
                keep_apart(argv, self.directory(), &data);
            }
            Arc::new(moved)
        });
        Self {
            services: services.collect(),
            slot: Some(slot.clone()),
            declared,
            ..self.clone()
        }
    }
}

/// Replaces literal addresses of services on this machine with placeholders. In a command, also the
/// number of the service's own port as a separate word: `--port 8001`.
struct Following<'a> {
    declared: &'a BTreeMap<Port, ServiceName>,
    own: Option<Port>,
}

impl Change for Following<'_> {
    type Text = Template;

    fn text(&self, text: &Template) -> Template {
        follow(text, self.declared, None)
    }

    fn word(&self, word: &Template) -> Template {
        follow(word, self.declared, self.own)
    }

    fn json(&self, text: &Template) -> String {
        written(&self.text(text))
    }
}

fn follow(
    template: &Template,
    declared: &BTreeMap<Port, ServiceName>,
    own: Option<Port>,
) -> Template {
    let mut pieces = Vec::new();
    for piece in template.pieces() {
        let Piece::Text(text) = piece else {
            pieces.push(piece.clone());
            continue;
        };
        let mut begin = 0;
        for (at, number) in numbers(text) {
            let (before, end) = (&text[..at], at + number.len());
            let Some(port) = number.parse().ok().and_then(Port::new) else {
                continue;
            };
            let is_address = HERE.iter().any(|here| before.ends_with(here));
            let (last, next) = (before.chars().next_back(), text[end..].chars().next());
            let is_word = own == Some(port)
                && last.is_none_or(|c| " =:'\"".contains(c))
                && next.is_none_or(|c| " '\"/;".contains(c));
            let piece = match declared.get(&port) {
                Some(service) if is_address => Piece::PortOf(service.clone()),
                Some(_) if is_word => Piece::OwnPort,
                _ => continue,
            };
            pieces.extend([Piece::Text(text[begin..at].to_owned()), piece]);
            begin = end;
        }
        pieces.push(Piece::Text(text[begin..].to_owned()));
    }
    pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
    Template::new(pieces)
}

/// Returns the sequences of digits in a text, with their positions.
fn numbers(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(|c: char| c.is_ascii_digit())?;
        let rest = &text[start..];
        let end = rest.find(|c: char| !c.is_ascii_digit());
        let length = end.unwrap_or(rest.len());
        at = start + length;
        Some((start, &rest[..length]))
    })
}

/// Returns a link with the name of its service and checkout as the host, since browsers share
/// cookies between the ports of a host.
fn named(link: &Template, owner: &ServiceName, label: &str) -> Template {
    let pieces = link.pieces();
    let named = pieces.iter().enumerate().map(|(place, piece)| {
        let (Piece::Text(text), Some(Piece::OwnPort | Piece::PortOf(_))) =
            (piece, pieces.get(place + 1))
        else {
            return piece.clone();
        };
        let service = match pieces.get(place + 1) {
            Some(Piece::PortOf(other)) => other,
            _ => owner,
        };
        let service = self::label(service.as_str());
        let hosts = ["://localhost:", "://127.0.0.1:", "://[::1]:"];
        let scheme = hosts.iter().find_map(|host| text.strip_suffix(host));
        let host = |scheme| Piece::Text(format!("{scheme}://{service}.{label}.localhost:"));
        scheme.map_or_else(|| piece.clone(), host)
    });
    Template::new(named.collect())
}

/// Gives a store its own data folder if it would share one with other checkouts.
fn keep_apart(argv: &mut Vec<Template>, checkout: &Path, own: &Path) {
    let words: Vec<String> = argv.iter().map(Template::to_string).collect();
    let program = words.first();
    let program = program.and_then(|program| Path::new(program).file_stem());
    let store = STORES
        .iter()
        .find(|(name, ..)| program.is_some_and(|program| program == *name));
    let Some((_, option, has_usual)) = store else {
        return;
    };
    let own = Template::text(&own.to_string_lossy());
    let is_shared = |folder: &str| {
        let folder = Path::new(folder);
        folder.is_absolute() && !folder.starts_with(checkout)
    };
    let given = words.iter().position(|word| {
        let rest = word.strip_prefix(option);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    });
    let Some(at) = given else {
        // A configuration file may set the folder.
        let is_configured = words
            .iter()
            .any(|word| matches!(&**word, "-f" | "--config"));
        if *has_usual && !is_configured {
            argv.extend([Template::text(option), own]);
        }
        return;
    };
    match words[at].strip_prefix(&format!("{option}=")) {
        Some(folder) if is_shared(folder) => {
            argv[at] = Template::text(&format!("{option}={own}"));
        }
        None if words.get(at + 1).is_some_and(|folder| is_shared(folder)) => {
            argv[at + 1] = own;
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        env::Env,
        stack::{Body, CheckAction, HookEvent, Probe, StopMethod},
        stack_file,
    };

    const TEXT: &str = r#"
[service.redis]
command = "redis-server --port 6379 --dir /var/lib/redis --maxmemory 63790"
port = 6379
ready = { redis = "redis://localhost:6379/0" }
stop = { command = "redis-cli -p 6379 shutdown" }

[service.backend]
command = ["uvicorn", "main:app", "--port=8001", "--host", "0.0.0.0:8001"]
port = 8001
env = { CACHE = "redis://:pw@127.0.0.1:6379/1", OTHER = "http://example.com:8001", SIZE = "8001" }
env_command = "secrets --for http://localhost:8001"
known = [{ says = "locked", do = "Unlock it.", command = "unlock --port 8001" }]
on = { ready = "open {links.docs}", failed = ["report", "redis://localhost:6379"] }
ready = { http = "http://localhost:8001/health" }
links = { docs = "http://localhost:8001/docs", other = "http://localhost:9000/" }

[[service.backend.check]]
name = "session"
http = { url = "/session", json = { page = "http://localhost:5173/{{id}}", ports = [8001] } }
origin = "http://localhost:5173"

[service.frontend]
command = "npx vite --port {port}"
port = 5173
links = { app = "/" }
"#;

    fn moved() -> Stack {
        let file = if cfg!(windows) {
            r"C:\project\pilotlight.toml"
        } else {
            "/project/pilotlight.toml"
        };
        let stack = stack_file::parse(Path::new(file), TEXT.as_bytes(), &Env::new()).unwrap();
        let ports = Slot::choose(&stack.movable(), 0, |_| true).unwrap();
        stack.in_slot(&Arc::new(Slot {
            ports,
            label: label("feature/x"),
            data: "slots".into(),
            ..Slot::default()
        }))
    }

    fn command(stack: &Stack, service: &str) -> String {
        let service = stack.service(&service.into()).unwrap();
        let command = service.command.as_ref().unwrap();
        command.render(&service.name, stack).to_string()
    }

    #[test]
    fn the_whole_stack_file_is_adapted_to_the_ports_of_a_slot() {
        let stack = moved();
        let redis = stack.service(&"redis".into()).unwrap();
        let backend = stack.service(&"backend".into()).unwrap();
        let render = |template: &Template| template.render(&backend.name, &stack);
        assert_eq!(
            stack
                .services
                .iter()
                .map(|it| it.port.unwrap().number())
                .collect::<Vec<_>>(),
            [20_000, 20_001, 20_002]
        );
        assert!(command(&stack, "redis").starts_with("redis-server --port 20000 --dir "));
        assert!(command(&stack, "redis").ends_with(" --maxmemory 63790"));
        assert_eq!(
            command(&stack, "backend"),
            "uvicorn main:app '--port=20001' --host 0.0.0.0:20001"
        );
        assert_eq!(command(&stack, "frontend"), "npx vite --port 20002");
        let StopMethod::Command(stop) = &redis.stop.graceful else {
            panic!("{:?}", redis.stop);
        };
        assert_eq!(
            stop.render(&redis.name, &stack).to_string(),
            "redis-cli -p 20000 shutdown"
        );
        let probe = redis.ready.probes[0].render(&redis.name, &stack);
        assert_eq!(probe, Probe::Redis("redis://localhost:20000/0".into()));
        assert_eq!(
            render(&backend.env["CACHE"]),
            "redis://:pw@127.0.0.1:20000/1"
        );
        assert_eq!(render(&backend.env["OTHER"]), "http://example.com:8001");
        assert_eq!(render(&backend.env["SIZE"]), "8001");
        assert_eq!(
            render(&backend.links["docs"]),
            "http://backend.feature-x.localhost:20001/docs"
        );
        assert_eq!(render(&backend.links["other"]), "http://localhost:9000/");
        let origin = backend.checks[0].origin.as_ref().unwrap();
        assert_eq!(render(origin), "http://localhost:20002");
        let frontend = stack.service(&"frontend".into()).unwrap();
        assert_eq!(
            frontend.links["app"].render(&frontend.name, &stack),
            "http://frontend.feature-x.localhost:20002/"
        );
    }

    #[test]
    fn other_commands_and_json_are_adapted_too() {
        let stack = moved();
        let backend = stack.service(&"backend".into()).unwrap();
        let render = |command: &Command| command.render(&backend.name, &stack).to_string();
        assert_eq!(
            render(backend.env_command.as_ref().unwrap()),
            "secrets --for http://localhost:20001"
        );
        assert_eq!(
            render(backend.known[0].command.as_ref().unwrap()),
            "unlock --port 20001"
        );
        let Hook::Run(report) = &backend.hooks[&HookEvent::Failed] else {
            panic!("{:?}", backend.hooks);
        };
        assert_eq!(render(report), "report redis://localhost:20000");
        let Hook::Open(opened) = &backend.hooks[&HookEvent::Ready] else {
            panic!("{:?}", backend.hooks);
        };
        assert_eq!(
            opened.render(&backend.name, &stack),
            "http://backend.feature-x.localhost:20001/docs"
        );
        let CheckAction::Http(request) = backend.checks[0].render(&backend.name, &stack).action
        else {
            panic!("{:?}", backend.checks);
        };
        let sent = serde_json::json!({ "page": "http://localhost:20002/{id}", "ports": [8001] });
        assert_eq!(request.body, Some(Body::Json(sent)));
    }

    #[test]
    fn a_store_with_a_shared_folder_gets_its_own() {
        let checkout = std::env::temp_dir();
        let shared = checkout.parent().unwrap_or(&checkout).join("elsewhere");
        let inside = checkout.join("data");
        let kept = |words: &[&str]| {
            let mut argv: Vec<Template> = words.iter().map(|word| Template::text(word)).collect();
            keep_apart(&mut argv, &checkout, Path::new("own"));
            let argv: Vec<String> = argv.iter().map(Template::to_string).collect();
            argv.join(" ")
        };
        let (shared, inside) = (shared.to_string_lossy(), inside.to_string_lossy());
        assert_eq!(kept(&["mongod"]), "mongod --dbpath own");
        assert_eq!(
            kept(&["mongod", "--config", "m.conf"]),
            "mongod --config m.conf"
        );
        assert_eq!(kept(&["redis-server"]), "redis-server");
        assert_eq!(
            kept(&["redis-server", "--dir", &shared]),
            "redis-server --dir own"
        );
        assert_eq!(
            kept(&["redis-server", "--dir", "data"]),
            "redis-server --dir data"
        );
        let same = ["redis-server", "--dir", &inside];
        assert_eq!(kept(&same), same.join(" "));
        let word = format!("--data-dir={shared}");
        assert_eq!(kept(&["etcd", &word]), "etcd --data-dir=own");
    }

    #[test]
    fn a_slot_is_a_block_of_free_ports_and_grows_with_the_stack() {
        let names: Vec<ServiceName> = ["a", "b"].map(ServiceName::new).into();
        let taken = |port: Port| port.number() == 20_021;
        let ports = Slot::choose(&names, 1, |port| !taken(port)).unwrap();
        assert_eq!(
            ports[&names[0]].number(),
            20_040,
            "its own block has a port in use"
        );
        assert_eq!(Slot::choose(&names, 7, |_| false), None);
        let mut slot = Slot {
            ports,
            ..Slot::default()
        };
        assert!(!slot.extend(&names, |_| true));
        let more = [names, vec!["c".into()]].concat();
        assert!(slot.extend(&more, |port| port.number() != 20_042));
        assert_eq!(slot.ports[&more[2]].number(), 20_043);
    }

    #[test]
    fn a_label_is_valid_in_a_host_name() {
        for (checkout, expected) in [
            ("main", "main"),
            ("feature/Login_v2", "feature-login-v2"),
            ("--", "checkout"),
            ("日本", "checkout"),
        ] {
            assert_eq!(label(checkout), expected);
        }
    }
}
