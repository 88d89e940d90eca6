//! The problems of stack files. Callers match on [`ProblemKind`], never on its text.

use std::fmt;

use miette::Diagnostic;

use super::{
    help,
    near::{nearest, shown},
};
use crate::stack::{Need, ServiceName};

/// The kind of a problem.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[non_exhaustive]
pub enum ProblemKind {
    /// The file does not exist.
    #[error("the file does not exist")]
    #[diagnostic(help("pass an existing stack file, or create one: pilotlight init"))]
    Missing,
    /// It is a folder, a pipe or a device.
    #[error("it is {0}, not a file")]
    #[diagnostic(help("pass the file itself, or its folder"))]
    NotAFile(&'static str),
    /// The operating system cannot read it.
    #[error("the file cannot be read: {0}")]
    #[diagnostic(help("check the permissions of the file and of its folder"))]
    Unreadable(String),
    /// It is too large.
    #[error("the file exceeds {} KiB here, the maximum for a stack file", limit / 1024)]
    #[diagnostic(help("check that this is a stack file; most are smaller than 4 KiB"))]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// It is not UTF-8.
    #[error("the byte {byte:#04x} at offset {offset} is not UTF-8")]
    #[diagnostic(help("save the file as UTF-8"))]
    NotUtf8 {
        /// The offset, from 0.
        offset: usize,
        /// The first invalid byte.
        byte: u8,
    },
    /// It is not TOML.
    #[error("this is not valid TOML: {0}")]
    #[diagnostic(help("{}", help::syntax(.0)))]
    Syntax(String),
    /// Keys, tables or lists are nested too deeply.
    #[error("this nests deeper than {limit} levels")]
    #[diagnostic(help("reduce the nesting"))]
    TooDeep {
        /// The maximum depth.
        limit: usize,
    },
    /// An unknown key.
    #[error("unknown key `{key}`")]
    #[diagnostic(help("{}", help::nearest(suggestion.as_deref(), "known keys:", known)))]
    UnknownKey {
        /// As written in the file.
        key: String,
        /// The most similar known key.
        suggestion: Option<String>,
        /// All keys that are allowed here.
        known: Vec<&'static str>,
    },
    /// A required key is missing.
    #[error("`{key}` is missing here")]
    #[diagnostic(help("add `{key} = …`"))]
    MissingKey {
        /// Its name.
        key: &'static str,
    },
    /// A value of another type.
    #[error("expected {expected}, found {found}")]
    #[diagnostic(help("{}", help::wrong_type(expected)))]
    WrongType {
        /// The expected type.
        expected: &'static str,
        /// The actual type.
        found: &'static str,
    },
    /// An unknown word.
    #[error("`{value}` is not one of {}", Listed(known))]
    #[diagnostic(help("{}", help::nearest(suggestion.as_deref(), "use one of", known)))]
    UnknownValue {
        /// As written in the file.
        value: String,
        /// The most similar known word.
        suggestion: Option<String>,
        /// All known words.
        known: Vec<&'static str>,
    },
    /// A number that is too small or too large.
    #[error("{found} is not within {least} to {most}")]
    #[diagnostic(help("use a whole number from {least} to {most}"))]
    OutOfRange {
        /// As written in the file.
        found: String,
        /// The minimum.
        least: u64,
        /// The maximum.
        most: u64,
    },
    /// An invalid duration.
    #[error("`{value}` is not a valid duration: {reason}")]
    #[diagnostic(help("use a number and a unit: \"500ms\", \"2s\", \"1m\", \"1h\", \"1m30s\""))]
    BadDuration {
        /// As written in the file.
        value: String,
        /// The reason.
        reason: &'static str,
    },
    /// An invalid size.
    #[error("`{value}` is not a valid size: {reason}")]
    #[diagnostic(help("use a number and a unit: \"64 KiB\", \"256MB\", \"1 GiB\""))]
    BadSize {
        /// As written in the file.
        value: String,
        /// The reason.
        reason: &'static str,
    },
    /// An invalid name of a stack, a service, a variable or a header.
    #[error("`{value}` cannot be {what}")]
    #[diagnostic(help("{rule}"))]
    BadName {
        /// As written in the file.
        value: String,
        /// The kind of thing that it names.
        what: &'static str,
        /// The rule for such names.
        rule: &'static str,
    },
    /// Two service names that differ only in case.
    #[error("`{name}` and `{other}` differ only in upper and lower case")]
    #[diagnostic(help("rename one of them; some file systems ignore case"))]
    NamesAlike {
        /// The later one.
        name: ServiceName,
        /// The earlier one.
        other: ServiceName,
    },
    /// An invalid regular expression.
    #[error("invalid regular expression: {0}")]
    #[diagnostic(help(
        "the syntax is that of https://docs.rs/regex; a backslash escapes a special character"
    ))]
    BadRegex(String),
    /// An invalid pattern of files.
    #[error("invalid pattern: {0}")]
    #[diagnostic(help("use *, **, ?, [a-z] and {{a,b}}: \"src/**/*.py\""))]
    BadPattern(String),
    /// An invalid cron expression.
    #[error("`{value}` is not a cron expression: {reason}")]
    #[diagnostic(help(
        "use minute, hour, day of the month, month and day of the week: \"0 3 * * *\""
    ))]
    BadCron {
        /// As written in the file.
        value: String,
        /// The reason.
        reason: String,
    },
    /// A service where a task is expected.
    #[error("`{0}` is a service, not a task")]
    #[diagnostic(help("define it as a task: [task.{0}]"))]
    NoTask(String),
    /// An invalid address.
    #[error("this is not {expected}: {reason}")]
    #[diagnostic(help("{}", help::address(expected)))]
    BadAddress {
        /// The expected kind of address.
        expected: &'static str,
        /// The reason.
        reason: String,
    },
    /// A value that is not valid JSON.
    #[error("JSON has no {0}")]
    #[diagnostic(help("write it as a string"))]
    NotJson(&'static str),
    /// An invalid JSON pointer.
    #[error("`{0}` is not a JSON pointer")]
    #[diagnostic(help(
        "write the path of the value as \"/id\" or \"/items/0/id\", or \"header: NAME\" or \"cookie: NAME\""
    ))]
    BadPointer(String),
    /// A value must not be empty.
    #[error("{0} must not be empty")]
    #[diagnostic(help("add a value"))]
    Empty(&'static str),
    /// The file has no services.
    #[error("the stack has no services")]
    #[diagnostic(help("add a service: [service.web] with command = \"npm run dev\""))]
    EmptyStack,
    /// The character NUL, which is not allowed in commands, paths and variables.
    #[error("a string cannot contain the character NUL")]
    #[diagnostic(help("remove it"))]
    Nul,
    /// An unclosed quote.
    #[error("unclosed quote in this command")]
    #[diagnostic(help("close the quote, or write the command as a list: [\"program\", \"it's\"]"))]
    OpenQuote,
    /// Keys that exclude each other.
    #[error("`{first}` and `{second}` cannot be combined")]
    #[diagnostic(help("keep one of them; `{second}` is already set"))]
    Conflict {
        /// The key at the position.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// One of these keys is required.
    #[error("one of {} is required here", Listed(.0))]
    #[diagnostic(help("add one of them"))]
    OneOf(Vec<&'static str>),
    /// Only one of these keys is allowed.
    #[error("a check has only one action, and this one has `{first}` and `{second}`")]
    #[diagnostic(help("write two checks: [[service.NAME.check]] twice"))]
    MoreThanOne {
        /// The key at the position.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// A key without effect, because another key is present or missing.
    #[error("`{key}` has no effect here: {reason}")]
    #[diagnostic(help("remove `{key}`"))]
    NoEffect {
        /// The key.
        key: &'static str,
        /// The reason.
        reason: &'static str,
    },
    /// A key that an external service cannot have.
    #[error("`{0}` cannot be combined with `external = true`")]
    #[diagnostic(help(
        "an external service is only monitored, never started or stopped: remove `{0}` or `external = true`"
    ))]
    External(&'static str),
    /// An external service that cannot be monitored.
    #[error("the external service `{0}` has neither `ready` nor `port`")]
    #[diagnostic(help("add a readiness probe: ready = {{ tcp = \"10.0.0.7:5432\" }}"))]
    Unwatchable(ServiceName),
    /// An unknown service.
    #[error("no service named `{name}`")]
    #[diagnostic(help("{}", help::nearest(suggestion.as_deref(), "services in this file:", known)))]
    UnknownService {
        /// As written in the file.
        name: String,
        /// The most similar service.
        suggestion: Option<String>,
        /// The first services of the file.
        known: Vec<String>,
    },
    /// An unknown profile, template or service.
    #[error("no {what} named `{name}`")]
    #[diagnostic(help("{}", help::nearest(suggestion.as_deref(), "known names:", known)))]
    Unknown {
        /// The kind of thing that it names.
        what: &'static str,
        /// As written.
        name: String,
        /// The most similar known name.
        suggestion: Option<String>,
        /// The first known names.
        known: Vec<String>,
    },
    /// A file that cannot be included.
    #[error("`{path}` cannot be included: {reason}")]
    #[diagnostic(help("the path starts at the folder of this file"))]
    NotIncluded {
        /// As written in the file.
        path: String,
        /// The reason.
        reason: String,
    },
    /// A file that includes itself, or a file that includes it.
    #[error("`{0}` includes this file")]
    #[diagnostic(help("remove one of the two includes"))]
    IncludesItself(String),
    /// A template or service that extends itself, or one that extends it.
    #[error("`{0}` extends this one")]
    #[diagnostic(help("move what they share to a table of its own: [template.NAME]"))]
    ExtendsItself(String),
    /// A service that depends on itself.
    #[error("`{0}` depends on itself")]
    #[diagnostic(help("remove `{0}` from its own `needs`"))]
    NeedsItself(ServiceName),
    /// A dependency cycle.
    #[error("dependency cycle: {}", Path(.0))]
    #[diagnostic(help("remove one of these dependencies, so that one service can start first"))]
    Cycle(Vec<ServiceName>),
    /// An external service cannot reach the required state.
    #[error("`{service}` is external, so it can never be known to be {}", need.name())]
    #[diagnostic(help("use {service} = \"ready\""))]
    NeverReached {
        /// The external service.
        service: ServiceName,
        /// The required state.
        need: Need,
    },
    /// Two services on one port.
    #[error("`{service}` and `{other}` both have port {port}")]
    #[diagnostic(help("use another port for one of them"))]
    PortTwice {
        /// The port.
        port: u16,
        /// The later service.
        service: ServiceName,
        /// The earlier service.
        other: ServiceName,
    },
    /// An unknown `{placeholder}`.
    #[error("unknown placeholder `{{{name}}}`")]
    #[diagnostic(help("{}", help::placeholder(name, suggestion.as_deref())))]
    UnknownPlaceholder {
        /// The name in the braces.
        name: String,
        /// The most similar known name.
        suggestion: Option<String>,
    },
    /// `{port}` or `{service.port}` of a service without a port.
    #[error("`{0}` has no port")]
    #[diagnostic(help("set a port for `{0}`: port = 8000"))]
    NoPort(ServiceName),
    /// An unmatched brace.
    #[error("unmatched `{0}`")]
    #[diagnostic(help("for a literal brace, double it: `{0}{0}`"))]
    LoneBrace(char),
    /// `${NAME}` of a variable that is not set.
    #[error("the environment variable `{0}` is not set")]
    #[diagnostic(help(
        "set {0} before the start, or add a default: `${{{0}:-default}}`; for literal text: `${{{{{0}}}}}`"
    ))]
    UnsetVariable(String),
    /// `${NAME}` of a variable whose value is not UTF-8.
    #[error("the value of the environment variable `{0}` is not UTF-8")]
    #[diagnostic(help("set {0} to UTF-8 text"))]
    VariableNotText(String),
}

