//! What a stack file says, once it has been found valid: the types that all other parts work on.
//!
//! [`crate::stack_file`] makes them from text. Strings in which `{port}` may stand are kept as
//! [`Template`]s, since a port is known only when it has been claimed (`port_conflict = "next"`);
//! `${VARIABLE}` is filled while the file is read.

use std::{
    collections::BTreeMap,
    fmt,
    num::NonZeroU16,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::stack_file::fill_json;

/// The name of a service, unique in its stack. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "typescript", ts(type = "string"))]
pub struct ServiceName(Arc<str>);

impl ServiceName {
    /// Takes the name as it is; [`crate::stack_file`] is what judges the names of a file.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name as text.
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
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "typescript", ts(type = "number"))]
pub struct Port(NonZeroU16);

impl Port {
    /// The port of this number, or `None` for 0.
    #[must_use]
    pub fn new(number: u16) -> Option<Self> {
        NonZeroU16::new(number).map(Self)
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0.get()
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

/// How much Pilot Light may take upon itself.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum Mode {
    /// What holds a port of the stack may be ended, under the port rules.
    #[default]
    Development,
    /// No process is ended that Pilot Light did not start.
    Production,
}

/// The services of one stack file, started and stopped together.
#[derive(Clone, Debug, PartialEq)]
pub struct Stack {
    /// The name that people see.
    pub name: String,
    /// The stack file, absolute. It tells one stack from another.
    pub file: PathBuf,
    /// What may be done to strangers.
    pub mode: Mode,
    /// In the order of the file. Names are unique, needs name services of this list and have no cycle.
    pub services: Vec<Arc<Service>>,
}

impl Stack {
    /// The folder that relative paths start at.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("/"))
    }

    /// The service of this name.
    #[must_use]
    pub fn service(&self, name: &ServiceName) -> Option<&Arc<Service>> {
        self.services.iter().find(|service| service.name == *name)
    }
}

/// One thing in a stack.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Its name.
    pub name: ServiceName,
    /// What runs; `None` for an external service, which is only watched.
    pub command: Option<Command>,
    /// The working directory, absolute.
    pub directory: PathBuf,
    /// The port that it is to listen on.
    pub port: Option<Port>,
    /// An address that the port is bound on besides the two loopback ones, when it is claimed.
    pub host: Option<String>,
    /// What must be there before it starts.
    pub needs: BTreeMap<ServiceName, Need>,
    /// Variables on top of the caller's own environment and of `env_files`. Values are secrets.
    pub env: BTreeMap<String, Template>,
    /// Files of variables, read at every start; later ones win.
    pub env_files: Vec<EnvFile>,
    /// What must be there for a start to make sense.
    pub require: Require,
    /// When it is started again by itself.
    pub restart: Restart,
    /// What to do when a running service is no longer well.
    pub on_unhealthy: OnUnhealthy,
    /// How it is asked to leave.
    pub stop: Stop,
    /// Programs that outlive it, by name.
    pub keep: Vec<String>,
    /// How long it may take to become ready.
    pub start_timeout: Duration,
    /// What to do when its port is held.
    pub port_conflict: PortConflict,
    /// Addresses to open in a browser, by label.
    pub links: BTreeMap<String, Template>,
    /// What tells that it is ready and stays healthy.
    pub ready: Readiness,
    /// What a user of the service would do.
    pub checks: Vec<Check>,
    /// Variables (of `env`, `env_files` and the project's `.env*`) that must point at a service.
    pub env_points_at: BTreeMap<String, ServiceName>,
    /// How much of its output is kept.
    pub log: LogLimits,
}

impl Service {
    /// Whether it is somebody else's: watched, never started.
    #[must_use]
    pub fn is_external(&self) -> bool {
        self.command.is_none()
    }
}

/// What is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<T = Template> {
    /// A program and its arguments; never empty. Nothing is interpreted.
    Words(Vec<T>),
    /// A line for the platform's shell (`shell = true`).
    Shell(T),
}

/// What another service must have reached before this one starts.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Need {
    /// Its probes pass.
    #[default]
    Ready,
    /// Its process runs.
    Started,
    /// It has ended with code 0.
    Completed,
}

/// A file of environment variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvFile {
    /// Absolute.
    pub path: PathBuf,
    /// Whether it may be missing (written with a `?` at its end).
    pub optional: bool,
}

/// What must be there for a start to make sense.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Require {
    /// Absolute paths.
    pub files: Vec<PathBuf>,
    /// Variables that must be set and not empty.
    pub env: Vec<String>,
    /// Commands that must end with 0.
    pub commands: Vec<Command>,
}

/// When a service is started again by itself.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// When it fails. An unasked end with code 0 after being ready is a failure too.
    #[default]
    OnFailure,
    /// However it ended.
    Always,
    /// Not at all.
    Never,
}

