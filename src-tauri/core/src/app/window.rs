//! The messages between the app and its window. `ui/src/backend/wire.ts` is generated from these
//! types (`cargo xtask generate`).

use std::{path::PathBuf, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    app::settings::Settings,
    effects::log::Level,
    model::{facts::RunId, view::Snapshot},
    stack::ServiceName,
};

/// A message to the window. The first is [`Update::Whole`].
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Update {
    /// The complete state.
    Whole {
        /// The version of the app.
        version: String,
        /// The platform.
        platform: Platform,
        /// Every known stack, also those that were never started.
        snapshot: Arc<Snapshot>,
        /// Additional facts about them.
        stacks: Vec<KnownStack>,
        /// The settings.
        settings: Settings,
        /// The usage of the last five minutes.
        usage: Vec<UsageSample>,
        /// Whether the desktop has a tray.
        tray: bool,
    },
    /// A snapshot.
    Snapshot {
        /// The complete snapshot.
        snapshot: Arc<Snapshot>,
    },
    /// The current usage.
    Usage {
        /// The measurement.
        sample: UsageSample,
    },
    /// A stack was added or removed, or its file has changed.
    Stacks {
        /// All of them.
        stacks: Vec<KnownStack>,
    },
    /// The settings have changed.
    Settings {
        /// The settings.
        settings: Settings,
    },
    /// A tray appeared or disappeared.
    Tray {
        /// Whether there is one.
        tray: bool,
    },
    /// A message for the user.
    Remark {
        /// A sentence.
        text: String,
    },
    /// The tray or a notification selects a stack.
    Show {
        /// The stack file.
        #[serde(with = "crate::fs::native_text")]
        #[cfg_attr(feature = "typescript", ts(type = "string"))]
        file: PathBuf,
        /// The service, if any.
        service: Option<ServiceName>,
    },
    /// The user has dropped a file or folder on the window.
    Dropped {
        /// Its path.
        #[serde(with = "crate::fs::native_text")]
        #[cfg_attr(feature = "typescript", ts(type = "string"))]
        path: PathBuf,
    },
    /// The user wants to quit and must choose what happens to the services.
    QuitAsked,
    /// The services are being stopped.
    Quitting {
        /// The number of services that still run.
        stopping: usize,
    },
}

/// The platform of the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// Linux and similar systems.
    Linux,
    /// macOS
    #[serde(rename = "macos")]
    MacOs,
    /// Windows
    Windows,
}

impl Platform {
    /// Returns the platform of this program.
    #[must_use]
    pub fn here() -> Self {
        match std::env::consts::OS {
            "macos" => Self::MacOs,
            "windows" => Self::Windows,
            _ => Self::Linux,
        }
    }
}

/// The usage of all services at one time.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct UsageSample {
    /// The time.
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub at: Timestamp,
    /// The running services.
    pub services: Vec<ServiceUsage>,
}

/// The usage of a service.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct ServiceUsage {
    /// The stack file.
    #[serde(with = "crate::fs::native_text")]
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub file: PathBuf,
    /// The service.
    pub service: ServiceName,
    /// CPU usage in percent of one core.
    pub cpu_percent: Option<f64>,
    /// Memory of its whole process tree.
    #[cfg_attr(feature = "typescript", ts(type = "number | null"))]
    pub memory_bytes: Option<u64>,
    /// The latency of its probe in milliseconds, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub latency_ms: Option<f64>,
}

/// Additional facts about a stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct KnownStack {
    /// Its stack file, absolute.
    #[serde(with = "crate::fs::native_text")]
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub file: PathBuf,
    /// Its name; that of its folder if the file cannot be read.
    pub name: String,
    /// Its folder, with `~` for the home folder.
    pub folder: String,
    /// Whether it is started when the app starts with the desktop.
    pub start_at_login: bool,
    /// How its file has changed since it was applied.
    pub change: Option<FileChange>,
    /// Whether it is the [example](crate::example).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<bool>"))]
    pub is_example: bool,
}