impl ProblemKind {
    /// Returns the problem of an unknown word.
    pub(super) fn unknown_value(value: &str, known: Vec<&'static str>) -> Self {
        Self::UnknownValue {
            value: shown(value),
            suggestion: nearest(value, known.iter().copied()),
            known,
        }
    }

    /// Returns the problem of an unknown name.
    pub(super) fn unknown(what: &'static str, name: &str, known: Vec<&str>) -> Self {
        Self::Unknown {
            what,
            name: shown(name),
            suggestion: nearest(name, known.iter().copied()),
            known: known.into_iter().take(10).map(shown).collect(),
        }
    }
}

/// Formats items in backquotes with commas. Only counts the last ones of a long list.
pub(super) struct Listed<'a, T>(pub(super) &'a [T]);

impl<T: AsRef<str>> fmt::Display for Listed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, item) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(", ")?;
            }
            write!(f, "`{}`", item.as_ref())?;
        }
        Ok(())
    }
}

/// Formats services with arrows between them. Omits the middle of a long path.
struct Path<'a>(&'a [ServiceName]);

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_AT_EACH_END: usize = 10;
        let left_out = self.0.len().saturating_sub(2 * SHOWN_AT_EACH_END);
        for (place, name) in self.0.iter().enumerate() {
            if place > 0 && (place <= SHOWN_AT_EACH_END || place >= SHOWN_AT_EACH_END + left_out) {
                f.write_str(" -> ")?;
            }
            if place < SHOWN_AT_EACH_END || place >= SHOWN_AT_EACH_END + left_out {
                write!(f, "{name}")?;
            } else if place == SHOWN_AT_EACH_END {
                f.write_str("…")?;
            }
        }
        Ok(())
    }
}
