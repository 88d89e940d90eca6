//! The evidence: the only input of [`crate::diagnose`]. The effects gather it concurrently, within a time
//! limit. It contains no conclusions.

pub mod check;
pub mod log;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

pub use self::{check::CheckAnswer, log::LogEvidence};
use crate::{
    model::{
        facts::{Exit, Holder, LaunchFault, PortFault, ProbeFault},
        finding::Finding,
        view::PhaseName,
    },
    stack::{Port, ServiceName, Stack},
};

/// Everything about one stack, at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The stack file.
    pub stack: Arc<Stack>,
    /// The text of the stack file, so that a fix can show the lines that it changes; `None` if it
    /// could not be read.
    pub stack_text: Option<Arc<str>>,
    /// When gathering was complete.
    pub at: SystemTime,
    /// How long gathering took: lines logged in this time may be caused by a probe or a check.
    pub took: Duration,
    /// Whether a daemon runs this stack. Without one, no service is wanted and no run is known, but
    /// manually started services may respond.
    pub kept: bool,
    /// Another daemon that runs this stack, or holds the lock of this one.
    pub other_daemon: Option<OtherDaemon>,
    /// One for each service of the stack, in any order.
    pub services: Vec<ServiceEvidence>,
    /// The machine.
    pub host: HostEvidence,
    /// The time limit of the diagnosis: a check without a response by then is a finding. `None` for
    /// an automatic diagnosis of the daemon, which knows the last results.
    pub within: Option<Duration>,
}

/// A daemon that conflicts with this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherDaemon {
    /// Its process, if known.
    pub pid: Option<u32>,
    /// A description for users, such as its settings folder.
    pub detail: String,
}

/// Everything about one service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceEvidence {
    /// Its name.
    pub name: ServiceName,
    /// Its phase. Without a daemon: [`PhaseName::Stopped`].
    pub phase: PhaseName,
    /// Whether it should run.
    pub wanted: bool,
    /// The finding of the model, if any: it exited, keeps exiting, was not started.
    pub finding: Option<Arc<Finding>>,
    /// Its first process, if it is running.
    pub pid: Option<u32>,
    /// When it entered its phase.
    pub since: Option<SystemTime>,
    /// When the current or latest run began.
    pub started: Option<SystemTime>,
    /// Whether the current or latest run has been ready.
    pub was_ready: bool,
    /// The number of automatic restarts since the last request.
    pub restarts: u32,
    /// How its latest run ended.
    pub last_exit: Option<Exit>,
    /// The evidence that the kernel killed it for memory: a line of its log, or the name of a counter.
    pub out_of_memory: Option<String>,
    /// Its current or intended port.
    pub port: Option<Port>,
    /// The addresses on which its process tree listens: declared or not, IPv4 and IPv6.
    pub listens: Vec<SocketAddr>,
    /// The processes outside of its tree that listen, on any address, on its port or on a port that
    /// its log reports as in use.
    pub holders: Vec<Holder>,
    /// Why a start could not get its port now, for a service that is not running. No process is
    /// stopped for this: [`PortFault::Taken`] has `protected: None` if a start would stop the
    /// holder.
    pub port_fault: Option<PortFault>,
    /// Why it could not be launched now, for a service that is not running: program, folder,
    /// environment files, `require`.
    pub requirement: Option<LaunchFault>,
    /// One for each probe, in the order of the stack file, whether the service is running or not.
    pub probes: Vec<ProbeAnswer>,
    /// One for each check, in the order of the stack file.
    pub checks: Vec<CheckAnswer>,
    /// Whether these are the first checks of the run: a page that is compiled on the first request
    /// is slow only once.
    pub first_checks: bool,
    /// The processes that listen on ports that its log reports as in use, or that its last error
    /// names; includes its own processes.
    pub listeners: Vec<Holder>,
    /// The number of connections of its processes to each port, if its log reports that a server
    /// accepts no more.
    pub connections: Vec<(u16, usize)>,
    /// Its stopped processes (SIGSTOP, SIGTSTP), if a probe fails.
    pub stopped: Vec<u32>,
    /// Its processes that have exited, each with the parent that has not noticed (a zombie), if a probe fails.
    /// Windows has none.
    pub dead: Vec<(u32, u32)>,
    /// The open-file limit of its first process, if its log reports that it is too low.
    pub open_files_limit: Option<u64>,
    /// A path on the disk that its log reports as full, and the available space there in bytes.
    pub disk: Option<(PathBuf, u64)>,
    /// The queues with waiting tasks, if it is a Redis: the name of each queue, and the number of tasks.
    pub queues: Vec<(String, u64)>,
    /// The log of its latest run.
    pub log: LogEvidence,
    /// The addresses in its variables: those of `env_points_at` first.
    pub points_at: Vec<PointsAt>,
    /// The files in its folder that a fix can use.
    pub project: ProjectEvidence,
}

impl ServiceEvidence {
    /// Creates the evidence of an unknown service: stopped and not wanted.
    #[must_use]
    pub fn unknown(name: ServiceName) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }
}

