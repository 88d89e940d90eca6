//! The content of a valid stack file: the types that all other modules use.
//!
//! [`crate::stack_file`] creates them from text. Strings that may contain `{port}` are
//! [`Template`]s, since a port is known only after it was claimed (`port_conflict = "next"`).
//! `${VARIABLE}` is replaced while the file is read.

mod change;
mod slot;
mod task;
mod watch;
mod words;

use std::{
    collections::BTreeMap,
    fmt,
    num::{NonZeroU16, TryFromIntError},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use url::{Position, Url};

pub use self::{
    slot::{Slot, label},
    task::{Cron, Hook, HookEvent, Hooks, Schedule, Task},
    watch::{Reaction, Watch},
    words::{Input, Mode, Need, OnUnhealthy, PortAssignment, PortConflict, Restart, Signal},
};
pub(crate) use words::Word;

use crate::model::facts::Exit;

/// The name of a service, unique in its stack. Cheap to clone.
#[derive(
    Clone,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(transparent)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "typescript", ts(type = "string"))]
pub struct ServiceName(Arc<str>);

impl ServiceName {
    /// Creates a name without validation; [`crate::stack_file`] validates the names of a file.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl From<&str> for ServiceName {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

/// A TCP port. Never 0.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "typescript", ts(type = "number"))]
pub struct Port(NonZeroU16);

impl Port {
    /// Returns the port with this number, or `None` for 0.
    #[must_use]
    pub fn new(number: u16) -> Option<Self> {
        NonZeroU16::new(number).map(Self)
    }

    /// Returns its number.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0.get()
    }
}

impl TryFrom<u32> for Port {
    type Error = TryFromIntError;

    fn try_from(number: u32) -> Result<Self, Self::Error> {
        Ok(Self(u16::try_from(number)?.try_into()?))
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The default profile. A stack file does not need to declare it.
pub const DEFAULT_PROFILE: &str = "default";

/// The services of one stack file, started and stopped together.
#[derive(Clone, Debug, PartialEq)]
pub struct Stack {
    /// The displayed name.
    pub name: String,
    /// The stack file, absolute. It identifies the stack.
    pub file: PathBuf,
    /// The mode.
    pub mode: Mode,
    /// The names of its profiles.
    pub profiles: Vec<String>,
    /// The chosen profiles; none means the profile `default`, or all services without one.
    pub chosen: Vec<String>,
    /// The services of the chosen profiles, in the order of the file. Names are unique;
    /// dependencies are in this list and have no cycle.
    pub services: Vec<Arc<Service>>,
    /// Whether it uses its own ports beside other checkouts.
    pub ports: PortAssignment,
    /// The slot of this checkout, if it uses the ports of one.
    pub slot: Option<Arc<Slot>>,
    /// The declared ports that the slot replaces, which another checkout may use.
    pub declared: BTreeMap<Port, ServiceName>,
}

impl Stack {
    /// Returns the folder for relative paths.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("/"))
    }

    /// Returns the service with this name.
    #[must_use]
    pub fn service(&self, name: &ServiceName) -> Option<&Arc<Service>> {
        self.services.iter().find(|service| service.name == *name)
    }

    /// Returns the variables with the port and the address of each service: `PILOTLIGHT_API_PORT` and
    /// `PILOTLIGHT_API_URL`.
    #[must_use]
    pub fn addresses(&self, ports: &impl Ports) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::new();
        for service in &self.services {
            let Some(port) = ports.port_of(&service.name) else {
                continue;
            };
            let name = service.name.as_str().to_uppercase();
            let name = name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
            variables.insert(format!("PILOTLIGHT_{name}_PORT"), port.to_string());
            let address = service.address(ports.host_of(&service.name), port);
            variables.insert(format!("PILOTLIGHT_{name}_URL"), address);
        }
        variables
    }

