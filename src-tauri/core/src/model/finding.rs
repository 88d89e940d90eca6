//! A finding: one root cause, with its evidence, symptoms and a remedy.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    fs::redact::Redacted,
    stack::{Port, ServiceName},
};

/// The code of a root cause. The names are a contract; `docs/diagnosis.md` explains each.
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
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the table of finding codes explains each")]
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
    ServerStarting,
    LoginRefused,
    ServerRefuses,
    WrongServer,
    UndeclaredDependency,
    NoWorker,
    ReportedError,
    NoAnswerYet,
    FrontendMisdirected,
    OtherCheckout,
    SharedQueue,
    EngineMissing,
    EngineDown,
    EngineDenied,
    ComposeMissing,
    ImageMissing,
    NameInUse,
    MountMissing,
    ContainerUnhealthy,
    ContainerRefused,
    KeeperConflict,
    WatchLoop,
    WatchIncomplete,
}

/// One root cause. Its text is redacted on creation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Finding {
    /// The code.
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub code: Code,
    /// The service with the root cause.
    pub service: ServiceName,
    /// A sentence.
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub title: Redacted,
    /// The time since which it holds, if known. Texts have no ages: what shows the finding formats one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    #[cfg_attr(feature = "typescript", ts(optional, type = "string"))]
    pub since: Option<Timestamp>,
    /// The evidence, for the user to verify.
    #[cfg_attr(feature = "typescript", ts(type = "string[]"))]
    pub evidence: Vec<Redacted>,
    /// Symptoms that it explains.
    pub symptoms: Vec<Symptom>,
    /// The remedy.
    pub remedy: Remedy,
}

impl Finding {
    /// Creates a finding without evidence and fix.
    pub(crate) fn new(service: &ServiceName, code: Code, title: impl Into<Redacted>) -> Self {
        Self {
            code,
            service: service.clone(),
            title: title.into(),
            since: None,
            evidence: Vec::new(),
            symptoms: Vec::new(),
            remedy: Remedy::default(),
        }
    }
}

/// A finding, or a candidate for one, that is built step by step.
pub(crate) trait Described: Sized {
    /// Returns the finding.
    fn finding(&mut self) -> &mut Finding;

    /// Adds evidence.
    fn evidence(mut self, lines: impl IntoIterator<Item: Into<Redacted>>) -> Self {
        let lines = lines.into_iter().map(Into::into);
        self.finding().evidence.extend(lines);
        self
    }

    /// Sets the time since which it holds, if known.
    fn since(mut self, since: Option<SystemTime>) -> Self {
        self.finding().since = since.and_then(|since| since.try_into().ok());
        self
    }

    /// Sets the fix, without an action.
    fn remedy(mut self, text: impl Into<Redacted>) -> Self {
        self.finding().remedy = Remedy {
            text: text.into(),
            action: None,
        };
        self
    }

    /// Sets the action that applies the fix.
    fn action(mut self, action: impl Into<Option<Action>>) -> Self {
        self.finding().remedy.action = action.into();
        self
    }
}

impl Described for Finding {
    fn finding(&mut self) -> &mut Finding {
        self
    }
}

/// A symptom of a root cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Symptom {
    /// The affected service.
    pub service: ServiceName,
    /// The affected check, if any.
    pub check: Option<String>,
    /// The code that it would have as a root cause.
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub code: Code,
    /// A sentence.
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub text: Redacted,
}

/// The remedy of a finding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Remedy {
    /// A sentence.
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub text: Redacted,
    /// An action that carries it out, if that is safe.
    pub action: Option<Action>,
}

/// An action for a button or `doctor --fix`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum Action {
    /// Start a service.
    Start {
        /// The service.
        service: ServiceName,
    },
    /// Restart a service.
    Restart {
        /// The service.
        service: ServiceName,
    },
    /// Stop a service of another stack.
    Stop {
        /// The file of that stack, absolute.
        #[serde(with = "crate::fs::native_text")]
        #[schemars(with = "String")]
        #[cfg_attr(feature = "typescript", ts(type = "string"))]
        file: PathBuf,
        /// The service.
        service: ServiceName,
    },
    /// Stop the holder of a port, under the port rules.
    FreePort {
        /// The service.
        port: Port,
    },
    /// Install missing packages.
    Install {
        /// The service.
        service: ServiceName,
        /// The program and its arguments: `["npm", "ci"]`.
        command: Vec<String>,
        /// Its working directory, absolute.
        #[serde(with = "crate::fs::native_text")]
        #[schemars(with = "String")]
        #[cfg_attr(feature = "typescript", ts(type = "string"))]
        directory: PathBuf,
    },
    /// Run a command that the stack file has for a known error.
    Run {
        /// The service.
        service: ServiceName,
        /// The program and its arguments.
        command: Vec<String>,
        /// Its working directory, absolute.
        #[serde(with = "crate::fs::native_text")]
        #[schemars(with = "String")]
        #[cfg_attr(feature = "typescript", ts(type = "string"))]
        directory: PathBuf,
    },
    /// Copy a file from its example. Never overwrites.
    CopyFile {
        /// The example; absolute.
        #[serde(with = "crate::fs::native_text")]
        #[schemars(with = "String")]
        #[cfg_attr(feature = "typescript", ts(type = "string"))]
        from: PathBuf,
        /// The file that is missing; absolute.
        #[serde(with = "crate::fs::native_text")]
        #[schemars(with = "String")]
        #[cfg_attr(feature = "typescript", ts(type = "string"))]
        to: PathBuf,
    },
    /// Change lines of the stack file, after the user has seen the diff.
    EditStackFile {
        /// The stack file; absolute.
        #[serde(with = "crate::fs::native_text")]
        #[schemars(with = "String")]
        #[cfg_attr(feature = "typescript", ts(type = "string"))]
        file: PathBuf,
        /// The changes, from top to bottom.
        changes: Vec<LineChange>,
    },
}

impl Action {
    pub(crate) fn start(service: &ServiceName) -> Self {
        let service = service.clone();
        Self::Start { service }
    }

    pub(crate) fn restart(service: &ServiceName) -> Self {
        let service = service.clone();
        Self::Restart { service }
    }

    pub(crate) fn copy(from: &Path, to: &Path) -> Self {
        Self::CopyFile {
            from: from.to_owned(),
            to: to.to_owned(),
        }
    }
}

/// A change of consecutive lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct LineChange {
    /// The first changed line, from 1. Added lines come before it.
    pub line: usize,
    /// The removed lines. Nothing is changed if the file no longer has them.
    pub old: Vec<String>,
    /// The added lines.
    pub new: Vec<String>,
}
