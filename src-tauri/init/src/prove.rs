//! The proving run: compares a stack that runs with its stack file, and changes the file to what is true.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
};

use pilotlight::{
    diagnose::{
        edit::{add_needs, add_service, declare_port, usual_server},
        is_local,
    },
    effects::{
        log::{OwnErrors, ServiceLogs, read_errors},
        port::{connections, programs_by_port, running},
        remedy::{Line, edited},
    },
    env::Env,
    fs::home::Home,
    host::clock,
    model::{
        finding::LineChange,
        view::{Light, ServiceView, StackView},
    },
    stack::{Port, ServiceName},
};

use crate::{detect::stores, import::DEBUGGERS};

/// The first port that systems give to a program that asks for any. It differs in each run.
const RANDOM: u16 = 32_768;

/// The processes of a running service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Processes {
    pids: BTreeSet<u32>,
    listens: BTreeSet<u16>,
}

/// What a running stack shows of its services.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    running: BTreeMap<ServiceName, Processes>,
    /// The ports that have a listener, each with the name of its program.
    listening: BTreeMap<u16, Option<String>>,
    /// The remote ports of the open connections of each service.
    connected: BTreeMap<ServiceName, BTreeSet<u16>>,
    /// The ports of this computer on which a service found no listener, according to its log.
    refused: BTreeMap<ServiceName, BTreeSet<u16>>,
}

/// A difference between a stack and its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// A sentence.
    pub text: String,
    /// The change of the stack file; empty if it is not known.
    pub changes: Vec<LineChange>,
}

/// What was learned, as one change of the stack file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// A sentence for each difference.
    pub lessons: Vec<String>,
    /// The changes, from top to bottom.
    pub changes: Vec<LineChange>,
    /// The changed lines, with context.
    pub difference: Vec<Line>,
}

impl Seen {
    /// Looks at the processes of a stack and at the listening sockets. Blocks for some milliseconds.
    ///
    /// # Errors
    ///
    /// The operating system does not list its processes.
    pub fn of(home: &Home, file: &Path) -> io::Result<Self> {
        let id = home.stack_id(file);
        let mut seen = Self {
            listening: programs_by_port(),
            ..Self::default()
        };
        for (pid, process) in running()? {
            if let Some(mark) = process.mark.filter(|mark| mark.stack == id) {
                let service = seen.running.entry(mark.service).or_default();
                service.pids.insert(pid);
                service.listens.extend(process.listens);
            }
        }
        Ok(seen)
    }

    /// Adds the connections of the services, and what their logs say of others. Blocks for some milliseconds.
    pub fn look_closely(&mut self, home: &Home, stack: &StackView) {
        for (name, processes) in &self.running {
            // Not every system tells them.
            let ports = connections(&processes.pids).unwrap_or_default();
            self.connected.insert(name.clone(), ports);
        }
        let id = home.stack_id(&stack.file);
        for service in &stack.services {
            let logs = ServiceLogs::of(home.logs(), &id, &service.name);
            let runs = logs.runs().unwrap_or_default().into_iter().rev();
            let since_start = usize::try_from(service.restarts).unwrap_or_default() + 1;
            let refused = runs.take(since_start).flat_map(|run| {
                let log = logs.run(run);
                read_errors(&log, &OwnErrors::default(), clock::now().wall).unreachable
            });
            let local = refused.filter(|it| is_local(&it.host));
            let ports = local.filter_map(|it| it.port).map(Port::number);
            self.refused.insert(service.name.clone(), ports.collect());
        }
    }

    /// Returns whether the same processes listen on the same ports as before.
    #[must_use]
    pub fn is_like(&self, before: &Self) -> bool {
        self.running == before.running
    }

    /// Returns whether a service that is not ready listens on another port than the declared one.
    #[must_use]
    pub fn is_misplaced(&self, service: &ServiceView, stack: &StackView) -> bool {
        let waits = matches!(service.light, Light::Amber | Light::Red);
        waits && service.port.is_some() && self.elsewhere(service, stack).is_some()
    }

    /// Returns the differences between a stack and the text of its file.
    #[must_use]
    pub fn lessons(&self, stack: &StackView, text: &str) -> Vec<Lesson> {
        let services = stack.services.iter().map(|service| &**service);
        let ports = services
            .clone()
            .filter_map(|service| self.port(service, stack, text));
        let needs = services
            .clone()
            .filter_map(|service| self.needs(service, stack, text));
        let servers = services.flat_map(|service| self.servers(service, stack, text));
        ports.chain(needs).chain(servers).collect()
    }

