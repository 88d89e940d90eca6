//! What the log of a run says: its errors, and the addresses that it could not reach.
//!
//! That a line is here means that it was written, not that anything is wrong: an application that
//! logged an error may work. How long ago it was, and how much was written since, is told so that
//! the rules can judge.

use std::{fmt, path::PathBuf, time::Duration};

use crate::{model::facts::RunId, stack::Port};

/// What the log of the present or latest run says. Secrets in it are masked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogEvidence {
    /// The file, absolute; `None` if there is no run with a log.
    pub file: Option<PathBuf>,
    /// The run that wrote it.
    pub run: Option<RunId>,
    /// The last error: the line that says best what went wrong, not what only follows from it.
    pub last_error: Option<LogError>,
    /// Errors before that, the newest first, each text once, at most ten.
    pub earlier: Vec<LogError>,
    /// Addresses that could not be reached, the latest mention of each, the newest first.
    pub unreachable: Vec<Unreachable>,
    /// The last line that is not blank.
    pub last_line: Option<LogLine>,
    /// The programs that a runner (concurrently, foreman, nodemon) has started and seen fail, and not
    /// started again since.
    pub ended: Vec<EndedProgram>,
    /// The advice that programs give in it, the newest first.
    pub hints: Vec<Hint>,
}

impl LogEvidence {
    /// Returns the errors, the newest first.
    pub fn errors(&self) -> impl Iterator<Item = &LogError> {
        self.last_error.iter().chain(&self.earlier)
    }
}

/// A program inside of a service that has failed while the service runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedProgram {
    /// The line that says so.
    pub line: LogLine,
    /// The name that the runner gives it.
    pub name: Option<String>,
    /// Its own last error.
    pub error: Option<Box<LogError>>,
}

/// Advice that a program gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Where.
    pub line: LogLine,
    /// A command, or a sentence.
    pub text: String,
    /// Whether it is a command.
    pub is_command: bool,
}

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Its number, from 1, as an editor counts.
    pub number: u64,
    /// Without terminal sequences, at most 500 characters.
    pub text: String,
    /// How long before the evidence was gathered it was written; `None` if nobody knows.
    pub age: Option<Duration>,
    /// How many lines of the log follow it.
    pub followed_by: u64,
}

/// An error that a service logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogError {
    /// The line that says it.
    pub line: LogLine,
    /// What it is about.
    pub kind: LogErrorKind,
    /// The known advice, if it depends only on the words.
    pub advice: Option<Box<LogAdvice>>,
    /// How it was written.
    pub form: LogErrorForm,
    /// The deepest cause that it names (the first of chained exceptions, `Caused by:`), where that is
    /// another line.
    pub cause: Option<LogLine>,
    /// The ports that it names, in any form.
    pub ports: Vec<u16>,
}

impl LogError {
    /// Returns its line and its deepest cause in lower case.
    pub(crate) fn words(&self) -> String {
        let cause = self.cause.as_ref().map_or("", |line| line.text.as_str());
        format!("{} {cause}", self.line.text).to_ascii_lowercase()
    }

    /// Returns the evidence that it asks for.
    #[must_use]
    pub fn lookup(&self) -> Option<Lookup> {
        self.advice.as_ref()?.lookup
    }
}

/// The name of an entry that the stack file has.
pub const OF_TEAM: &str = "stack-file";

/// Known facts about an error, found by its words alone: an entry of `knowledge/*.toml` or of the stack
/// file, in whose texts `{service}` stands for the name of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogAdvice {
    /// The entry; [`OF_TEAM`] for one of the stack file.
    pub id: &'static str,
    /// The cause, if it says more than the line.
    pub title: Option<String>,
    /// The advice.
    pub remedy: String,
    /// Whether a restart may clear it.
    pub restart_helps: bool,
    /// Whether another service may be the cause.
    pub of_another: bool,
    /// The evidence to look up.
    pub lookup: Option<Lookup>,
    /// A command of the stack file that carries it out: the program and its arguments.
    pub command: Option<Vec<String>>,
}

