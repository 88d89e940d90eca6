//! The log of a run: its errors, and the addresses that could not be reached.
//!
//! An error here does not mean that the application fails: it may log errors and still work. Each
//! line has its age and the number of lines after it, so that the rules can judge its relevance.

use std::{fmt, path::PathBuf, time::Duration};

use crate::{model::facts::RunId, stack::Port};

/// The log of the current or latest run. Secrets in it are masked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogEvidence {
    /// The file, absolute; `None` if there is no run with a log.
    pub file: Option<PathBuf>,
    /// The run that wrote it.
    pub run: Option<RunId>,
    /// The last error: the line that describes it best, not a consequence.
    pub last_error: Option<LogError>,
    /// Earlier errors, the newest first, without duplicates, at most ten.
    pub earlier: Vec<LogError>,
    /// Addresses that could not be reached, the latest mention of each, the newest first.
    pub unreachable: Vec<Unreachable>,
    /// The last line that is not blank.
    pub last_line: Option<LogLine>,
    /// The programs that a runner (concurrently, foreman, nodemon) has started and reported as
    /// failed, and has not restarted since.
    pub ended: Vec<EndedProgram>,
    /// The advice that programs print in it, the newest first.
    pub hints: Vec<Hint>,
}

impl LogEvidence {
    /// Returns the errors, the newest first.
    pub fn errors(&self) -> impl Iterator<Item = &LogError> {
        self.last_error.iter().chain(&self.earlier)
    }
}

/// A program inside of a service that has failed while the service is running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedProgram {
    /// The line that reports it.
    pub line: LogLine,
    /// Its name in the output of the runner.
    pub name: Option<String>,
    /// Its own last error.
    pub error: Option<Box<LogError>>,
}

/// Advice that a program prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The line.
    pub line: LogLine,
    /// A command, or a sentence.
    pub text: String,
    /// Whether it is a command.
    pub is_command: bool,
}

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Its number, from 1.
    pub number: u64,
    /// Its text without terminal sequences, at most 500 characters.
    pub text: String,
    /// Its age when the evidence was gathered; `None` if unknown.
    pub age: Option<Duration>,
    /// The number of lines after it.
    pub followed_by: u64,
}

/// An error that a service logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogError {
    /// The line that reports it.
    pub line: LogLine,
    /// The kind of error.
    pub kind: LogErrorKind,
    /// The known advice, if only the words decide it.
    pub advice: Option<Box<LogAdvice>>,
    /// The form in which it was written.
    pub form: LogErrorForm,
    /// The deepest cause that it names (the first of chained exceptions, `Caused by:`), if it is on
    /// another line.
    pub cause: Option<LogLine>,
    /// The ports in it, in any notation.
    pub ports: Vec<u16>,
}

impl LogError {
    /// Returns its line and its deepest cause in lower case.
    pub(crate) fn words(&self) -> String {
        let cause = self.cause.as_ref().map_or("", |line| line.text.as_str());
        format!("{} {cause}", self.line.text).to_ascii_lowercase()
    }

    /// Returns the evidence that it needs.
    #[must_use]
    pub fn lookup(&self) -> Option<Lookup> {
        self.advice.as_ref()?.lookup
    }
}

/// The identifier of entries in the stack file.
pub const OF_TEAM: &str = "stack-file";

/// Known facts about an error, found by its words alone: an entry of `knowledge/*.toml` or of the
/// stack file. In its texts, `{service}` is replaced by the name of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogAdvice {
    /// The identifier of the entry; [`OF_TEAM`] for one of the stack file.
    pub id: &'static str,
    /// The cause, if it is more helpful than the line.
    pub title: Option<String>,
    /// The advice.
    pub remedy: String,
    /// Whether a restart may clear it.
    pub restart_helps: bool,
    /// Whether another service may be the cause.
    pub of_another: bool,
    /// The evidence to look up.
    pub lookup: Option<Lookup>,
    /// A command of the stack file that applies the advice: the program and its arguments.
    pub command: Option<Vec<String>>,
}

/// Evidence that an error needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The process that responds as the server.
    Server,
    /// The connections to the server.
    Connections,
    /// The version of the runtime.
    Version,
    /// The folder with the application.
    Application,
    /// The limits of inotify.
    Inotify,
}