    /// Returns the lesson for a service that listens on another port than the declared one.
    fn port(&self, service: &ServiceView, stack: &StackView, text: &str) -> Option<Lesson> {
        let name = &service.name;
        let port = self.elsewhere(service, stack)?;
        Some(Lesson {
            text: match service.port {
                Some(declared) => format!("{name} listens on {port}, not {declared}"),
                None => format!("{name} listens on {port}; the file does not declare it"),
            },
            changes: declare_port(text, name, port, "it listens there").unwrap_or_default(),
        })
    }

    /// Returns the one port on which a service listens, if no service of the stack has it.
    fn elsewhere(&self, service: &ServiceView, stack: &StackView) -> Option<Port> {
        let listens = &self.running.get(&service.name)?.listens;
        let is_in_use = |port: Port| {
            let port = port.number();
            listens.contains(&port) || self.listening.contains_key(&port)
        };
        // Another process on its port is another fault.
        if service.port.is_some_and(is_in_use) {
            return None;
        }
        let mut others = listens.iter().copied().filter(|port| {
            *port < RANDOM && !DEBUGGERS.contains(port) && at(stack, *port).is_none()
        });
        let only = others.next().filter(|_| others.next().is_none())?;
        Port::new(only)
    }

    /// Returns the ports that a service has requested, each with whether a connection is open.
    fn requested(&self, service: &ServiceName) -> impl Iterator<Item = (u16, bool)> {
        let ports = |of: &BTreeMap<ServiceName, BTreeSet<u16>>| {
            of.get(service).cloned().unwrap_or_default().into_iter()
        };
        let connected = ports(&self.connected).map(|port| (port, true));
        connected.chain(ports(&self.refused).map(|port| (port, false)))
    }

    /// Returns the services that it requests and does not wait for.
    fn needs(&self, service: &ServiceView, stack: &StackView, text: &str) -> Option<Lesson> {
        let mut reasons = BTreeMap::new();
        for (port, is_open) in self.requested(&service.name) {
            let Some(other) = at(stack, port) else {
                continue;
            };
            let waits = needs(stack, service, &other.name) || needs(stack, other, &service.name);
            if !waits && other.name != service.name {
                reasons.entry(other.name.as_str()).or_insert(if is_open {
                    "is connected to"
                } else {
                    "was started before"
                });
            }
        }
        let names: Vec<&str> = reasons.keys().copied().collect();
        let reasons = reasons.iter();
        let reasons: Vec<String> = reasons.map(|(name, why)| format!("{why} {name}")).collect();
        (!names.is_empty()).then(|| Lesson {
            text: format!(
                "{} {}, and does not wait for it",
                service.name,
                reasons.join(" and ")
            ),
            changes: add_needs(text, &service.name, &names).unwrap_or_default(),
        })
    }

    /// Returns the servers that it requests and that the file does not declare.
    fn servers(&self, service: &ServiceView, stack: &StackView, text: &str) -> Vec<Lesson> {
        let name = &service.name;
        let requested: BTreeMap<u16, bool> = self.requested(name).collect();
        let undeclared = requested
            .into_iter()
            .filter(|(port, _)| at(stack, *port).is_none());
        let lesson = |(port, is_open): (u16, bool)| {
            let (server, text_of) = match self.listening.get(&port) {
                Some(program) => {
                    let store = stores::of_listener(port, program.as_deref())?;
                    let lines = [
                        format!("[service.{}]", store.name),
                        "external = true  # it runs outside of the project".to_owned(),
                        format!("port = {port}"),
                    ];
                    let text = format!("{name} uses {} on port {port}", store.name);
                    (Some((store.name.as_str(), lines.to_vec())), text)
                }
                // The connection of another computer, or one that has ended.
                None if is_open => return None,
                None => {
                    let text = format!("{name} requests port {port}, where nothing is listening");
                    (usual_server(port), text)
                }
            };
            let changes =
                server.and_then(|(server, lines)| add_service(text, name, server, &lines));
            Some(Lesson {
                text: format!("{text_of}; the file does not declare it"),
                changes: changes.unwrap_or_default(),
            })
        };
        undeclared.filter_map(lesson).collect()
    }
}

/// Returns the service of a stack that has a port.
fn at(stack: &StackView, port: u16) -> Option<&ServiceView> {
    let has = |service: &&ServiceView| {
        let mut ports = service.port.iter().chain(service.ports.values());
        ports.any(|it| it.number() == port)
    };
    stack.services.iter().map(|service| &**service).find(has)
}

/// Returns whether a service waits for another, directly or not. The file has no rings.
fn needs(stack: &StackView, service: &ServiceView, other: &ServiceName) -> bool {
    service.needs.iter().any(|need| {
        let next = stack.services.iter().find(|it| it.name == *need);
        need == other || next.is_some_and(|next| needs(stack, next, other))
    })
}