    /// Returns the names of the services that are added, removed or different in another version of
    /// the stack.
    #[must_use]
    pub fn changed_services(&self, new: &Self) -> Vec<ServiceName> {
        let by_name = |stack: &Self| -> BTreeMap<ServiceName, Arc<Service>> {
            let services = stack.services.iter();
            let named = services.map(|service| (service.name.clone(), service.clone()));
            named.collect()
        };
        let (known, next) = (by_name(self), by_name(new));
        let changed = new.services.iter();
        let changed = changed.filter(|service| known.get(&service.name) != Some(service));
        let gone = self.services.iter();
        let gone = gone.filter(|service| !next.contains_key(&service.name));
        let differ = changed.chain(gone);
        differ.map(|service| service.name.clone()).collect()
    }

    /// Returns the paths that the HTTP probes of a service request, as they appear in its log. The
    /// path `/` is omitted, since users request it too.
    #[must_use]
    pub fn probed_paths(&self, service: &Service) -> Vec<String> {
        let requested = service.ready.probes.iter().filter_map(|probe| match probe {
            Probe::Http(request) => {
                let url = Url::parse(&request.url.render(&service.name, self)).ok()?;
                let path = &url[Position::BeforePath..Position::AfterQuery];
                (path != "/").then(|| path.to_owned())
            }
            _ => None,
        });
        requested.collect()
    }
}

/// A service of a stack.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Its name.
    pub name: ServiceName,
    /// The command; `None` for a container or an external service.
    pub command: Option<Command>,
    /// The container in which it runs, started by a container engine.
    pub container: Option<Box<Container>>,
    /// The working directory, absolute.
    pub directory: PathBuf,
    /// The declared port, or else the first named one.
    pub port: Option<Port>,
    /// Its named ports. One may be [`Self::port`].
    pub ports: BTreeMap<String, Port>,
    /// An address on which the port is claimed in addition to the two loopback ones.
    pub host: Option<String>,
    /// The services that it depends on.
    pub needs: BTreeMap<ServiceName, Need>,
    /// Variables in addition to the caller's environment and `env_files`. Values are secrets.
    pub env: BTreeMap<String, Template>,
    /// Files with variables, read at every start; later ones win.
    pub env_files: Vec<EnvFile>,
    /// A command that prints further variables in the syntax of an env file. It runs once for each
    /// start.
    pub env_command: Option<Command>,
    /// The requirements of a start.
    pub require: Require,
    /// When it is restarted automatically.
    pub restart: Restart,
    /// The pause before each restart; `None` for growing pauses.
    pub restart_delay: Option<Duration>,
    /// The number of restarts after which it is no longer restarted unless it stays ready; `None`
    /// for four within a minute.
    pub max_restarts: Option<u32>,
    /// The exit codes, besides 0, with which it has completed.
    pub success_exit_codes: Vec<i32>,
    /// What to do when it becomes unhealthy.
    pub on_unhealthy: OnUnhealthy,
    /// The limit of its memory.
    pub memory: Option<MemoryLimit>,
    /// How it is stopped.
    pub stop: Stop,
    /// The names of programs that outlive it.
    pub keep: Vec<String>,
    /// The time limit for becoming ready.
    pub start_timeout: Duration,
    /// What to do when its port is in use.
    pub port_conflict: PortConflict,
    /// Addresses to open in a browser, by label.
    pub links: BTreeMap<String, Template>,
    /// The readiness probes.
    pub ready: Readiness,
    /// Functional checks.
    pub checks: Vec<Check>,
    /// The known errors that the stack file describes.
    pub known: Vec<KnownError>,
    /// Variables (of `env`, `env_files` and the project's `.env*`) that must point to a service.
    pub env_points_at: BTreeMap<String, ServiceName>,
    /// The limits of its logs.
    pub log: LogLimits,
    /// The files whose changes it reacts to.
    pub watch: Option<Watch>,
    /// The inputs and the schedule of a task; `None` for a service.
    pub task: Option<Task>,
    /// The commands that run when its state changes.
    pub hooks: Hooks,
    /// Its standard input.
    pub input: Input,
    /// Whether it has a terminal.
    pub tty: bool,
    /// Whether variables request colours although its output is a file.
    pub colors: bool,
}

