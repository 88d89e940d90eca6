//! The services of an export, in terms that all formats share.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::LazyLock,
};

use pilotlight::{
    fs::redact,
    stack::{
        Command, Container, ContainerSource, Hooks, OnUnhealthy, Port, PortConflict, Ports, Probe,
        Protocol, Require, Restart, Service, ServiceName, Signal, Stack, StopMethod,
    },
};
use serde::Deserialize;
use url::Url;

use crate::args::Format::{self, Compose, Kubernetes, Procfile, Systemd};

/// What other programs are called and how they are asked.
#[derive(Deserialize)]
struct Tools {
    browser: Vec<String>,
    languages: BTreeMap<String, Vec<String>>,
    servers: BTreeMap<String, Vec<String>>,
    probes: BTreeMap<String, String>,
}

#[expect(
    clippy::expect_used,
    reason = "the table is a part of the program, which a test reads"
)]
static TOOLS: LazyLock<Tools> =
    LazyLock::new(|| toml::from_str(include_str!("tools.toml")).expect("a valid table"));

/// Around the name of a variable whose value is not known here.
const MARKS: [char; 2] = ['\u{e000}', '\u{e001}'];
/// The names of this machine in an address.
const HOSTS: [&str; 4] = ["localhost", "127.0.0.1", "[::1]", "0.0.0.0"];

/// Returns the place of a variable in a text.
pub(super) fn mark(name: &str) -> String {
    format!("{}{name}{}", MARKS[0], MARKS[1])
}

/// Writes a text as a format does: its literal parts, and its variables.
pub(super) fn spell(
    text: &str,
    literal: impl Fn(&str) -> String,
    variable: impl Fn(&str) -> String,
) -> String {
    let mut spelled = String::new();
    let mut parts = text.split(MARKS);
    while let Some(part) = parts.next() {
        spelled.push_str(&literal(part));
        spelled.extend(parts.next().map(&variable));
    }
    spelled
}

/// Returns the variables in a text.
pub(super) fn variables(text: &str) -> Vec<&str> {
    text.split(MARKS).skip(1).step_by(2).collect()
}

/// A service of the export.
pub(super) struct Part<'s> {
    pub(super) service: &'s Service,
    /// Its name, as a host may be called.
    pub(super) name: String,
    /// Its command, with ports and addresses; `None` for containers.
    pub(super) command: Option<Command<String>>,
    /// Its variables, with ports and addresses.
    pub(super) env: BTreeMap<String, String>,
    /// Its probes, with ports and addresses.
    pub(super) probes: Vec<Probe<String>>,
    /// Shell commands that succeed when these probes pass.
    pub(super) tests: Vec<String>,
}

/// The services of an export, and its notes on settings that are left out.
pub(super) struct Plan<'s> {
    pub(super) stack: &'s Stack,
    format: Format,
    pub(super) parts: Vec<Part<'s>>,
    notes: BTreeSet<String>,
    /// The names of the services as hosts, if each has a network of its own.
    hosts: BTreeMap<ServiceName, String>,
}

impl<'s> Plan<'s> {
    /// Plans the export of these services, or of all, with their dependencies.
    pub(super) fn new(stack: &'s Stack, format: Format, names: &[ServiceName]) -> Self {
        let all = stack.services.iter().map(|service| &service.name);
        let mut chosen: Vec<&ServiceName> = match names {
            [] => all.collect(),
            names => names.iter().collect(),
        };
        let mut next = 0;
        while let Some(service) = chosen.get(next).and_then(|name| stack.service(name)) {
            let needs = service.needs.keys().filter(|need| !chosen.contains(need));
            chosen.extend(needs.collect::<Vec<_>>());
            next += 1;
        }
        let mut plan = Self {
            stack,
            format,
            parts: Vec::new(),
            notes: BTreeSet::new(),
            hosts: BTreeMap::new(),
        };
        if plan.is_apart() {
            let services = stack.services.iter();
            let hosts = services.map(|it| (it.name.clone(), plan.network_name(it)));
            plan.hosts = hosts.collect();
        }
        for service in stack
            .services
            .iter()
            .filter(|it| chosen.contains(&&it.name))
        {
            let part = plan.part(service);
            plan.lost(service);
            plan.parts.extend(part);
        }
        plan
    }