impl Learned {
    /// Returns the lessons as one change, without those that contradict an earlier one: the next run shows
    /// them again.
    #[must_use]
    pub fn of(file: &Path, text: &str, lessons: &[Lesson], variables: &Env) -> Self {
        let mut learned = Self::default();
        for lesson in lessons.iter().filter(|lesson| !lesson.changes.is_empty()) {
            let mut changes = [learned.changes.clone(), lesson.changes.clone()].concat();
            changes.sort_by_key(|change| change.line);
            let Ok(result) = edited(file, text, &changes, variables) else {
                continue;
            };
            learned.lessons.push(lesson.text.clone());
            learned.changes = changes;
            learned.difference = result.difference;
        }
        learned
    }
}

#[cfg(test)]
mod tests {
    use pilotlight::{
        stack_file::{self, FILE_NAME},
        supervisor::offline,
    };

    use super::*;

    const TEXT: &str = "name = \"x\"\n\n[service.api]\ncommand = \"api\"\nport = 8080\n\n\
                        [service.worker]\ncommand = \"worker\"\n";

    /// Returns what is learned from these ports on which `api` and `worker` listen, and those that `worker` has
    /// connections to and found closed.
    fn learned(
        [api, worker]: [&[u16]; 2],
        others: &[(u16, &str)],
        [connected, refused]: [&[u16]; 2],
    ) -> (Vec<String>, String) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE_NAME);
        let stack = stack_file::parse(&file, TEXT.as_bytes(), &Env::new()).unwrap();
        let home = Home::under(folder.path()).unwrap();
        let view = offline::view(&home, std::sync::Arc::new(stack));
        let of_worker = |ports: &[u16]| {
            let ports = ports.iter().copied().collect();
            BTreeMap::from([(ServiceName::new("worker"), ports)])
        };
        let processes = |listens: &[u16]| Processes {
            pids: BTreeSet::from([1]),
            listens: listens.iter().copied().collect(),
        };
        let running = [("api", processes(api)), ("worker", processes(worker))];
        let others = others.iter();
        let seen = Seen {
            running: running
                .map(|(name, processes)| (ServiceName::new(name), processes))
                .into(),
            listening: others
                .map(|(port, name)| (*port, Some((*name).to_owned())))
                .collect(),
            connected: of_worker(connected),
            refused: of_worker(refused),
        };
        let lessons = seen.lessons(&view, TEXT);
        let learned = Learned::of(&file, TEXT, &lessons, &Env::new());
        let new = learned.difference.iter().filter_map(|line| match line {
            Line::New(text) => Some(text.as_str()),
            _ => None,
        });
        let new: Vec<&str> = new.collect();
        let told = lessons.into_iter().map(|lesson| lesson.text).collect();
        (told, new.join("\n"))
    }

    #[test]
    fn the_one_port_of_a_service_is_learned_and_no_other() {
        let port = |api: &[u16], worker: &[u16]| learned([api, worker], &[], [&[], &[]]).1;
        assert_eq!(port(&[8081], &[]), "port = 8081  # it listens there");
        assert_eq!(port(&[8080], &[9100]), "port = 9100  # it listens there");
        assert_eq!(port(&[8080, 9000], &[]), "", "it has its port");
        assert_eq!(port(&[8081, 8082], &[]), "", "one of two");
        assert_eq!(port(&[8080], &[9229]), "", "a debugger");
        assert_eq!(port(&[8080], &[40_000]), "", "a port of chance");
        let taken = learned([&[8081], &[]], &[(8080, "node")], [&[], &[]]);
        assert_eq!(taken.0, [""; 0], "another process has its port");
    }

    #[test]
    fn what_a_service_requests_is_waited_for() {
        let at_rest: [&[u16]; 2] = [&[8080], &[]];
        let (told, new) = learned(at_rest, &[], [&[], &[8080]]);
        assert_eq!(
            told,
            ["worker was started before api, and does not wait for it"]
        );
        assert_eq!(new, "needs = [\"api\"]");
        let (told, new) = learned(at_rest, &[(5432, "postgres")], [&[5432], &[]]);
        assert!(
            told[0].starts_with("worker uses postgres on port 5432"),
            "{told:?}"
        );
        assert!(
            new.contains("external = true") && new.contains("needs = [\"postgres\"]"),
            "{new}"
        );
        let (_, new) = learned(at_rest, &[], [&[], &[6379]]);
        assert!(new.contains("[service.redis]\ncommand = "), "{new}");
        let (told, new) = learned(at_rest, &[], [&[], &[7999]]);
        assert!(told[0].contains("requests port 7999"), "{told:?}");
        assert_eq!(new, "", "no server is known for it");
    }
}
