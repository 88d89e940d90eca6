//! A finding: one root cause, with its evidence, the symptoms it explains and a remedy.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    fs::redact::Redacted,
    stack::{Port, ServiceName},
};

/// What the root cause is. The names are a contract; `docs/diagnosis.md` explains each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(
    missing_docs,
    reason = "the table of finding codes says what each means"
)]
pub enum Code {
    NotRunning,
    Exited,
    SilentExit,
    CrashLoop,
    OutOfMemory,
    CommandNotFound,
    NotExecutable,
    DirectoryMissing,
    RequirementMissing,
    EnvFileMissing,
    ModuleMissing,
    StartupError,
    WrongRuntime,
    PortTaken,
    PortExcluded,
    PortLingering,
    WrongPort,
    WrongAddress,
    NotListening,
    WrongService,
    Hung,
    Slow,
    HttpStatus,
    UnhealthyBody,
    ProtocolError,
    AuthRequired,
    CookieNotSent,
    WebsocketRefused,
    CorsOrigin,
    CorsMethod,
    CorsHeader,
    CorsCredentials,
    CorsMissing,
    CorsRedirect,
    CorsMaskedError,
    RedisAuth,
    RedisLoading,
    RedisReadOnly,
    RedisWriteBlocked,
    RedisOutOfMemory,
    NotRedis,
    UndeclaredDependency,
    NoWorker,
    ReportedError,
    NoAnswerYet,
    FrontendMisdirected,
    KeeperConflict,
}

/// One root cause. What it says is masked when it is made, whichever way it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Finding {
    /// What it is.
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub code: Code,
    /// Where it is.
    pub service: ServiceName,
    /// A sentence.
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub title: Redacted,
    /// What a person can check.
    #[cfg_attr(feature = "typescript", ts(type = "string[]"))]
    pub evidence: Vec<Redacted>,
    /// What else it explains.
    pub symptoms: Vec<Symptom>,
    /// What to do.
    pub remedy: Remedy,
}

/// What a root cause explains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Symptom {
    /// Where it shows.
    pub service: ServiceName,
    /// In which check, if in one.
    pub check: Option<String>,
    /// What it would be, were it a cause.
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub code: Code,
    /// A sentence.
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub text: Redacted,
}

/// What to do about a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Remedy {
    /// A sentence.
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub text: Redacted,
    /// The same as something that a program can carry out, where that is safe.
    pub action: Option<Action>,
}

/// Something that a button or `doctor --fix` can carry out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum Action {
    /// Start a service.
    Start {
        /// Which.
        service: ServiceName,
    },
    /// Restart a service.
    Restart {
        /// Which.
        service: ServiceName,
    },
    /// Stop a service of another stack.
    Stop {
        /// That stack's file; absolute.
        #[serde(with = "crate::fs::native_text")]
        #[cfg_attr(feature = "typescript", ts(type = "string"))]
        file: PathBuf,
        /// Which.
        service: ServiceName,
    },
    /// End the holder of a port, under the port rules.
    FreePort {
        /// Which.
        port: Port,
    },
    /// Install what is missing.
    Install {
        /// For which service.
        service: ServiceName,
        /// The program and its arguments: `["npm", "ci"]`.
        command: Vec<String>,
        /// Where it runs; absolute.
        #[serde(with = "crate::fs::native_text")]
        #[cfg_attr(feature = "typescript", ts(type = "string"))]
        directory: PathBuf,
    },
    /// Make a file from its example. Nothing that is there is overwritten.
    CopyFile {
        /// The example; absolute.
        #[serde(with = "crate::fs::native_text")]
        #[cfg_attr(feature = "typescript", ts(type = "string"))]
        from: PathBuf,
        /// The file that is missing; absolute.
        #[serde(with = "crate::fs::native_text")]
        #[cfg_attr(feature = "typescript", ts(type = "string"))]
        to: PathBuf,
    },
    /// Change lines of the stack file, once a person has seen the difference.
    EditStackFile {
        /// The stack file; absolute.
        #[serde(with = "crate::fs::native_text")]
        #[cfg_attr(feature = "typescript", ts(type = "string"))]
        file: PathBuf,
        /// From the top to the bottom.
        changes: Vec<LineChange>,
    },
}

/// A change of lines that stand together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct LineChange {
    /// The first line that changes, from 1. What is only added comes before this line.
    pub line: usize,
    /// The lines that go, as they stood: nothing is changed if they no longer do.
    pub old: Vec<String>,
    /// The lines that come.
    pub new: Vec<String>,
}
