//! What goes between the app and its window. `ui/src/backend/wire.ts` is made from these types
//! (`cargo xtask generate`).

use std::{path::PathBuf, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    app::settings::Settings,
    effects::log::Level,
    model::{facts::RunId, view::Snapshot},
    stack::ServiceName,
};

/// What the window is told. The first is [`Update::Whole`].
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Update {
    /// All there is to know.
    Whole {
        /// Of the app.
        version: String,
        /// Where it runs.
        platform: Platform,
        /// Every known stack, also those that were never started.
        snapshot: Arc<Snapshot>,
        /// What is known of them besides.
        stacks: Vec<KnownStack>,
        /// What was chosen.
        settings: Settings,
        /// Of the last five minutes at most.
        usage: Vec<UsageSample>,
        /// Whether there is a tray for the icon.
        tray: bool,
    },
    /// Something has changed.
    Snapshot {
        /// The whole of it.
        snapshot: Arc<Snapshot>,
    },
    /// What the services cost now.
    Usage {
        /// What was measured.
        sample: UsageSample,
    },
    /// A stack came or went, or its file has changed.
    Stacks {
        /// All of them.
        stacks: Vec<KnownStack>,
    },
    /// Something else was chosen.
    Settings {
        /// All that is chosen.
        settings: Settings,
    },
    /// A tray came or went.
    Tray {
        /// Whether there is one.
        tray: bool,
    },
    /// Something that a person should know: what was set aside, or taken over.
    Remark {
        /// A sentence.
        text: String,
    },
    /// The tray or a notification asks for this one.
    Show {
        /// The stack file.
        #[serde(with = "crate::fs::native_text")]
        #[cfg_attr(feature = "typescript", ts(type = "string"))]
        file: PathBuf,
        /// Which service, if one.
        service: Option<ServiceName>,
    },
    /// Somebody wants to quit, and is to be asked what becomes of the services.
    QuitAsked,
    /// The services are being stopped.
    Quitting {
        /// How many are still there.
        stopping: usize,
    },
}

/// Where the app runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// Linux, and whatever is like it.
    Linux,
    /// macOS
    #[serde(rename = "macos")]
    MacOs,
    /// Windows
    Windows,
}

impl Platform {
    /// The one that this program was built for.
    #[must_use]
    pub fn here() -> Self {
        match std::env::consts::OS {
            "macos" => Self::MacOs,
            "windows" => Self::Windows,
            _ => Self::Linux,
        }
    }
}

/// What the services cost at one time.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct UsageSample {
    /// When.
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub at: Timestamp,
    /// Those that run.
    pub services: Vec<ServiceUsage>,
}

/// What a service costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct ServiceUsage {
    /// The stack file.
    #[serde(with = "crate::fs::native_text")]
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub file: PathBuf,
    /// Which.
    pub service: ServiceName,
    /// Of one core.
    pub cpu_percent: Option<f64>,
    /// Of its whole tree.
    #[cfg_attr(feature = "typescript", ts(type = "number | null"))]
    pub memory_bytes: Option<u64>,
}

/// What is known of a stack besides its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct KnownStack {
    /// Its stack file, absolute.
    #[serde(with = "crate::fs::native_text")]
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub file: PathBuf,
    /// Its name; that of its folder where the file cannot be read.
    pub name: String,
    /// Its folder, as a person would write it.
    pub folder: String,
    /// Whether it is started when the app starts with the desktop.
    pub start_at_login: bool,
    /// What has become of its file since it was applied.
    pub change: Option<FileChange>,
}

/// What has become of a stack file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FileChange {
    /// It says something else, and can be applied.
    Valid {
        /// The services that are changed, new or gone.
        services: Vec<ServiceName>,
    },
    /// It is wrong. What runs goes on as it was.
    Invalid {
        /// What is wrong first.
        message: String,
        /// Where, from 1.
        line: Option<usize>,
        /// Where, from 1.
        column: Option<usize>,
        /// The line itself.
        excerpt: Option<String>,
    },
    /// It is not there.
    Missing,
}

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct LogLine {
    /// Who wrote it.
    pub service: ServiceName,
    /// In which run.
    #[serde(serialize_with = "as_text")]
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub run: RunId,
    /// Counts the lines of what is followed, from 1.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub number: u64,
    /// When, if that is known.
    #[cfg_attr(feature = "typescript", ts(type = "string | null"))]
    pub time: Option<Timestamp>,
    /// How grave it is, as far as that can be guessed.
    pub level: Option<LogLevel>,
    /// The line, with its terminal sequences.
    pub text: String,
}

/// How grave a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Something is wrong.
    Error,
    /// Something may be wrong.
    Warning,
    /// The usual.
    Info,
    /// For who looks into the program.
    Debug,
    /// The finest.
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

/// What is told of logs that are followed.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LogUpdate {
    /// The next lines, at most 500.
    Lines {
        /// In their order.
        lines: Vec<LogLine>,
    },
    /// All that was there has been told.
    CaughtUp,
    /// No more can be read.
    Failed {
        /// Why.
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
    /// In words that make a question.
    pub text: String,
    /// The change of a stack file: lines that begin with a space, `-`, `+`, or `:` for a gap.
    pub diff: Option<String>,
}

/// The stack file that fits a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Draft {
    /// Where it would be written.
    #[serde(with = "crate::fs::native_text")]
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub file: PathBuf,
    /// What would stand in it.
    pub text: String,
    /// What it was made from.
    pub found: Vec<Found>,
    /// Whether there is a file in its place.
    pub exists: bool,
}

/// Something that was seen in a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Found {
    /// What.
    pub text: String,
    /// In which file.
    pub source: Option<String>,
}

/// What becomes of the services, as somebody answered who wanted to quit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum QuitChoice {
    /// All are stopped.
    StopAll,
    /// They stay.
    LeaveRunning,
    /// The app stays, too.
    Cancel,
}