impl Service {
    /// Returns whether it is only monitored, never started or stopped.
    #[must_use]
    pub fn is_external(&self) -> bool {
        self.command.is_none() && self.container.is_none()
    }

    /// Returns its address at a host and a port, with the scheme of its probes if known.
    #[must_use]
    pub fn address(&self, host: &str, port: Port) -> String {
        let scheme = self.ready.probes.iter().find_map(|probe| match probe {
            Probe::Http(_) | Probe::WebSocket(_) => Some("http"),
            Probe::Redis(_) => Some("redis"),
            Probe::Server(protocol, _) => Some(protocol.schemes()[0]),
            Probe::Tcp(_)
            | Probe::Command(_)
            | Probe::Log(_)
            | Probe::Process
            | Probe::Container
            | Probe::Published(_) => None,
        });
        let by_links = (!self.links.is_empty()).then_some("http");
        match scheme.or(by_links) {
            Some(scheme) => format!("{scheme}://{host}:{port}"),
            None => format!("{host}:{port}"),
        }
    }

    /// Returns its ports other than the main one.
    pub fn other_ports(&self) -> impl Iterator<Item = Port> {
        let ports = self.ports.values().copied();
        ports.filter(|port| Some(*port) != self.port)
    }

    /// Returns whether a run that exited like this has completed.
    #[must_use]
    pub fn has_completed(&self, exit: Exit) -> bool {
        let is_expected = |code| self.success_exit_codes.contains(&code);
        exit.is_success() || matches!(exit, Exit::Code(code) if is_expected(code))
    }
}

/// The container of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// The docker context of its engine; `None` for the one that the `docker` command uses.
    pub docker_context: Option<String>,
    /// Its source.
    pub source: ContainerSource,
}

/// The source of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerSource {
    /// A service of a compose file, which the compose command creates.
    Compose {
        /// The compose files, absolute; if empty, those that compose finds in the working directory.
        files: Vec<PathBuf>,
        /// The name of the service in these files.
        service: String,
        /// The profiles to enable.
        profiles: Vec<String>,
    },
    /// A container that Pilot Light creates from an image, and removes.
    Image {
        /// The name of the image.
        image: String,
        /// The published ports inside the container. The first one is the port of the service.
        ports: Vec<Port>,
        /// Volumes and folders, as `docker run --volume` takes them; folders are absolute.
        volumes: Vec<String>,
        /// The arguments after the image.
        args: Vec<Template>,
    },
}

impl fmt::Display for ContainerSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compose { service, .. } => write!(f, "service {service} of the compose file"),
            Self::Image { image, .. } => write!(f, "container of {image}"),
        }
    }
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<T = Template> {
    /// A program and its arguments, without shell interpretation. Never empty.
    Argv(Vec<T>),
    /// A line for the platform's shell (`shell = true`).
    Shell(T),
}

/// A file with environment variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvFile {
    /// The absolute path.
    pub path: PathBuf,
    /// Whether it may be missing (marked with a `?` at the end).
    pub optional: bool,
}

/// The requirements of a start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Require {
    /// Files, with absolute paths.
    pub files: Vec<PathBuf>,
    /// Variables that must be set and not empty.
    pub env: Vec<String>,
    /// Commands that must exit with code 0.
    pub commands: Vec<Command>,
}

/// The limit of the memory of a service's process tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimit {
    /// The limit in bytes.
    pub bytes: u64,
    /// What to do when the limit is exceeded.
    pub on_limit: OnUnhealthy,
}

/// How a service is stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The first, graceful step.
    pub graceful: StopMethod,
    /// The grace period before its whole tree is killed.
    pub timeout: Duration,
}

/// The graceful step of a stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopMethod {
    /// A signal to its process group. On Windows `Interrupt` is Ctrl+C and all others are Ctrl+Break.
    Signal(Signal),
    /// A command.
    Command(Command),
}