/// What to do when a running service is no longer well.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum OnUnhealthy {
    /// Say it; a developer may be sitting in a debugger.
    #[default]
    Notify,
    /// Restart it.
    Restart,
}

/// What to do when the port of a service is held.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum PortConflict {
    /// End what this stack has left there; anything else blocks the start. In production nothing is
    /// ended.
    #[default]
    Replace,
    /// End the holder, whatever it is, as far as the port rules allow. In production nothing is ended.
    Force,
    /// Block the start.
    Fail,
    /// Take the next free port.
    Next,
}

/// How a service is asked to leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The first, polite step.
    pub polite: StopMethod,
    /// How long it has before its whole tree is killed.
    pub timeout: Duration,
}

/// The polite way to end a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopMethod {
    /// A signal to its process group. On Windows `Interrupt` is Ctrl+C and all others are Ctrl+Break.
    Signal(Signal),
    /// A command of its own.
    Command(Command),
}

/// A signal that a stack file may name.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Signal {
    /// SIGTERM
    #[default]
    #[serde(rename = "SIGTERM")]
    Terminate,
    /// SIGINT
    #[serde(rename = "SIGINT")]
    Interrupt,
    /// SIGQUIT
    #[serde(rename = "SIGQUIT")]
    Quit,
    /// SIGHUP
    #[serde(rename = "SIGHUP")]
    HangUp,
    /// SIGUSR1
    #[serde(rename = "SIGUSR1")]
    User1,
    /// SIGUSR2
    #[serde(rename = "SIGUSR2")]
    User2,
    /// SIGKILL
    #[serde(rename = "SIGKILL")]
    Kill,
}

/// When a service counts as ready, and how its health is watched afterwards.
#[derive(Clone, Debug, PartialEq)]
pub struct Readiness {
    /// All must pass. Never empty: without `ready` it is the port, or the process alone.
    pub probes: Vec<Probe>,
    /// The pause between two rounds once it is ready.
    pub every: Duration,
    /// How long one probe may take.
    pub timeout: Duration,
    /// So many failures in a row make a ready service unhealthy.
    pub failures: u32,
}

/// What tells that a service is there and well. `T` is [`Template`] in a stack file and `String`
/// once the ports are known.
#[derive(Clone, Debug, PartialEq)]
pub enum Probe<T = Template> {
    /// A connection to `host:port` is accepted.
    Tcp(T),
    /// A request is answered as expected.
    Http(Box<HttpRequest<T>>),
    /// `PING` to a `redis://` address is answered with `PONG`.
    Redis(T),
    /// The handshake with a `ws://` address is accepted.
    WebSocket(T),
    /// A command ends with code 0.
    Command(Command<T>),
    /// A line of this run's log matches a regular expression, which is known to compile.
    Log(String),
    /// It just runs.
    Process,
}

/// An HTTP request and what is expected of its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpRequest<T = Template> {
    /// `GET` unless the file says otherwise; `POST` with a body.
    pub method: String,
    /// `http://` or `https://`.
    pub url: T,
    /// Header lines to send.
    pub headers: BTreeMap<String, T>,
    /// The body to send.
    pub body: Option<Body<T>>,
    /// What the answer must be.
    pub expect: Expect<T>,
}

/// The body of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Body<T = Template> {
    /// As it stands.
    Text(T),
    /// A JSON value. Its strings are templates, kept as text until [`HttpRequest::render`].
    Json(serde_json::Value),
}

/// What an answer must be. Empty expectations mean: any status from 200 to 399.
#[derive(Clone, Debug, PartialEq)]
pub struct Expect<T = Template> {
    /// One of these; empty: any from 200 to 399.
    pub status: Vec<u16>,
    /// The body is JSON and has at least this.
    pub json: Option<serde_json::Value>,
    /// The body contains this.
    pub text: Option<T>,
    /// These headers, with values that contain these texts.
    pub headers: BTreeMap<String, T>,
}

/// A functional request that a user of the service would make.
#[derive(Clone, Debug, PartialEq)]
pub struct Check<T = Template> {
    /// What the user would call it.
    pub name: String,
    /// What is done.
    pub action: CheckAction<T>,
    /// The page that a browser would send it from: a preflight and CORS headers are judged too.
    pub origin: Option<T>,
    /// Whether the browser sends cookies along.
    pub credentials: bool,
    /// Values of the answer for later checks: name to JSON pointer.
    pub save: BTreeMap<String, String>,
    /// How long it may take.
    pub timeout: Duration,
    /// The pause between two rounds; without it, it runs after ready and when asked.
    pub every: Option<Duration>,
}

/// What a check does.
#[derive(Clone, Debug, PartialEq)]
pub enum CheckAction<T = Template> {
    /// An HTTP request.
    Http(Box<HttpRequest<T>>),
    /// A WebSocket handshake, with an optional subprotocol.
    WebSocket {
        /// `ws://` or `wss://`.
        url: T,
        /// The subprotocol asked for.
        protocol: Option<String>,
    },
    /// `PING` to a `redis://` address, and a write that changes nothing: a replica, a full memory and
    /// a disk that takes no more refuse it.
    Redis(T),
    /// A command that must end with code 0.
    Command(Command<T>),
}