/// The result of a probe.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeAnswer {
    /// The request, for users: `GET http://localhost:8001/v1/health`.
    pub target: String,
    /// Whether it passes.
    pub result: Result<(), ProbeFault>,
    /// How long it took. A response after the timeout still counts, so that a slow service is not reported
    /// as hanging.
    pub took: Duration,
    /// The timeout.
    pub timeout: Duration,
    /// The requested host, as the stack file writes it: `localhost`, `127.0.0.1`. `None` if the probe
    /// requests no address (`command`, `log`, `process`).
    pub host: Option<String>,
    /// The requested port.
    pub port: Option<u16>,
    /// Whether it identifies the service: an `http`, `redis` or `websocket` probe does, since it
    /// examines the response; a connection, a command or a process does not.
    pub tells: bool,
}

/// An address in a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointsAt {
    /// The name of the variable.
    pub variable: String,
    /// The service that it must point at according to `env_points_at`.
    pub service: Option<ServiceName>,
    /// The scheme of its value: `https`, `mongodb`.
    pub scheme: Option<String>,
    /// Where it is set; `None` if it is not set.
    pub place: Option<Place>,
    /// The host and the port in its value; `None` if the value has none. The default is the port of the
    /// scheme.
    pub target: Option<(String, u16)>,
    /// Whether a change needs a restart: the service reads the value when it starts (Vite does so with
    /// `.env*`).
    pub changed_since_start: bool,
}

impl PointsAt {
    /// Describes where it is set.
    #[must_use]
    pub fn shown_place(&self) -> String {
        let place = self.place.as_ref().map(ToString::to_string);
        place.unwrap_or_else(|| "in its environment".to_owned())
    }
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The absolute path of the file.
    pub file: PathBuf,
    /// The number of the line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.file.display(), self.line)
    }
}

/// The files in the folder of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProjectEvidence {
    /// The existing lock files and manifests, absolute, the nearest folder first, up to the
    /// folder of the stack file: `package-lock.json`, `pnpm-lock.yaml`, `yarn.lock`, `bun.lock`,
    /// `package.json`, `uv.lock`, `poetry.lock`, `Pipfile.lock`, `requirements.txt`, `pyproject.toml`.
    pub manifests: Vec<PathBuf>,
    /// Missing env files, each with an example beside it (`.env.example`, `.env.sample`,
    /// `.env.template`).
    pub env_examples: Vec<(PathBuf, PathBuf)>,
    /// The Python that the command starts, if it is one: `-m pip` runs with it.
    pub python: Option<PathBuf>,
    /// The Python of a virtual environment in the folder, or in one above it.
    pub venv: Option<PathBuf>,
    /// Whether that environment has the module that the log reports as missing.
    pub venv_has_module: bool,
    /// The folders below that of the stack file with the file that the log reports as missing.
    pub elsewhere: Vec<PathBuf>,
    /// The runtimes of another version than the project requires.
    pub versions: Vec<VersionEvidence>,
    /// The variable that sends requests to this machine through a proxy (`HTTP_PROXY` without
    /// `localhost` in `NO_PROXY`).
    pub proxy: Option<String>,
    /// The proxy rules of its development server, the longest path first.
    pub passes_on: Vec<PassesOn>,
}

/// A proxy rule: requests that a development server forwards to another server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassesOn {
    /// The beginning of their path: `/api`; empty for all.
    pub path: String,
    /// The scheme of the server: `http`.
    pub scheme: String,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Where the rule is set.
    pub place: Place,
}

impl PassesOn {
    /// Returns the path, for messages.
    #[must_use]
    pub fn shown_path(&self) -> &str {
        if self.path.is_empty() {
            "/"
        } else {
            &self.path
        }
    }
}

/// A runtime of another version than the project requires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionEvidence {
    /// `Node.js`, `Python`, …
    pub runtime: &'static str,
    /// The version that runs.
    pub runs: String,
    /// The required version, as written.
    pub wanted: String,
    /// The files that require a version; [`Self::wanted`] is from the first.
    pub files: Vec<PathBuf>,
}

/// The machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostEvidence {
    /// All addresses on which a process listens.
    pub listening: Vec<SocketAddr>,
    /// The addresses of `localhost`, in the order of the resolver.
    pub localhost: Vec<IpAddr>,
    /// The available memory in bytes.
    pub memory_available: Option<u64>,
    /// The total memory in bytes.
    pub memory_total: Option<u64>,
    /// The limits of inotify for a user: watches, and instances.
    pub inotify: [Option<u64>; 2],
}

/// For each queue of common frameworks in a Redis: its name, the command that counts its tasks, a
/// word in the command of its worker, and how the worker is started.
pub const WORKERS: [(&str, &str, &str, &str); 8] = [
    ("celery", "LLEN", "celery", "celery -A MODULE worker"),
    ("rq:queue:default", "LLEN", "rq", "rq worker"),
    ("queue:default", "LLEN", "sidekiq", "bundle exec sidekiq"),
    (
        "resque:queue:default",
        "LLEN",
        "resque",
        "bundle exec rake resque:work QUEUE=*",
    ),
    ("queues:default", "LLEN", "queue:", "php artisan queue:work"),
    (
        "laravel_database_queues:default",
        "LLEN",
        "queue:",
        "php artisan queue:work",
    ),
    ("dramatiq:default", "LLEN", "dramatiq", "dramatiq MODULE"),
    ("arq:queue", "ZCARD", "arq", "arq MODULE.WorkerSettings"),
];