/// When a service is ready, and how its health is monitored.
#[derive(Clone, Debug, PartialEq)]
pub struct Readiness {
    /// The probes. All must pass. Never empty: without `ready`, it is the port or the process.
    pub probes: Vec<Probe>,
    /// The pause between two rounds once it is ready.
    pub every: Duration,
    /// The time limit of one probe.
    pub timeout: Duration,
    /// The number of consecutive failures that make a ready service unhealthy.
    pub failures: u32,
}

/// A probe of a service. `T` is [`Template`] in a stack file, and `String` once the ports are
/// known.
#[derive(Clone, Debug, PartialEq)]
pub enum Probe<T = Template> {
    /// A connection to `host:port` is accepted.
    Tcp(T),
    /// The response to a request is as expected.
    Http(Box<HttpRequest<T>>),
    /// `PING` to a `redis://` address is answered with `PONG`.
    Redis(T),
    /// A server at an address of its protocol accepts a client.
    Server(Protocol, T),
    /// The handshake with a `ws://` address is accepted.
    WebSocket(T),
    /// A command exits with code 0.
    Command(Command<T>),
    /// A log line of this run matches a regular expression, which is known to be valid.
    Log(String),
    /// The process is running.
    Process,
    /// The container is healthy by its health check. Without one, its port is open or it is
    /// running.
    Container,
    /// A connection to `host:port` stays open: the proxy of a container engine accepts a connection
    /// before the container listens, and then closes it.
    Published(T),
}

/// A protocol that a probe implements up to the login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are names")]
pub enum Protocol {
    Postgres,
    Mysql,
    Mongodb,
    Rabbitmq,
    Kafka,
    Grpc,
}

impl Protocol {
    /// All protocols.
    pub const ALL: [Self; 6] = [
        Self::Postgres,
        Self::Mysql,
        Self::Mongodb,
        Self::Rabbitmq,
        Self::Kafka,
        Self::Grpc,
    ];

    /// Returns its key in `ready`, its name, its default port, and the schemes of its addresses.
    const fn facts(self) -> (&'static str, &'static str, u16, &'static [&'static str]) {
        match self {
            Self::Postgres => ("postgres", "PostgreSQL", 5432, &["postgres", "postgresql"]),
            Self::Mysql => ("mysql", "MySQL", 3306, &["mysql", "mariadb"]),
            Self::Mongodb => ("mongodb", "MongoDB", 27017, &["mongodb"]),
            Self::Rabbitmq => ("rabbitmq", "RabbitMQ", 5672, &["amqp", "amqps"]),
            Self::Kafka => ("kafka", "Kafka", 9092, &["kafka"]),
            Self::Grpc => ("grpc", "gRPC", 50051, &["grpc", "grpcs"]),
        }
    }

    /// Returns its key in `ready`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        self.facts().0
    }

    /// Returns its name.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.facts().1
    }

    /// Returns its default port.
    #[must_use]
    pub const fn port(self) -> u16 {
        self.facts().2
    }

    /// Returns the schemes of its addresses, the default one first.
    #[must_use]
    pub const fn schemes(self) -> &'static [&'static str] {
        self.facts().3
    }
}

/// An HTTP request and the expected response.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpRequest<T = Template> {
    /// The method: by default `GET`, or `POST` with a body.
    pub method: String,
    /// `http://` or `https://`.
    pub url: T,
    /// Header lines to send.
    pub headers: BTreeMap<String, T>,
    /// The body to send.
    pub body: Option<Body<T>>,
    /// The expected response.
    pub expect: Expect<T>,
}

/// The body of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Body<T = Template> {
    /// Literal text.
    Text(T),
    /// A JSON value. Its strings are templates, stored as text until they are filled.
    Json(serde_json::Value),
}

/// The expected response. Without expectations, any status from 200 to 399.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expect<T = Template> {
    /// The accepted statuses; if empty, any from 200 to 399.
    pub status: Vec<u16>,
    /// The body is JSON and contains this.
    pub json: Option<serde_json::Value>,
    /// The body contains this text.
    pub text: Option<T>,
    /// These headers, with values that contain these texts.
    pub headers: BTreeMap<String, T>,
}

