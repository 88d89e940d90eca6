//! Facts that effects report to the model: processes, exits, port holders, and the faults of
//! claims, launches and probes.

use std::{
    fmt,
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

use serde::{Deserialize, Serialize};

use super::{
    container::{ContainerFault, Publisher},
    memory::size,
};
use crate::stack::{Port, Protocol, ServiceName};

/// A time on both clocks: `instant` for calculations, `wall` for display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimePoint {
    /// Monotonic.
    pub instant: Instant,
    /// The time of day.
    pub wall: SystemTime,
}

impl TimePoint {
    /// Returns the time `later` than this one, on both clocks.
    #[must_use]
    pub fn after(self, later: Duration) -> Self {
        Self {
            instant: self.instant + later,
            wall: self.wall + later,
        }
    }
}

/// The number of a service's start. Grows with every start of that service, across daemons too.
#[derive(
    Clone,
    Copy,
    Debug,
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
#[cfg_attr(feature = "typescript", ts(type = "number"))]
pub struct RunId(pub u64);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The identifier of a stack in marks, file names and messages: short, safe in a file name, and
/// stable for the same stack file and home.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StackId(pub String);

impl fmt::Display for StackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The mark in the environment (`PILOTLIGHT_SERVICE`) of every process of a service. It identifies
/// processes that have left their group and lost their parent. The format is `stack/service/run`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// The stack.
    pub stack: StackId,
    /// The service.
    pub service: ServiceName,
    /// The start.
    pub run: RunId,
}

impl Mark {
    /// The name of the environment variable.
    pub const VARIABLE: &'static str = "PILOTLIGHT_SERVICE";

    /// A variable that every service has as well. If a process has it without the mark, the mark
    /// was removed on purpose, so that the process outlives the service.
    pub const COMPANION: &'static str = "PYTHONUNBUFFERED";

    /// Parses the output of [`fmt::Display`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, run) = text.rsplit_once('/')?;
        let (stack, service) = rest.split_once('/')?;
        Some(Self {
            stack: StackId(stack.to_owned()),
            service: ServiceName::new(service),
            run: RunId(run.parse().ok()?),
        })
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.stack, self.service, self.run)
    }
}

/// A process, identified by PID and start time, so that it cannot be confused with a later one of
/// the same PID. Nothing is signalled unless both match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Process {
    /// The PID.
    pub pid: u32,
    /// When it started, in the unit of the operating system: clock ticks since boot on Linux,
    /// microseconds since 1970 on macOS, 100 ns since 1601 on Windows.
    pub started: u64,
}

/// How a process exited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum Exit {
    /// With this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Not known: the process was not a child of this daemon.
    Unknown,
}

/// The names of the signals that end processes, with the numbers shared by Linux and macOS.
pub const SIGNALS: [(i32, &str); 11] = [
    (1, "SIGHUP"),
    (2, "SIGINT"),
    (3, "SIGQUIT"),
    (4, "SIGILL"),
    (5, "SIGTRAP"),
    (6, "SIGABRT"),
    (8, "SIGFPE"),
    (9, "SIGKILL"),
    (11, "SIGSEGV"),
    (13, "SIGPIPE"),
    (15, "SIGTERM"),
];

impl Exit {
    /// Describes how the process ended: `exited with code 1`, `killed (SIGKILL)`.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Code(code) => format!("exited with code {code}"),
            Self::Signal(number) => match SIGNALS.iter().find(|(known, _)| *known == number) {
                Some((_, name)) => format!("killed ({name})"),
                None => format!("killed (signal {number})"),
            },
            Self::Unknown => "exited".to_owned(),
        }
    }

    /// Returns whether the process exited with code 0.
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
            Self::Unknown => f.write_str("unknown code"),
        }
    }
}

