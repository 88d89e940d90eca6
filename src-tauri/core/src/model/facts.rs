//! What the world reports to the model: processes, exits, port owners, and the ways in which a
//! claim, a launch or a probe goes wrong. The effects make these values; the model only reads them.

use std::{
    fmt,
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

use serde::{Deserialize, Serialize};

use crate::stack::{Port, ServiceName};

/// A moment on both clocks: `instant` to count with, `wall` to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimePoint {
    /// Monotonic.
    pub instant: Instant,
    /// What a calendar says.
    pub wall: SystemTime,
}

impl TimePoint {
    /// The moment `later` than this one, on both clocks.
    #[must_use]
    pub fn after(self, later: Duration) -> Self {
        Self {
            instant: self.instant + later,
            wall: self.wall + later,
        }
    }
}

/// One start of a service. Grows with every start of that service, across daemons too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "typescript", ts(type = "number"))]
pub struct RunId(pub u64);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What tells the stacks of one daemon apart in marks, file names and messages: short, safe in a
/// file name, the same for the same stack file and settings folder on every start.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StackId(pub String);

impl fmt::Display for StackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What every process of a service carries in its environment as `PILOTLIGHT_SERVICE`, so that
/// it is found again when it has left its group and lost its parent. Written `stack/service/run`.
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

    /// A variable that every service also has. If it is present without the mark, the mark was removed
    /// on purpose, so that the process outlives the service.
    pub const COMPANION: &'static str = "PYTHONUNBUFFERED";

    /// Reads what [`fmt::Display`] wrote.
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

/// A process that cannot be mistaken for a later one of the same number: nothing is signalled
/// unless both match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Process {
    /// The operating system's number for it.
    pub pid: u32,
    /// When it began, in the operating system's own unit: clock ticks since boot on Linux,
    /// microseconds since 1970 on macOS, 100 ns since 1601 on Windows.
    pub started: u64,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// The names of the signals that end processes, with the numbers that Linux and macOS share.
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
    /// Returns how the process ended, in words: `exited with code 1`, `killed (SIGKILL)`.
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

/// Who listens on a port. A field that could not be read is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The process.
    pub process: Process,
    /// The name of its program.
    pub name: String,
    /// Its command line, with what looks like a secret masked.
    pub command_line: Option<String>,
    /// The user that it runs as.
    pub user: Option<String>,
    /// Its working directory.
    pub folder: Option<PathBuf>,
    /// Since when it runs.
    pub since: Option<SystemTime>,
    /// How long it had been running when it was examined.
    pub age: Option<Duration>,
    /// Where it listens.
    pub addresses: Vec<SocketAddr>,
    /// The mark that it carries, if it is a service of a Pilot Light.
    pub mark: Option<Mark>,
}

/// The kind of a program that a user works with or that several projects share: it is not ended
/// automatically.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramKind {
    /// An editor or an IDE.
    Editor,
    /// A browser.
    Browser,
    /// A terminal.
    Terminal,
    /// `tmux`, `screen` and their like.
    Multiplexer,
    /// `ssh` and programs based on it.
    Ssh,
    /// A database or a message broker.
    Database,
    /// A program that runs or controls containers: `docker`, `podman`, `kubectl`.
    ContainerTool,
    /// A daemon that serves many projects: `adb`, Gradle's, `watchman`, `gpg-agent`.
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

/// Why the holder of a port is left alone, whatever the mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protected {
    /// It runs as another user.
    OtherUser {
        /// The name of that user, where the process itself is not known.
        name: Option<String>,
    },
    /// It belongs to the operating system (pid 1, services, lsass, svchost, …).
    System,
    /// It is the daemon.
    Control,
    /// The daemon or the command that was given descends from it (a shell, a terminal, an editor).
    Ancestor,
    /// It is a service of a stack.
    RunningService(Neighbour),
    /// It is the proxy of a container engine: the container is what is to be stopped.
    ContainerProxy,
    /// Something starts it again each time it is ended: systemd, pm2, a container engine.
    Respawned {
        /// Its parent, as a person reads it: `PM2 (pid 7)`.
        by: Option<String>,
    },
    /// It is of this kind: only a person can have it ended.
    Personal(ProgramKind),
    /// It runs in a container or a sandbox: in another pid namespace.
    Contained,
    /// It is not a leftover of the stack, and the stack file says `port_conflict = "replace"`.
    Stranger,
    /// The stack file says `port_conflict = "fail"`.
    Forbidden,
    /// The stack's mode is production.
    Production,
}