/// A functional request that a user of the service would make.
#[derive(Clone, Debug, PartialEq)]
pub struct Check<T = Template> {
    /// The name.
    pub name: String,
    /// The action.
    pub action: CheckAction<T>,
    /// The page from which a browser would send it: a preflight and CORS headers are verified too.
    pub origin: Option<T>,
    /// Whether the browser sends cookies.
    pub credentials: bool,
    /// Values of the response for later checks, by name.
    pub save: BTreeMap<String, SavedFrom>,
    /// The time limit.
    pub timeout: Duration,
    /// The interval; without it, the check runs after the service becomes ready and on request.
    pub every: Option<Duration>,
}

/// The part of a response from which a check saves a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SavedFrom {
    /// A JSON pointer into the body (RFC 6901).
    Body(String),
    /// The name of a header.
    Header(String),
    /// The name of a cookie that the response sets.
    Cookie(String),
}

/// The action of a check.
#[derive(Clone, Debug, PartialEq)]
pub enum CheckAction<T = Template> {
    /// An HTTP request.
    Http(Box<HttpRequest<T>>),
    /// A WebSocket handshake, with an optional subprotocol.
    WebSocket {
        /// `ws://` or `wss://`.
        url: T,
        /// The requested subprotocol.
        protocol: Option<String>,
    },
    /// `PING` to a `redis://` address, and a write that changes nothing: a replica, a full memory
    /// and a full disk reject it.
    Redis(T),
    /// A command that must exit with code 0.
    Command(Command<T>),
}

/// A known error of a service that the stack file describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownError {
    /// A regular expression, known to be valid.
    pub says: String,
    /// The cause; without it, the line itself is shown. `{name}` is the value of a group of the pattern.
    pub title: Option<String>,
    /// What to do, with groups as in the title.
    pub remedy: String,
    /// A command that applies the advice, in the folder of the service.
    pub command: Option<Command>,
}

/// The limits of a service's logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// The number of runs that are kept, including the current one. At least 1.
    pub runs: u32,
    /// The maximum number of bytes of one run; the oldest lines are removed first.
    pub size: u64,
}

/// Text with placeholders for ports.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Template(Vec<Piece>);

/// A part of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Piece {
    /// Literal text.
    Text(String),
    /// `{port}`: the port of the service with this text.
    OwnPort,
    /// `{name.port}`
    PortOf(ServiceName),
    /// `{port.name}` of this service, or `{service.port.name}`.
    NamedPort(Option<ServiceName>, String),
    /// `{name.port.5432}`: the published port of a port inside a container.
    Published(ServiceName, Port),
    /// `{host}`, `{name.host}`: the machine of this service, or of another one.
    Host(Option<ServiceName>),
    /// `{name}` in a check: a value that an earlier check saved.
    Saved(String),
}

/// The values for the placeholders of a [`Template`].
pub trait Ports {
    /// Returns the claimed port of the service, or the declared one.
    fn port_of(&self, service: &ServiceName) -> Option<Port>;

    /// Returns a named port of the service.
    fn named_port(&self, service: &ServiceName, name: &str) -> Option<Port> {
        let _ = (service, name);
        None
    }

    /// Returns the stack of the ports, if the variables of a service should contain the ports of
    /// the others.
    fn stack(&self) -> Option<&Stack> {
        None
    }

    /// Returns the host of the service, if it runs on another machine.
    fn remote_host(&self, service: &ServiceName) -> Option<&str> {
        let _ = service;
        None
    }

    /// Returns the host at which the service is reached.
    fn host_of(&self, service: &ServiceName) -> &str {
        self.remote_host(service).unwrap_or("localhost")
    }

    /// Returns the port at which a port of the service's container is published.
    fn published(&self, service: &ServiceName, inside: Port) -> Option<Port> {
        let _ = (service, inside);
        None
    }