/// A process that listens on a port. Unreadable fields are `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The process.
    pub process: Process,
    /// The name of its program.
    pub name: String,
    /// Its command line, redacted.
    pub command_line: Option<String>,
    /// The user that it runs as.
    pub user: Option<String>,
    /// Its working directory.
    pub folder: Option<PathBuf>,
    /// When it started.
    pub since: Option<SystemTime>,
    /// The addresses on which it listens.
    pub addresses: Vec<SocketAddr>,
    /// Its mark, if it is a service of Pilot Light.
    pub mark: Option<Mark>,
}

impl Holder {
    /// Returns whether it listens on this port.
    #[must_use]
    pub fn is_on(&self, port: u16) -> bool {
        self.addresses.iter().any(|address| address.port() == port)
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (PID {})", self.name, self.process.pid)
    }
}

/// The kind of a program that a user works with or that several projects share: it is never stopped
/// automatically.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramKind {
    /// An editor or an IDE.
    Editor,
    /// A browser.
    Browser,
    /// A terminal.
    Terminal,
    /// `tmux`, `screen` and similar programs.
    Multiplexer,
    /// `ssh` and programs based on it.
    Ssh,
    /// A database or a message broker.
    Database,
    /// A program that runs or controls containers: `docker`, `podman`, `kubectl`.
    ContainerTool,
    /// A daemon that serves many projects: `adb`, the Gradle daemon, `watchman`, `gpg-agent`.
    Agent,
}

impl fmt::Display for ProgramKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Editor => "an editor",
            Self::Browser => "a browser",
            Self::Terminal => "a terminal",
            Self::Multiplexer => "a terminal multiplexer",
            Self::Ssh => "an SSH program",
            Self::Database => "a database",
            Self::ContainerTool => "a container tool",
            Self::Agent => "a daemon that several projects share",
        })
    }
}

/// A service that holds a port, and the stack that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// The run of the service.
    pub mark: Mark,
    /// The stack's name and file; `None` if this daemon does not run the service.
    pub stack: Option<(String, PathBuf)>,
}

impl fmt::Display for Neighbour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.stack.as_ref().map(|(name, _)| name);
        let name = name.unwrap_or(&self.mark.stack.0);
        write!(f, "the service {} of stack {name}", self.mark.service)
    }
}

/// Why the holder of a port is not stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Protected {
    /// It runs as another user.
    #[error("it runs as {}", name.as_ref().map_or_else(|| "another user".to_owned(), |name| format!("the user {name}")))]
    OtherUser {
        /// The name of that user, if the process itself is unknown.
        name: Option<String>,
    },
    /// It belongs to the operating system (PID 1, services, lsass, svchost, …).
    #[error("it belongs to the operating system")]
    System,
    /// It is the daemon.
    #[error("it is Pilot Light itself")]
    Control,
    /// It is an ancestor of the daemon or of a command (a shell, a terminal, an editor).
    #[error("Pilot Light was started from it")]
    Ancestor,
    /// It is a service of a stack.
    #[error("it is {0}")]
    RunningService(Neighbour),
    /// It is the proxy of a container engine: the container must be stopped instead.
    #[error("it holds the port for {}, which must be stopped instead", .0.as_ref().map_or_else(|| "a container".to_owned(), ToString::to_string))]
    ContainerProxy(Option<Box<Publisher>>),
    /// It is always restarted: by systemd, pm2, or a container engine.
    #[error("{} restarts it each time it is stopped", by.as_deref().unwrap_or("something"))]
    Respawned {
        /// Its parent: `PM2 (pid 7)`.
        by: Option<String>,
    },
    /// It is of this kind, which only the user can stop.
    #[error("it is {0}, which only you can stop")]
    Personal(ProgramKind),
    /// It runs in a container or a sandbox, in another PID namespace.
    #[error("it runs in a container or a sandbox")]
    Contained,
    /// It is not a leftover of the stack, and `port_conflict` is `"replace"`.
    #[error("it is not a leftover of this stack")]
    Stranger,
    /// `port_conflict` is `"fail"`.
    #[error("the stack file says `port_conflict = \"fail\"`")]
    Forbidden,
    /// The stack's mode is production.
    #[error("in production no process is stopped")]
    Production,
}