    fn part(&mut self, service: &'s Service) -> Option<Part<'s>> {
        if service.is_external() {
            self.note(service, "runs elsewhere and is left out");
            return None;
        }
        let name = &service.name;
        let command = service.command.as_ref();
        let command = command.map(|command| match command.render(name, self) {
            Command::Argv(words) => Command::Argv(self.listening(service, words)),
            Command::Shell(line) => Command::Shell(self.addressed(service, &line)),
        });
        let env = service.env.iter().map(|(variable, value)| {
            let value = value.render(name, self);
            let is_for_browser = TOOLS
                .browser
                .iter()
                .any(|start| variable.starts_with(start));
            let value = if is_for_browser {
                value
            } else {
                self.addressed(service, &value)
            };
            (variable.clone(), value)
        });
        let env: BTreeMap<_, _> = env.collect();
        for (variable, value) in &env {
            let assigned = format!("{variable}={value}");
            if variables(value).is_empty() && redact::redact(&assigned) != assigned {
                self.note(
                    service,
                    &format!("{variable} looks like a secret, and is written as in the stack file"),
                );
            }
            if self.is_apart() && HOSTS.contains(&value.as_str()) {
                self.note(
                    service,
                    &format!(
                        "{variable} is {value}, which inside a container is the container itself"
                    ),
                );
            }
            if value.contains(".port") && value.contains('{') {
                self.note(service, &format!("{variable} has the port of a container that only its engine knows; set `port`"));
            }
        }
        let probes = service.ready.probes.iter();
        let probes = probes.map(|probe| self.probe(service, probe.render(name, self)));
        let probes: Vec<_> = probes.collect();
        let tests = self.tests(service, &probes);
        Some(Part {
            service,
            name: self.network_name(service),
            command,
            env,
            probes,
            tests,
        })
    }

    /// Returns whether each service has a network of its own.
    fn is_apart(&self) -> bool {
        matches!(self.format, Compose | Kubernetes)
    }

    /// Notes something about a service that the format does not express.
    pub(super) fn note(&mut self, service: &Service, note: &str) {
        self.notes.insert(format!("{}: {note}", service.name));
    }

    /// Returns the notes, by service.
    pub(super) fn notes(self) -> BTreeSet<String> {
        self.notes
    }

    /// Notes the keys of a service that the format cannot express.
    fn lost(&mut self, it: &Service) {
        const ALL: &[Format] = &[Compose, Systemd, Procfile, Kubernetes];
        const LINE: &[Format] = &[Procfile];
        const NO_NEEDS: &[Format] = &[Procfile, Kubernetes];
        const NO_TIMES: &[Format] = &[Compose, Procfile, Kubernetes];
        let is_probe = |probe: &Probe| !matches!(probe, Probe::Process | Probe::Container);
        let has_schedule = it.task.as_ref().is_some_and(|task| task.schedule.is_some());
        let restarts = it.task.is_none() && it.restart != Restart::default();
        let is_signalled = matches!(it.stop.graceful, StopMethod::Signal(Signal::Terminate));
        let keys = [
            ("check", !it.checks.is_empty(), ALL),
            ("known", !it.known.is_empty(), ALL),
            ("watch", it.watch.is_some(), ALL),
            ("on", it.hooks != Hooks::default(), ALL),
            ("keep", !it.keep.is_empty(), ALL),
            ("links", !it.links.is_empty(), ALL),
            ("require", it.require != Require::default(), ALL),
            ("env_command", it.env_command.is_some(), ALL),
            ("env_points_at", !it.env_points_at.is_empty(), ALL),
            (
                "port_conflict",
                it.port_conflict != PortConflict::default(),
                ALL,
            ),
            (
                "on_unhealthy",
                it.on_unhealthy != OnUnhealthy::default(),
                ALL,
            ),
            ("schedule", has_schedule, ALL),
            ("tty", it.tty, ALL),
            ("memory", it.memory.is_some(), LINE),
            ("restart", restarts, NO_NEEDS),
            ("restart_delay", it.restart_delay.is_some(), NO_TIMES),
            (
                "max_restarts",
                it.max_restarts.is_some(),
                &[Systemd, Procfile, Kubernetes],
            ),
            (
                "success_exit_codes",
                !it.success_exit_codes.is_empty(),
                NO_TIMES,
            ),
            ("ready", it.ready.probes.iter().any(is_probe), LINE),
            ("needs", !it.needs.is_empty(), NO_NEEDS),
            ("stop", !is_signalled, NO_NEEDS),
        ];
        let lost = keys
            .iter()
            .filter(|(_, is_set, formats)| *is_set && formats.contains(&self.format));
        let lost: Vec<String> = lost.map(|(key, ..)| format!("`{key}`")).collect();
        if !lost.is_empty() {
            self.note(it, &format!("left out: {}", lost.join(", ")));
        }
    }

    /// Returns the name of the host at which other services reach a service.
    fn network_name(&self, service: &Service) -> String {
        match service.container.as_deref() {
            Some(Container {
                source: ContainerSource::Compose { service, .. },
                ..
            }) if self.format == Compose => service.clone(),
            _ => host_name(service.name.as_str()),
        }
    }

    /// Replaces addresses of services on this machine by their addresses in the network of containers.
    /// A service that needs `owner` is named to it for the sake of a browser: its address stays.
    pub(super) fn addressed(&self, owner: &Service, text: &str) -> String {
        let mut text = text.to_owned();
        if !self.is_apart() {
            return text;
        }
        let services = self.stack.services.iter();
        for service in services.filter(|service| !self.needs(service, owner)) {
            let host = match service {
                _ if service.name == owner.name => "localhost".to_owned(),
                _ if service.is_external() => "host.docker.internal".to_owned(),
                _ => self.network_name(service),
            };
            let own = self.network_name(service);
            for (outside, inside) in ports(service) {
                for machine in HOSTS.into_iter().chain([&*own]) {
                    text = replaced(
                        &text,
                        &format!("{machine}:{outside}"),
                        &format!("{host}:{inside}"),
                    );
                }
            }
        }
        text
    }

    /// Replaces addresses in the words of a command, and the address on which it listens: in a container
    /// only the address of all networks is reached from outside.
    fn listening(&mut self, service: &Service, words: Vec<String>) -> Vec<String> {
        if !self.is_apart() {
            return words;
        }
        let is_loopback = |word: &String| HOSTS[..2].contains(&word.as_str());
        let says = words
            .iter()
            .any(|word| is_loopback(word) || word.contains("0.0.0.0"));
        if service.port.is_some() && !says {
            self.note(
                service,
                "must listen on 0.0.0.0 in its container, which its command does not say",
            );
        }
        let words = words.iter().map(|word| {
            if is_loopback(word) {
                return "0.0.0.0".to_owned();
            }
            self.addressed(service, word)
        });
        words.collect()
    }

    fn probe(&self, service: &Service, probe: Probe<String>) -> Probe<String> {
        let at = |text: &str| self.addressed(service, text);
        match probe {
            Probe::Tcp(address) => Probe::Tcp(at(&address)),
            Probe::Published(address) => Probe::Published(at(&address)),
            Probe::Redis(url) => Probe::Redis(at(&url)),
            Probe::WebSocket(url) => Probe::WebSocket(at(&url)),
            Probe::Server(protocol, url) => Probe::Server(protocol, at(&url)),
            Probe::Http(mut request) => {
                request.url = at(&request.url);
                Probe::Http(request)
            }
            other => other,
        }
    }

    /// Returns shell commands that succeed when probes pass, and notes the probes without one.
    fn tests(&mut self, service: &Service, probes: &[Probe<String>]) -> Vec<String> {
        let mut commands = Vec::new();
        for probe in probes {
            let (kind, url) = match probe {
                Probe::Http(request) => ("http", request.url.clone()),
                Probe::Tcp(address) | Probe::Published(address) => {
                    ("tcp", format!("tcp://{address}"))
                }
                Probe::Redis(url) => ("redis", url.clone()),
                Probe::Server(protocol, url) => (protocol.key(), url.clone()),
                Probe::Command(command) => {
                    commands.push(command.to_string());
                    continue;
                }
                Probe::WebSocket(url) => ("websocket", url.clone()),
                Probe::Log(_) => ("log", String::new()),
                Probe::Process | Probe::Container => continue,
            };
            if let Some(command) = TOOLS.probes.get(kind)
                && let Some((host, port)) = place(&url)
            {
                let command = command.replace("{url}", &shell_words::quote(&url));
                let command = command.replace("{host}", &host);
                commands.push(command.replace("{port}", &port.to_string()));
            } else if matches!(self.format, Compose | Systemd) {
                self.note(service, &format!("left out: `ready.{kind}`"));
            }
        }
        commands
    }

    /// Returns a path for a file in this folder.
    pub(super) fn relative(path: &Path, folder: &Path) -> String {
        let Ok(inside) = path.strip_prefix(folder) else {
            return path.to_string_lossy().into_owned();
        };
        match inside.to_string_lossy().replace('\\', "/") {
            inside if inside.is_empty() => ".".to_owned(),
            inside => format!("./{inside}"),
        }
    }

    /// Returns whether a service needs another one, directly or not.
    fn needs(&self, service: &Service, other: &Service) -> bool {
        let needs = service.needs.keys();
        let mut needs = needs.filter_map(|need| self.stack.service(need));
        needs.any(|need| need.name == other.name || self.needs(need, other))
    }
}

impl Ports for Plan<'_> {
    fn remote_host(&self, service: &ServiceName) -> Option<&str> {
        self.hosts.get(service).map(String::as_str)
    }