/// How much of the output of a service is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// The newest runs, the present one among them. At least 1.
    pub runs: u32,
    /// Bytes of one run; its oldest lines go first.
    pub size: u64,
}

/// Text in which ports are filled when they are known.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Template(Vec<Piece>);

/// A part of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Piece {
    /// As it stands.
    Text(String),
    /// `{port}`: the port of the service that the text belongs to.
    OwnPort,
    /// `{name.port}`
    PortOf(ServiceName),
    /// `{name}` in a check: a value that an earlier check saved.
    Saved(String),
}

/// What is known when a [`Template`] is filled.
pub trait Ports {
    /// The claimed port of the service, or the declared one.
    fn port_of(&self, service: &ServiceName) -> Option<Port>;

    /// What a check has saved under this name.
    fn saved(&self, name: &str) -> Option<String> {
        let _ = name;
        None
    }
}

impl Ports for Stack {
    fn port_of(&self, service: &ServiceName) -> Option<Port> {
        self.service(service)?.port
    }
}

impl Template {
    /// A template of these pieces.
    #[must_use]
    pub fn new(pieces: Vec<Piece>) -> Self {
        Self(pieces)
    }

    /// Text with nothing to fill in.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self(vec![Piece::Text(text.to_owned())])
    }

    /// Its pieces, in order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// The text as `owner` sees it. A port that nobody has (which [`crate::stack_file`] rules out)
    /// and a value that no check saved stay as they are written.
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

impl Command {
    /// The command with its ports filled in.
    #[must_use]
    pub fn render(&self, owner: &ServiceName, ports: &impl Ports) -> Command<String> {
        match self {
            Self::Words(words) => {
                Command::Words(words.iter().map(|word| word.render(owner, ports)).collect())
            }
            Self::Shell(line) => Command::Shell(line.render(owner, ports)),
        }
    }
}

impl Probe {
    /// The probe with its ports filled in.
    #[must_use]
    pub fn render(&self, owner: &ServiceName, ports: &impl Ports) -> Probe<String> {
        match self {
            Self::Tcp(address) => Probe::Tcp(address.render(owner, ports)),
            Self::Http(request) => Probe::Http(Box::new(request.render(owner, ports))),
            Self::Redis(url) => Probe::Redis(url.render(owner, ports)),
            Self::WebSocket(url) => Probe::WebSocket(url.render(owner, ports)),
            Self::Command(command) => Probe::Command(command.render(owner, ports)),
            Self::Log(pattern) => Probe::Log(pattern.clone()),
            Self::Process => Probe::Process,
        }
    }
}

impl HttpRequest {
    /// The request with its ports filled in.
    #[must_use]
    pub fn render(&self, owner: &ServiceName, ports: &impl Ports) -> HttpRequest<String> {
        let render = |template: &Template| template.render(owner, ports);
        let render_all = |headers: &BTreeMap<String, Template>| {
            headers
                .iter()
                .map(|(name, value)| (name.clone(), render(value)))
                .collect()
        };
        HttpRequest {
            method: self.method.clone(),
            url: render(&self.url),
            headers: render_all(&self.headers),
            body: self.body.as_ref().map(|body| match body {
                Body::Text(text) => Body::Text(render(text)),
                Body::Json(value) => Body::Json(fill_json(value, owner, ports)),
            }),
            expect: Expect {
                status: self.expect.status.clone(),
                json: self
                    .expect
                    .json
                    .as_ref()
                    .map(|value| fill_json(value, owner, ports)),
                text: self.expect.text.as_ref().map(render),
                headers: render_all(&self.expect.headers),
            },
        }
    }
}

impl Check {
    /// The check with its ports filled in.
    #[must_use]
    pub fn render(&self, owner: &ServiceName, ports: &impl Ports) -> Check<String> {
        let action = match &self.action {
            CheckAction::Http(request) => CheckAction::Http(Box::new(request.render(owner, ports))),
            CheckAction::WebSocket { url, protocol } => CheckAction::WebSocket {
                url: url.render(owner, ports),
                protocol: protocol.clone(),
            },
            CheckAction::Redis(url) => CheckAction::Redis(url.render(owner, ports)),
            CheckAction::Command(command) => CheckAction::Command(command.render(owner, ports)),
        };
        Check {
            name: self.name.clone(),
            action,
            origin: self
                .origin
                .as_ref()
                .map(|origin| origin.render(owner, ports)),
            credentials: self.credentials,
            save: self.save.clone(),
            timeout: self.timeout,
            every: self.every,
        }
    }
}

impl fmt::Display for Command<String> {
    /// As a person would type it, each word quoted where a shell would need it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(words) => f.write_str(&shell_words::join(words)),
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