/// Why a port cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortFault {
    /// Another process listens there, and was not ended.
    Taken {
        /// Who; `None` where the operating system does not tell (another user's process).
        holder: Option<Box<Holder>>,
        /// Why it was not ended; `None` if it was to be ended and did not leave.
        protected: Option<Protected>,
    },
    /// The operating system keeps it back (Windows 10013), or it needs privileges (below 1024).
    Excluded {
        /// The operating system's words.
        message: String,
    },
    /// Nobody listens there, and yet it cannot be bound.
    Lingering {
        /// The operating system's words.
        message: String,
    },
    /// `port_conflict = "next"` found none among the following hundred.
    NoneFree,
}

/// What came of claiming the port of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The port that it is to listen on.
    pub port: Port,
    /// Whom that cost, for the log and the window.
    pub ended: Vec<Holder>,
}

/// Why a command was not started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaunchFault {
    /// No such program.
    CommandNotFound {
        /// As the stack file names it.
        program: String,
        /// Programs on PATH with nearly that name.
        near: Vec<String>,
    },
    /// It is there and may not be run.
    NotExecutable {
        /// Where.
        path: PathBuf,
    },
    /// The working directory is not there.
    DirectoryMissing {
        /// Which.
        path: PathBuf,
    },
    /// An `env_file` is not there.
    EnvFileMissing {
        /// Which.
        path: PathBuf,
    },
    /// An `env_file` cannot be read or understood.
    EnvFileInvalid {
        /// Which.
        path: PathBuf,
        /// The line, from 1, where there is one.
        line: Option<usize>,
        /// What is wrong; never a value.
        message: String,
    },
    /// A `require` entry is not met.
    RequirementMissing {
        /// Which, as a person reads it: "the file main.py", "the variable `OPENAI_API_KEY`".
        what: String,
        /// How it shows: the last line that a required command printed.
        detail: Option<String>,
    },
    /// Its log could not be opened (the disk is full, say).
    Log {
        /// Where.
        path: PathBuf,
        /// The operating system's words.
        message: String,
    },
    /// Anything else that the operating system said.
    Other {
        /// Its words.
        message: String,
    },
}

/// Why a probe or a check did not pass. Carries what a diagnosis needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeFault {
    /// What was asked, as a person reads it: `GET http://localhost:8001/v1/health`.
    pub target: String,
    /// What came of it.
    pub kind: ProbeFaultKind,
}

/// The ways in which a probe does not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeFaultKind {
    /// Nobody listens there.
    Refused,
    /// The name has no address, or no route leads there.
    Unreachable(String),
    /// No answer in time.
    TimedOut {
        /// Whether the connection was accepted.
        connected: bool,
    },
    /// The connection broke off.
    Reset,
    /// The connection was closed in due form, without a byte of an answer.
    Empty,
    /// The answer breaks the protocol.
    Protocol(String),
    /// An unexpected status. The body's beginning says why, often.
    Status {
        /// What came.
        status: u16,
        /// The first 2 KiB of the body.
        body: String,
    },
    /// The body is not what was expected.
    Body(String),
    /// A header is missing or not what was expected.
    Header(String),
    /// The Redis there refuses: the first word and the rest of its error.
    Redis {
        /// `NOAUTH`, `WRONGPASS`, `LOADING`, `MISCONF`, `READONLY`, `OOM`, …
        code: String,
        /// The whole error.
        message: String,
    },
    /// What answers is no Redis.
    NotRedis(String),
    /// The WebSocket handshake was refused with this status.
    WebSocketRefused(u16),
    /// The command ended otherwise than with code 0.
    Command {
        /// How.
        exit: Exit,
        /// The last line of its output.
        last_line: Option<String>,
    },
    /// The command could not be run.
    Launch(LaunchFault),
    /// No line of the log has matched yet.
    LogUnmatched,
    /// The secure connection could not be made.
    Tls(String),
    /// The address in the stack file cannot be understood.
    Address(String),
}

/// How the stop of a service went. Stopping always ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stopped {
    /// How the first process ended, where that was seen.
    pub exit: Option<Exit>,
    /// Whether it had to be killed.
    pub killed: bool,
    /// The names of the programs with sessions of their own that ended with it.
    pub beside: Vec<String>,
    /// Who would not go, even so (another user's, or stuck in the kernel).
    pub left: Vec<Process>,
    /// Whether its port was still held afterwards.
    pub port_held: bool,
    /// The reason why it is unknown whether all processes have exited.
    pub fault: Option<String>,
}