/// The kind of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogErrorKind {
    /// It cannot listen: the address is in use (errno 98, 48 and 10048, `EADDRINUSE`, …).
    AddressInUse {
        /// The port, if the line names it.
        port: Option<Port>,
    },
    /// It cannot listen: access is denied (errno 13 and 10013, `EACCES`).
    AddressForbidden {
        /// The port, if the line names it.
        port: Option<Port>,
    },
    /// Its port was in use, so it listens on another one, as Vite and Next.js do.
    PortMoved {
        /// The intended port.
        from: Option<Port>,
        /// The new port, if the line names it.
        to: Option<Port>,
    },
    /// A module or a package is not installed.
    ModuleMissing {
        /// The ecosystem of the package.
        ecosystem: Ecosystem,
        /// The name of the package: `fastapi`, `@vitejs/plugin-react`.
        name: String,
        /// Whether it is a file of the project itself (`./config`, `app.main`), which cannot be installed.
        own: bool,
    },
    /// A program was not found: `sh: 1: vite: not found`.
    ProgramMissing {
        /// Its name.
        name: String,
    },
    /// `npm run` has no script of this name.
    ScriptMissing {
        /// Its name.
        name: String,
    },
    /// A file was not found.
    FileMissing {
        /// Its path, as the line names it.
        path: String,
    },
    /// A variable of the environment is not set.
    VariableMissing {
        /// Its name.
        name: String,
    },
    /// A table of a database does not exist.
    TableMissing {
        /// Its name.
        name: String,
    },
    /// An address could not be reached; [`LogEvidence::unreachable`] also has it, if the error names it.
    Unreachable,
    /// A database or a message broker rejects the login.
    LoginRefused,
    /// It has run out of memory.
    OutOfMemory,
    /// It has too many open files (`EMFILE`).
    TooManyFiles,
    /// The disk is full (`ENOSPC`).
    DiskFull,
    /// A program has a syntax error: `SyntaxError`, a failed build.
    Syntax,
    /// An entry of the knowledge tables: see [`LogError::advice`].
    Known,
    /// Any other error.
    Other,
}

/// The language of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ecosystem {
    /// `pip install`
    Python,
    /// `npm install`
    Node,
    /// Others: Ruby, PHP, Go, Java.
    Other,
}

/// The form in which an error is written, the most certain first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogErrorForm {
    /// A panic of Rust or Go, a fatal error of a runtime: the process exits.
    Panic,
    /// An exception with its stack trace, or an uncaught one.
    Exception,
    /// A line that is marked as an error.
    Line,
}

/// An address that a log reports as unreachable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// The host as written: `localhost`, `127.0.0.1`, `::1`, `db`.
    pub host: String,
    /// The port; `None` if the line has only a name (`getaddrinfo ENOTFOUND db`).
    pub port: Option<Port>,
    /// The reason.
    pub why: UnreachableWhy,
    /// The line that reports it.
    pub line: LogLine,
    /// How often the part of the log that was read reports it.
    pub times: u64,
}

impl Unreachable {
    /// Returns whether the log reports it again and again, and has done so lately.
    #[must_use]
    pub fn is_repeated(&self, recent: Duration) -> bool {
        const OFTEN: u64 = 3;
        self.times >= OFTEN && self.line.age.is_some_and(|age| age <= recent)
    }
}

/// Why an address could not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnreachableWhy {
    /// The connection was refused.
    Refused,
    /// The name has no address.
    UnknownHost,
    /// There was no response, or there is no route.
    NoAnswer,
    /// The connection was lost.
    Lost,
}

/// Formats an address, with an IPv6 address in brackets.
pub(crate) fn address(host: &str, port: Option<u16>) -> String {
    let port = port.map_or_else(String::new, |port| format!(":{port}"));
    if host.contains(':') {
        format!("[{host}]{port}")
    } else {
        format!("{host}{port}")
    }
}

impl fmt::Display for Unreachable {
    /// Formats `host:port`, with an IPv6 address in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&address(&self.host, self.port.map(Port::number)))
    }
}
