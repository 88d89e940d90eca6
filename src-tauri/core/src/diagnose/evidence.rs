//! What is known when something is wrong: all that [`crate::diagnose`] goes by. The effects gather
//! it at one moment, concurrently and within a bound; nothing in here decides anything.

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
    /// What the stack file says.
    pub stack: Arc<Stack>,
    /// The text of the stack file, so that a remedy can show the lines that it changes; `None` if
    /// it could not be read.
    pub stack_text: Option<Arc<str>>,
    /// When it had been gathered.
    pub at: SystemTime,
    /// How long that took: what a log said in this time may be the answer to a check.
    pub took: Duration,
    /// Whether a daemon has this stack. Without one, nothing is wanted and no run is known, and yet
    /// services may answer that somebody started by hand.
    pub kept: bool,
    /// Another daemon that has this stack, or holds the lock of this one.
    pub other_daemon: Option<OtherDaemon>,
    /// One of each service of the stack, in any order.
    pub services: Vec<ServiceEvidence>,
    /// The machine.
    pub host: HostEvidence,
    /// The time limit of the diagnosis: what had not answered by then is a finding. `None` where the
    /// daemon diagnoses by itself and knows the last results.
    pub within: Option<Duration>,
}

/// A daemon that stands in this one's way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherDaemon {
    /// Its process, where that is known.
    pub pid: Option<u32>,
    /// What it keeps, as a person reads it: its folder of settings, say.
    pub detail: String,
}

/// Everything about one service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceEvidence {
    /// Which.
    pub name: ServiceName,
    /// Where it is. Without a daemon: [`PhaseName::Stopped`].
    pub phase: PhaseName,
    /// Whether it is wanted up.
    pub wanted: bool,
    /// What the model says of it already: it ended, keeps ending, was not started.
    pub finding: Option<Arc<Finding>>,
    /// Its first process, while it runs.
    pub pid: Option<u32>,
    /// Since when it is in its phase.
    pub since: Option<SystemTime>,
    /// When the present or latest run began.
    pub started: Option<SystemTime>,
    /// Whether the present or latest run had been ready.
    pub was_ready: bool,
    /// How often it was started again by itself since it was last asked for.
    pub restarts: u32,
    /// How its latest run ended.
    pub last_exit: Option<Exit>,
    /// What the kernel says of having killed it for memory: its own line, or a counter's name.
    pub out_of_memory: Option<String>,
    /// The port that it has, or is to have.
    pub port: Option<Port>,
    /// Where its whole tree listens: declared or not, IPv4 and IPv6. Empty if nothing of it runs.
    pub listens: Vec<SocketAddr>,
    /// Who else listens on its port, or on one that its log says is in use, on any address: nobody of
    /// its tree.
    pub holders: Vec<Holder>,
    /// What would keep a start from its port now, for what does not run. Nobody is ended to find
    /// out; [`PortFault::Taken`] has `protected: None` if the holder would be ended by a start.
    pub port_fault: Option<PortFault>,
    /// What would keep it from being launched now, for what does not run: program, folder,
    /// environment files, `require`.
    pub requirement: Option<LaunchFault>,
    /// One of each probe, in the order of the stack file; asked whether it runs or not.
    pub probes: Vec<ProbeAnswer>,
    /// One of each check, in the order of the stack file.
    pub checks: Vec<CheckAnswer>,
    /// Whether no round of its checks was complete before: a page that is compiled when it is first
    /// requested is slow once.
    pub first_checks: bool,
    /// The processes that listen on ports which its log says are in use, and on those which its last
    /// error names; those of the service too.
    pub listeners: Vec<Holder>,
    /// The connections of its processes, by the port that they lead to, where its log says that a server
    /// has none left.
    pub connections: Vec<(u16, usize)>,
    /// Its stopped processes (SIGSTOP, SIGTSTP).
    pub stopped: Vec<u32>,
    /// How many files its first process may have open, where its log says that this is too few.
    pub open_files_limit: Option<u64>,
    /// The tasks that wait in its queues, where it is a Redis: the name of a queue, and their number.
    pub queues: Vec<(String, u64)>,
    /// Its latest run's log.
    pub log: LogEvidence,
    /// The addresses in its variables: those of `env_points_at` first.
    pub points_at: Vec<PointsAt>,
    /// What lies in its folder that a remedy can use.
    pub project: ProjectEvidence,
}

impl ServiceEvidence {
    /// Evidence of a service of which nothing is known: stopped, and nobody's.
    #[must_use]
    pub fn unknown(name: ServiceName) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }
}

