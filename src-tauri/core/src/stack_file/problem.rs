//! The problems of stack files. Callers match on [`ProblemKind`], never on its text.

use std::fmt;

use crate::stack::{Need, ServiceName};

/// The kind of a problem.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemKind {
    /// The file does not exist.
    #[error("the file does not exist")]
    Missing,
    /// It is a folder, a pipe or a device.
    #[error("it is {0}, not a file")]
    NotAFile(&'static str),
    /// The operating system cannot read it.
    #[error("the file cannot be read: {0}")]
    Unreadable(String),
    /// It is too large.
    #[error("the file exceeds {} KiB here, the maximum for a stack file", limit / 1024)]
    TooLarge {
        /// In bytes.
        limit: usize,
    },
    /// It is not UTF-8.
    #[error("the byte {byte:#04x} at offset {offset} is not UTF-8")]
    NotUtf8 {
        /// The offset, from 0.
        offset: usize,
        /// The first invalid byte.
        byte: u8,
    },
    /// It is not TOML.
    #[error("this is not valid TOML: {0}")]
    Syntax(String),
    /// Keys, tables or lists are nested too deeply.
    #[error("this nests deeper than {limit} levels")]
    TooDeep {
        /// The maximum depth.
        limit: usize,
    },
    /// An unknown key.
    #[error("unknown key `{key}`")]
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
    MissingKey {
        /// Its name.
        key: &'static str,
    },
    /// A value of another type.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// The expected type.
        expected: &'static str,
        /// The actual type.
        found: &'static str,
    },
    /// An unknown word.
    #[error("`{value}` is not one of {}", Listed(known))]
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
    BadDuration {
        /// As written in the file.
        value: String,
        /// The reason.
        reason: &'static str,
    },
    /// An invalid size.
    #[error("`{value}` is not a valid size: {reason}")]
    BadSize {
        /// As written in the file.
        value: String,
        /// The reason.
        reason: &'static str,
    },
    /// An invalid name of a stack, a service, a variable or a header.
    #[error("`{value}` cannot be {what}")]
    BadName {
        /// As written in the file.
        value: String,
        /// What it names.
        what: &'static str,
        /// The rule for such names.
        rule: &'static str,
    },
    /// Two service names that differ only in case.
    #[error("`{name}` and `{other}` differ only in upper and lower case")]
    NamesAlike {
        /// The later one.
        name: ServiceName,
        /// The earlier one.
        other: ServiceName,
    },
    /// An invalid regular expression.
    #[error("invalid regular expression: {0}")]
    BadRegex(String),
    /// An invalid pattern of files.
    #[error("invalid pattern: {0}")]
    BadPattern(String),
    /// An invalid cron expression.
    #[error("`{value}` is not a cron expression: {reason}")]
    BadCron {
        /// As written in the file.
        value: String,
        /// The reason.
        reason: String,
    },
    /// A service where a task is expected.
    #[error("`{0}` is a service, not a task")]
    NoTask(String),
    /// An invalid address.
    #[error("this is not {expected}: {reason}")]
    BadAddress {
        /// The expected kind of address.
        expected: &'static str,
        /// The reason.
        reason: String,
    },
    /// A value that is not valid JSON.
    #[error("JSON has no {0}")]
    NotJson(&'static str),
    /// An invalid JSON pointer.
    #[error("`{0}` is not a JSON pointer")]
    BadPointer(String),
    /// A value must not be empty.
    #[error("{0} must not be empty")]
    Empty(&'static str),
    /// The file has no services.
    #[error("the stack has no services")]
    EmptyStack,
    /// The character NUL, which is not allowed in commands, paths and variables.
    #[error("a string cannot contain the character NUL")]
    Nul,
    /// An unclosed quote.
    #[error("unclosed quote in this command")]
    OpenQuote,
    /// Keys that exclude each other.
    #[error("`{first}` and `{second}` cannot be combined")]
    Conflict {
        /// The key at the position.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// One of these keys is required.
    #[error("one of {} is required here", Listed(.0))]
    OneOf(Vec<&'static str>),
    /// Only one of these keys is allowed.
    #[error("a check has only one action, and this one has `{first}` and `{second}`")]
    MoreThanOne {
        /// The key at the position.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// A key without effect, because another key is present or missing.
    #[error("`{key}` has no effect here: {reason}")]
    NoEffect {
        /// The key.
        key: &'static str,
        /// The reason.
        reason: &'static str,
    },
    /// A key that an external service cannot have.
    #[error("`{0}` cannot be combined with `external = true`")]
    External(&'static str),
    /// An external service that cannot be monitored.
    #[error("the external service `{0}` has neither `ready` nor `port`")]
    Unwatchable(ServiceName),
    /// An unknown service.
    #[error("no service named `{name}`")]
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
    Unknown {
        /// What it names.
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
    NotIncluded {
        /// As written in the file.
        path: String,
        /// The reason.
        reason: String,
    },
    /// A file that includes itself, or a file that includes it.
    #[error("`{0}` includes this file")]
    IncludesItself(String),
    /// A template or service that extends itself, or one that extends it.
    #[error("`{0}` extends this one")]
    ExtendsItself(String),
    /// A service that depends on itself.
    #[error("`{0}` depends on itself")]
    NeedsItself(ServiceName),
    /// A dependency cycle.
    #[error("dependency cycle: {}", Path(.0))]
    Cycle(Vec<ServiceName>),
    /// An external service cannot reach the required state.
    #[error("`{service}` is external, so it can never be known to be {}", match need {
        Need::Ready => "ready",
        Need::Started => "started",
        Need::Completed => "completed",
    })]
    NeverReached {
        /// The external service.
        service: ServiceName,
        /// The required state.
        need: Need,
    },
    /// Two services on one port.
    #[error("`{service}` and `{other}` both have port {port}")]
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
    UnknownPlaceholder {
        /// The name in the braces.
        name: String,
        /// The most similar known name.
        suggestion: Option<String>,
    },
    /// `{port}` or `{service.port}` of a service without a port.
    #[error("`{0}` has no port")]
    NoPort(ServiceName),
    /// An unmatched brace.
    #[error("unmatched `{0}`")]
    LoneBrace(char),
    /// `${NAME}` of a variable that is not set.
    #[error("the environment variable `{0}` is not set")]
    UnsetVariable(String),
    /// `${NAME}` of a variable whose value is not UTF-8.
    #[error("the value of the environment variable `{0}` is not UTF-8")]
    VariableNotText(String),
}

/// Formats items in backquotes, with commas; only counts the later ones of a long list.
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

/// Formats services with arrows between them; leaves out the middle of a long path.
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