/// Why a port cannot be claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortFault {
    /// Another process listens there and was not stopped.
    Taken {
        /// The process; `None` if the operating system hides it (another user's process).
        holder: Option<Box<Holder>>,
        /// Why it was not stopped; `None` if it survived the stop.
        protected: Option<Protected>,
    },
    /// The operating system reserves it (Windows 10013) or requires privileges (below 1024).
    Excluded {
        /// The operating system's error.
        message: String,
    },
    /// No process listens there, but it cannot be bound.
    Lingering {
        /// The operating system's error.
        message: String,
    },
    /// With `port_conflict = "next"`, none of the following hundred ports is free.
    NoneFree,
}

/// The reports of the watch on the files of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watched {
    /// These files have changed, relative to the service's folder; the first ones of many.
    Changed(Vec<PathBuf>),
    /// Some of them are not watched.
    Fault(WatchFault),
    /// Their file system reports no changes, so they are polled.
    Polls,
}

/// Why files are not watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchFault {
    /// A limit of inotify is reached. Contains the name of the setting in `fs.inotify`.
    Limit(&'static str),
    /// A folder of the patterns does not exist.
    NoFolder(PathBuf),
    /// Any other error.
    Other(String),
}

/// The result of claiming a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The claimed port.
    pub port: Port,
    /// The processes that were stopped, for the log and the window.
    pub ended: Vec<Holder>,
}

/// Why a command could not be started: a clause after "cannot start:".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaunchFault {
    /// The program does not exist.
    #[error("command not found: `{program}`")]
    CommandNotFound {
        /// The name in the stack file.
        program: String,
        /// Programs on PATH with similar names.
        near: Vec<String>,
    },
    /// The program is not executable.
    #[error("{} is not executable", path.display())]
    NotExecutable {
        /// The path.
        path: PathBuf,
    },
    /// The working directory does not exist.
    #[error("folder not found: {}", path.display())]
    DirectoryMissing {
        /// The path.
        path: PathBuf,
    },
    /// An `env_file` does not exist.
    #[error("file not found: {}", path.display())]
    EnvFileMissing {
        /// The path.
        path: PathBuf,
    },
    /// An `env_file` cannot be read or parsed.
    #[error("{} cannot be {}", path.display(), if line.is_some() { "understood" } else { "read" })]
    EnvFileInvalid {
        /// The path.
        path: PathBuf,
        /// The line, from 1, if known.
        line: Option<usize>,
        /// The error, without a value.
        message: String,
    },
    /// A `require` entry is not met.
    #[error("it requires {what}")]
    RequirementMissing {
        /// A description: "the file main.py", "the variable `OPENAI_API_KEY`".
        what: String,
        /// Details: the last line that a required command printed.
        detail: Option<String>,
    },
    /// Its log could not be opened, for example because the disk is full.
    #[error("its log cannot be written")]
    Log {
        /// The path.
        path: PathBuf,
        /// The operating system's error.
        message: String,
    },
    /// Its container engine did not start it.
    #[error("{0}")]
    Container(Box<ContainerFault>),
    /// Any other error of the operating system.
    #[error("{message}")]
    Other {
        /// The error.
        message: String,
    },
}

/// Why a probe or a check failed, with the facts that a diagnosis needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeFault {
    /// A description of the probe: `GET http://localhost:8001/v1/health`.
    pub target: String,
    /// The kind of fault.
    pub kind: ProbeFaultKind,
}

impl fmt::Display for ProbeFault {
    /// Formats a clause with the target as its subject: `GET http://localhost:8001/v1/health
    /// answers 503`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, kind } = self;
        match kind {
            ProbeFaultKind::Refused | ProbeFaultKind::LogUnmatched => write!(f, "{kind} {target}"),
            _ => write!(f, "{target}{kind}"),
        }
    }
}