/// Evidence that an error asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The process that answers as the server.
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

/// What an error is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogErrorKind {
    /// It could not listen: somebody does already (errno 98, 48 and 10048, `EADDRINUSE`, …).
    AddressInUse {
        /// The port, where the line names it.
        port: Option<Port>,
    },
    /// It could not listen: it may not (errno 13 and 10013, `EACCES`).
    AddressForbidden {
        /// The port, where the line names it.
        port: Option<Port>,
    },
    /// Its port was taken and it went to another one, as Vite and Next.js do.
    PortMoved {
        /// The port that it was to have.
        from: Option<Port>,
        /// Where it went, where that is said.
        to: Option<Port>,
    },
    /// A module or a package is not installed.
    ModuleMissing {
        /// Of which language.
        ecosystem: Ecosystem,
        /// Its name: `fastapi`, `@vitejs/plugin-react`. Of a submodule, the name of the whole package.
        name: String,
        /// Whether it is a file of the project itself: nothing to install (`./config`, `app.main`).
        own: bool,
    },
    /// A program is not there: `sh: 1: vite: not found`.
    ProgramMissing {
        /// Its name.
        name: String,
    },
    /// `npm run` has no script of this name.
    ScriptMissing {
        /// Its name.
        name: String,
    },
    /// A file is not there.
    FileMissing {
        /// As the line names it.
        path: String,
    },
    /// A variable of the environment is not set.
    VariableMissing {
        /// Its name.
        name: String,
    },
    /// A table of a database is not there.
    TableMissing {
        /// Its name.
        name: String,
    },
    /// An address could not be reached; [`LogEvidence::unreachable`] has it too, if it is named.
    Unreachable,
    /// A database or a broker refuses the login.
    LoginRefused,
    /// There is no memory left for it.
    OutOfMemory,
    /// No file or socket can be opened any more (`EMFILE`).
    TooManyFiles,
    /// The disk is full (`ENOSPC`).
    DiskFull,
    /// The text of a program cannot be understood: `SyntaxError`, a failed build.
    Syntax,
    /// Returns the text of [`LogError::advice`].
    Known,
    /// Anything else.
    Other,
}

/// Whose packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ecosystem {
    /// `pip install`
    Python,
    /// `npm install`
    Node,
    /// Others: Ruby, PHP, Go, Java.
    Other,
}

/// How an error is written, from the surest to the least sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogErrorForm {
    /// A panic of Rust or Go, a fatal error of a runtime: the process is done for.
    Panic,
    /// An exception with its trace, or an uncaught one.
    Exception,
    /// A line that calls itself an error.
    Line,
}

/// An address that a log says cannot be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// The host as it is written: `localhost`, `127.0.0.1`, `::1`, `db`.
    pub host: String,
    /// The port; `None` where only a name is told (`getaddrinfo ENOTFOUND db`).
    pub port: Option<Port>,
    /// How it failed.
    pub why: UnreachableWhy,
    /// The line that says so.
    pub line: LogLine,
    /// How often it is said in what was read of the log.
    pub times: u64,
}

/// Why an address was not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnreachableWhy {
    /// Nobody listens there.
    Refused,
    /// The name has no address.
    UnknownHost,
    /// Nothing came back, or no way leads there.
    NoAnswer,
    /// The connection broke off.
    Lost,
}

/// Returns an address for a text, that of IPv6 in brackets.
pub(crate) fn address(host: &str, port: Option<u16>) -> String {
    let port = port.map_or_else(String::new, |port| format!(":{port}"));
    if host.contains(':') {
        format!("[{host}]{port}")
    } else {
        format!("{host}{port}")
    }
}

impl fmt::Display for Unreachable {
    /// `host:port`, an IPv6 address in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&address(&self.host, self.port.map(Port::number)))
    }
}