    fn port_of(&self, service: &ServiceName) -> Option<Port> {
        let service = self.stack.service(service)?;
        service.port.or_else(|| inside(service))
    }

    fn named_port(&self, service: &ServiceName, name: &str) -> Option<Port> {
        self.stack.named_port(service, name)
    }

    fn published(&self, service: &ServiceName, port: Port) -> Option<Port> {
        let service = self.stack.service(service)?;
        let is_own = inside(service) == Some(port);
        service
            .port
            .filter(|_| is_own)
            .or(self.is_apart().then_some(port))
    }
}

/// Returns the image that has the program of a command, and whether it is that of a language, without
/// the packages of the project.
pub(super) fn image_of(command: &Command<String>) -> Option<(&'static str, bool)> {
    let program = match command {
        Command::Argv(words) => words.first()?,
        Command::Shell(line) => line.split_whitespace().next()?,
    };
    let program = base(program);
    let languages = TOOLS.languages.iter().map(|row| (row, true));
    let servers = TOOLS.servers.iter().map(|row| (row, false));
    let mut images = languages.chain(servers);
    images.find_map(|((image, programs), is_language)| {
        let has = programs.iter().any(|it| it == program);
        has.then_some((&**image, is_language))
    })
}

/// Returns the last part of the path of a program.
pub(super) fn base(program: &str) -> &str {
    program.rsplit(['/', '\\']).next().unwrap_or(program)
}