/// The ways in which a probe fails. Each is formatted as the rest of a clause about the target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProbeFaultKind {
    /// The connection was refused.
    #[error("nothing is listening at")]
    Refused,
    /// The name has no address, or there is no route to it.
    #[error(" cannot be reached: {0}")]
    Unreachable(String),
    /// No response in time.
    #[error(" {}", if *connected { "accepts the connection but does not respond in time" } else { "does not respond in time" })]
    TimedOut {
        /// Whether the connection was accepted.
        connected: bool,
    },
    /// The connection was reset.
    #[error(" resets the connection")]
    Reset,
    /// The connection was closed properly, without a response.
    #[error(" closes the connection without a response")]
    Empty,
    /// The response violates the protocol.
    #[error(": {0}")]
    Protocol(String),
    /// An unexpected status. The beginning of the body often explains it.
    #[error(" answers {status}")]
    Status {
        /// The status.
        status: u16,
        /// The first 2 KiB of the body.
        body: String,
    },
    /// The body differs from the expected one.
    #[error(": {0}")]
    Body(String),
    /// A header is missing or differs from the expected one.
    #[error(": {0}")]
    Header(String),
    /// Redis returned an error.
    #[error(" answers: {message}")]
    Redis {
        /// `NOAUTH`, `WRONGPASS`, `LOADING`, `MISCONF`, `READONLY`, `OOM`, …
        code: String,
        /// The whole error.
        message: String,
    },
    /// The server is not Redis.
    #[error(" is not Redis: {0}")]
    NotRedis(String),
    /// A server of another type rejects a client.
    #[error(" {}: {message}", match refusal {
        Refusal::Starting | Refusal::Other => "answers".to_owned(),
        Refusal::Login => "rejects the login".to_owned(),
        Refusal::NotIt => format!("is not {}", protocol.title()),
    })]
    Server {
        /// The protocol of the probe.
        protocol: Protocol,
        /// The kind of rejection.
        refusal: Refusal,
        /// The server's message, or the data that it sent instead.
        message: String,
    },
    /// The WebSocket handshake was refused with this status.
    #[error(" refuses the handshake with {0}")]
    WebSocketRefused(u16),
    /// The command did not exit with code 0.
    #[error(" exited with {exit}{}", after_colon(last_line.as_deref()))]
    Command {
        /// The exit of the command.
        exit: Exit,
        /// The last line of its output.
        last_line: Option<String>,
    },
    /// The command could not be run.
    #[error(" cannot run: {0}")]
    Launch(LaunchFault),
    /// The health check of its container fails.
    #[error(" {}{}", if *starting { "has not passed yet" } else { "fails" }, after_colon(output.as_deref()))]
    HealthCheck {
        /// Whether it has not run often enough yet.
        starting: bool,
        /// The last line of the output of its last run.
        output: Option<String>,
    },
    /// No line of the log has matched yet.
    #[error("no log line matches")]
    LogUnmatched,
    /// The TLS connection failed.
    #[error(": no secure connection: {0}")]
    Tls(String),
    /// The address in the stack file cannot be parsed.
    #[error(" is not a valid address: {0}")]
    Address(String),
    /// It uses more memory than the stack file allows.
    #[error(" uses {} of memory, more than its limit of {}", size(*used), size(*limit))]
    Memory {
        /// The memory of its process tree in bytes.
        used: u64,
        /// The limit in bytes.
        limit: u64,
    },
}

fn after_colon(text: Option<&str>) -> String {
    text.map_or_else(String::new, |text| format!(": {text}"))
}

/// How a server rejects a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is still starting, or already stopping.
    Starting,
    /// It rejects the login.
    Login,
    /// It is another type of server.
    NotIt,
    /// Any other reason: a missing database, too many clients.
    Other,
}

/// The result of a stop. Stopping always ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stopped {
    /// How the first process exited, if known.
    pub exit: Option<Exit>,
    /// Whether it was killed.
    pub killed: bool,
    /// The names of the programs with their own sessions that ended with it.
    pub beside: Vec<String>,
    /// The survivors (another user's processes, or stuck in the kernel).
    pub survivors: Vec<Process>,
    /// Whether its port was still in use afterwards.
    pub port_held: bool,
    /// The reason why it is unknown whether all processes have exited.
    pub fault: Option<String>,
}