/// What came of a probe.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeAnswer {
    /// What was asked, as a person reads it: `GET http://localhost:8001/v1/health`.
    pub target: String,
    /// Whether the answer pleases.
    pub result: Result<(), ProbeFault>,
    /// How long it took. An answer that came later than allowed is an answer all the same, which tells
    /// what is slow from what hangs.
    pub took: Duration,
    /// How long it is allowed to take.
    pub timeout: Duration,
    /// The host that is asked, as the stack file writes it: `localhost`, `127.0.0.1`. `None` where
    /// no address is asked (`command`, `log`, `process`).
    pub host: Option<String>,
    /// The port that is asked.
    pub port: Option<u16>,
    /// Whether it says that this very service is there: an `http`, `redis` or `websocket` probe
    /// does, since it looks at the answer; a connection, a command and a process do not.
    pub tells: bool,
}

/// The address in a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointsAt {
    /// The name of the variable.
    pub variable: String,
    /// The service that it must point at, by `env_points_at`.
    pub service: Option<ServiceName>,
    /// The scheme of its value: `https`, `mongodb`.
    pub scheme: Option<String>,
    /// Where it is set; `None` if nowhere.
    pub place: Option<Place>,
    /// The host and the port in its value; `None` if the value has no such (or is not set). A port
    /// that is left out is that of the scheme.
    pub target: Option<(String, u16)>,
    /// Whether the service has to be started again to see a change: it read the value when it
    /// started (what Vite does with `.env*`).
    pub changed_since_start: bool,
}

impl PointsAt {
    /// Returns where it is set, for a text.
    #[must_use]
    pub fn shown_place(&self) -> String {
        let place = self.place.as_ref().map(ToString::to_string);
        place.unwrap_or_else(|| "in its environment".to_owned())
    }
}

/// Where something is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file; absolute.
    pub file: PathBuf,
    /// Its line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.file.display(), self.line)
    }
}

/// What lies in the folder of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProjectEvidence {
    /// The lock files and manifests that are there, absolute, the nearest folder first, up to the
    /// folder of the stack file: `package-lock.json`, `pnpm-lock.yaml`, `yarn.lock`, `bun.lock`,
    /// `package.json`, `uv.lock`, `poetry.lock`, `Pipfile.lock`, `requirements.txt`, `pyproject.toml`.
    pub manifests: Vec<PathBuf>,
    /// For each env file that is missing and has an example beside it (`.env.example`,
    /// `.env.sample`, `.env.template`): the missing one, and its example.
    pub env_examples: Vec<(PathBuf, PathBuf)>,
    /// The Python that the command starts, where it is one: what `-m pip` is asked of.
    pub python: Option<PathBuf>,
    /// The Python of a virtual environment in the folder, or in one above it.
    pub venv: Option<PathBuf>,
    /// Whether that environment has the module that the log misses.
    pub venv_has_module: bool,
    /// The folders below that of the stack file which have the file that the log misses.
    pub elsewhere: Vec<PathBuf>,
    /// The versions that the project asks for, where another one runs.
    pub versions: Vec<VersionEvidence>,
    /// The variable that sends requests to this machine through a proxy (`HTTP_PROXY` without
    /// `localhost` in `NO_PROXY`).
    pub proxy: Option<String>,
    /// What its development server passes on, the longest path first.
    pub passes_on: Vec<PassesOn>,
}

/// Requests that a development server passes on to another server.
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
    /// Where this is set.
    pub place: Place,
}

impl PassesOn {
    /// Returns the path for a text.
    #[must_use]
    pub fn shown_path(&self) -> &str {
        if self.path.is_empty() {
            "/"
        } else {
            &self.path
        }
    }
}

/// A runtime of another version than the project asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionEvidence {
    /// `Node.js`, `Python`, …
    pub runtime: &'static str,
    /// The version that runs.
    pub runs: String,
    /// The version that is asked for, as it is written.
    pub wanted: String,
    /// The files that say so, the first as [`Self::wanted`] has it.
    pub files: Vec<PathBuf>,
}

/// The machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostEvidence {
    /// All addresses that somebody listens on.
    pub listening: Vec<SocketAddr>,
    /// What `localhost` means here, in the order of the resolver.
    pub localhost: Vec<IpAddr>,
    /// Memory that can still be had, in bytes.
    pub memory_available: Option<u64>,
    /// All memory, in bytes.
    pub memory_total: Option<u64>,
    /// Room left where the logs are, in bytes.
    pub disk_available: Option<u64>,
    /// How many watches, and how many instances, of inotify a user may have.
    pub inotify: [Option<u64>; 2],
}

/// The queues of common frameworks in a Redis, the command that counts the tasks in each, a word in the
/// command of the worker that takes them, and how that worker is started.
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