/// Returns the ports of a service on this machine, and those inside its container.
pub(super) fn ports(service: &Service) -> Vec<(Port, Port)> {
    let main = service
        .port
        .map(|port| (port, inside(service).unwrap_or(port)));
    let others = service.other_ports().map(|port| (port, port));
    let of_image = image_ports(service)
        .iter()
        .skip(usize::from(main.is_some()));
    let of_image = of_image.map(|port| (*port, *port));
    main.into_iter().chain(others).chain(of_image).collect()
}

fn inside(service: &Service) -> Option<Port> {
    image_ports(service).first().copied()
}

fn image_ports(service: &Service) -> &[Port] {
    match service.container.as_deref() {
        Some(Container {
            source: ContainerSource::Image { ports, .. },
            ..
        }) => ports,
        _ => &[],
    }
}

/// Returns a name in lower case, with letters, digits and hyphens alone.
pub(super) fn host_name(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let plain = name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    plain.trim_matches('-').to_owned()
}

/// Returns the host and the port of an address.
pub(super) fn place(url: &str) -> Option<(String, u16)> {
    let url = Url::parse(url).ok()?;
    let port = url.port_or_known_default().or_else(|| {
        let mut protocols = Protocol::ALL.iter();
        let protocol = protocols.find(|it| it.schemes().contains(&url.scheme()));
        protocol
            .map(|it| it.port())
            .or((url.scheme() == "redis").then_some(6379))
    });
    Some((url.host_str()?.to_owned(), port?))
}

/// Replaces an address that no further digit follows.
fn replaced(text: &str, from: &str, to: &str) -> String {
    let mut parts = text.split(from);
    let mut replaced = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let goes_on = part.starts_with(|c: char| c.is_ascii_digit());
        replaced.push_str(if goes_on { from } else { to });
        replaced.push_str(part);
    }
    replaced
}

/// Returns the variables and the words of a command that runs a service in the foreground on this machine.
pub(super) fn command(plan: &Plan<'_>, part: &Part<'_>) -> (Vec<String>, Vec<String>) {
    let env = part.env.iter();
    let env: Vec<String> = env.map(|(name, value)| format!("{name}={value}")).collect();
    let service = part.service;
    let mut words: Vec<String> = Vec::new();
    let mut add = |more: &[&str]| words.extend(more.iter().map(|word| (*word).to_owned()));
    let Some(container) = service.container.as_deref() else {
        match &part.command {
            Some(Command::Argv(argv)) => words.clone_from(argv),
            Some(Command::Shell(line)) => add(&["/bin/sh", "-c", line]),
            None => {}
        }
        return (env, words);
    };
    add(&["docker"]);
    if let Some(context) = &container.docker_context {
        add(&["--context", context]);
    }
    match &container.source {
        ContainerSource::Compose {
            files,
            service,
            profiles,
        } => {
            add(&["compose"]);
            for file in files {
                add(&["-f", &file.to_string_lossy()]);
            }
            for profile in profiles {
                add(&["--profile", profile]);
            }
            add(&["up", service]);
            (env, words)
        }
        ContainerSource::Image {
            image,
            volumes,
            args,
            ..
        } => {
            let name = format!("{}-{}", host_name(&plan.stack.name), part.name);
            add(&["run", "--rm", "--name", &name]);
            let host = service.host.as_deref().unwrap_or("127.0.0.1");
            for (outside, inside) in ports(service) {
                add(&["-p", &format!("{host}:{outside}:{inside}")]);
            }
            for volume in volumes {
                add(&["-v", volume]);
            }
            for assigned in &env {
                add(&["-e", assigned]);
            }
            add(&[image]);
            for arg in args {
                add(&[&arg.render(&service.name, plan)]);
            }
            (Vec::new(), words)
        }
    }
}