    /// Returns the value that a check has saved under this name.
    fn saved(&self, name: &str) -> Option<String> {
        let _ = name;
        None
    }
}

impl Ports for Stack {
    fn port_of(&self, service: &ServiceName) -> Option<Port> {
        self.service(service)?.port
    }

    fn named_port(&self, service: &ServiceName, name: &str) -> Option<Port> {
        self.service(service)?.ports.get(name).copied()
    }
}

impl Template {
    /// Creates a template of these pieces.
    #[must_use]
    pub fn new(pieces: Vec<Piece>) -> Self {
        Self(pieces)
    }

    /// Creates a template without placeholders.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self(vec![Piece::Text(text.to_owned())])
    }

    /// Returns its pieces, in order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// Replaces the placeholders for `owner`. Unknown ports (which [`crate::stack_file`] rejects)
    /// and values that no check has saved stay unchanged.
    #[must_use]
    pub fn render(&self, owner: &ServiceName, ports: &impl Ports) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            let filled = match piece {
                Piece::Text(part) => {
                    text.push_str(part);
                    continue;
                }
                Piece::OwnPort => ports.port_of(owner).map(|port| port.to_string()),
                Piece::PortOf(service) => ports.port_of(service).map(|port| port.to_string()),
                Piece::NamedPort(service, name) => {
                    let service = service.as_ref().unwrap_or(owner);
                    let port = ports.named_port(service, name);
                    port.map(|port| port.to_string())
                }
                Piece::Published(service, inside) => {
                    let published = ports.published(service, *inside);
                    published.map(|port| port.to_string())
                }
                Piece::Host(service) => {
                    let service = service.as_ref().unwrap_or(owner);
                    Some(ports.host_of(service).to_owned())
                }
                Piece::Saved(name) => ports.saved(name),
            };
            text.push_str(&filled.unwrap_or_else(|| piece.to_string()));
        }
        text
    }
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::OwnPort => f.write_str("{port}"),
            Self::PortOf(service) => write!(f, "{{{service}.port}}"),
            Self::NamedPort(None, name) => write!(f, "{{port.{name}}}"),
            Self::NamedPort(Some(service), name) => write!(f, "{{{service}.port.{name}}}"),
            Self::Published(service, inside) => write!(f, "{{{service}.port.{inside}}}"),
            Self::Host(None) => f.write_str("{host}"),
            Self::Host(Some(service)) => write!(f, "{{{service}.host}}"),
            Self::Saved(name) => write!(f, "{{{name}}}"),
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| piece.fmt(f))
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), f)
    }
}

impl HttpRequest<String> {
    /// Creates a request without headers and body that expects any successful response.
    #[must_use]
    pub fn new(method: &str, url: &str) -> Self {
        Self {
            method: method.to_owned(),
            url: url.to_owned(),
            headers: BTreeMap::new(),
            body: None,
            expect: Expect::default(),
        }
    }
}

impl fmt::Display for Command<String> {
    /// Formats the command as in a shell, with quotes where needed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argv(words) => f.write_str(&shell_words::join(words)),
            Self::Shell(line) => f.write_str(line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Claimed;

    impl Ports for Claimed {
        fn port_of(&self, service: &ServiceName) -> Option<Port> {
            match service.as_str() {
                "backend" => Port::new(8001),
                "frontend" => Port::new(5173),
                _ => None,
            }
        }
    }

    #[test]
    fn a_template_fills_its_own_port_and_that_of_others() {
        let template = Template::new(vec![
            Piece::Text("http://localhost:".into()),
            Piece::OwnPort,
            Piece::Text("/?from=".into()),
            Piece::PortOf("frontend".into()),
        ]);
        assert_eq!(
            template.render(&"backend".into(), &Claimed),
            "http://localhost:8001/?from=5173"
        );
        assert_eq!(
            template.to_string(),
            "http://localhost:{port}/?from={frontend.port}"
        );
    }
}