/// A change of a stack file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FileChange {
    /// The file differs and can be applied.
    Valid {
        /// The services that are changed, new or gone.
        services: Vec<ServiceName>,
    },
    /// The file is invalid. Running services are not affected.
    Invalid {
        /// The first error.
        message: String,
        /// Its position, from 1.
        line: Option<usize>,
        /// Its position, from 1.
        column: Option<usize>,
        /// The line of the error.
        excerpt: Option<String>,
    },
    /// The file does not exist.
    Missing,
}

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct LogLine {
    /// The service.
    pub service: ServiceName,
    /// The run.
    #[serde(serialize_with = "as_text")]
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub run: RunId,
    /// The number of the line within the followed logs, from 1.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub number: u64,
    /// When it was written, if known.
    #[cfg_attr(feature = "typescript", ts(type = "string | null"))]
    pub time: Option<Timestamp>,
    /// The guessed level.
    pub level: Option<LogLevel>,
    /// The line, with its terminal sequences.
    pub text: String,
}

/// The level of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Something is wrong.
    Error,
    /// Something may be wrong.
    Warning,
    /// Normal operation.
    Info,
    /// For debugging.
    Debug,
    /// Very detailed.
    Trace,
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::Error,
            Level::Warn => Self::Warning,
            Level::Info => Self::Info,
            Level::Debug => Self::Debug,
            Level::Trace => Self::Trace,
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde gives a field by reference"
)]
fn as_text<S: serde::Serializer>(run: &RunId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(run)
}

/// A message about followed logs.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LogUpdate {
    /// The next lines, at most 500.
    Lines {
        /// The lines, in order.
        lines: Vec<LogLine>,
    },
    /// All existing lines were sent.
    CaughtUp,
    /// The logs can no longer be read.
    Failed {
        /// The reason.
        message: String,
    },
}

/// The parts of a service that the snapshot does not have. Secrets are redacted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct ServiceDetails {
    /// The command line; none for an external service.
    pub command: Option<String>,
    /// The working directory.
    pub folder: String,
    /// The readiness probes, in words.
    pub probes: Vec<String>,
    /// The checks.
    pub checks: Vec<CheckDetails>,
    /// The variables that the stack file and the env files set.
    pub variables: Vec<Variable>,
    /// A sentence, if the variables cannot be read.
    pub unreadable: Option<String>,
    /// Its processes, parents before their children.
    pub processes: Vec<ProcessDetails>,
    /// The runs that have a log, newest first.
    pub runs: Vec<RunDetails>,
}

/// A process of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct ProcessDetails {
    /// Its PID.
    pub pid: u32,
    /// The PID of its parent, if that belongs to the service.
    pub parent: Option<u32>,
    /// Its command line, with secrets redacted.
    pub command: String,
}

/// A run of a service that has a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct RunDetails {
    /// The run.
    pub run: RunId,
    /// When it began, if the file system records that.
    #[cfg_attr(feature = "typescript", ts(type = "string | null"))]
    pub started: Option<Timestamp>,
    /// When it last wrote to its log.
    #[cfg_attr(feature = "typescript", ts(type = "string | null"))]
    pub last_output: Option<Timestamp>,
    /// The size of its log.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub bytes: u64,
}

/// The result of a readiness probe or a check that was run on demand.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct CheckResult {
    /// The name of the check; none for a readiness probe.
    pub name: Option<String>,
    /// The request or command, in words.
    pub request: String,
    /// The status of the response.
    pub status: Option<u16>,
    /// The duration.
    pub took_ms: f64,
    /// Why it failed or was not run, in words; none if it passed.
    pub fault: Option<String>,
    /// The beginning of the body of an unexpected response.
    pub body: Option<String>,
}

/// A check of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct CheckDetails {
    /// Its name.
    pub name: String,
    /// Its request or command, in words.
    pub request: String,
}

/// A variable of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value; `***` for a secret.
    pub value: String,
    /// The name of the env file that sets it; none for `env` in the stack file.
    pub source: Option<String>,
}

/// What a remedy would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Preview {
    /// A description, for a question.
    pub text: String,
    /// The diff of a stack file: lines that begin with a space, `-`, `+`, or `:` for a gap.
    pub diff: Option<String>,
}

/// A drafted stack file for a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Draft {
    /// The path of the file.
    #[serde(with = "crate::fs::native_text")]
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub file: PathBuf,
    /// Its text.
    pub text: String,
    /// The sources of the draft.
    pub found: Vec<Found>,
    /// Whether the file exists already.
    pub exists: bool,
}

/// Something that was detected in a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Found {
    /// A description.
    pub text: String,
    /// The source file.
    pub source: Option<String>,
    /// The name of the service that it is, if it can be left out of the draft.
    pub service: Option<String>,
}

/// The user's choice when quitting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum QuitChoice {
    /// All are stopped.
    StopAll,
    /// They keep running.
    LeaveRunning,
    /// The app keeps running.
    Cancel,
}
