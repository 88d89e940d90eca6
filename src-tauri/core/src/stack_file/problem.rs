//! What can be wrong with a stack file. Callers match on [`ProblemKind`], never on its text.

use std::fmt;

use crate::stack::{Need, ServiceName};

/// What is wrong at one place of a stack file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemKind {
    /// There is no such file.
    #[error("there is no such file")]
    Missing,
    /// It is a folder, a pipe or a device.
    #[error("it is {0}, not a file")]
    NotAFile(&'static str),
    /// The operating system does not hand it out.
    #[error("the file cannot be read: {0}")]
    Unreadable(String),
    /// It is larger than a stack file may be.
    #[error("the file goes past {} KiB here, which is more than a stack file may have", limit / 1024)]
    TooLarge {
        /// In bytes.
        limit: usize,
    },
    /// It is not text.
    #[error("the byte {byte:#04x} at offset {offset} is not UTF-8")]
    NotUtf8 {
        /// Where, counted from 0.
        offset: usize,
        /// The first byte that does not fit.
        byte: u8,
    },
    /// It is not TOML.
    #[error("this is not valid TOML: {0}")]
    Syntax(String),
    /// Keys, tables or lists nest deeper than any stack file needs.
    #[error("this nests deeper than {limit} levels")]
    TooDeep {
        /// The deepest level that is read.
        limit: usize,
    },
    /// A key that means nothing here.
    #[error("unknown key `{key}`")]
    UnknownKey {
        /// As it is written.
        key: String,
        /// The nearest key that means something here.
        suggestion: Option<String>,
        /// All keys that mean something here.
        known: Vec<&'static str>,
    },
    /// A key that must be there.
    #[error("`{key}` is missing here")]
    MissingKey {
        /// Its name.
        key: &'static str,
    },
    /// A value of another type.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// What belongs here.
        expected: &'static str,
        /// What stands here.
        found: &'static str,
    },
    /// A word that is none of the known ones.
    #[error("`{value}` is not one of {}", Listed(known))]
    UnknownValue {
        /// As it is written.
        value: String,
        /// The nearest known word.
        suggestion: Option<String>,
        /// All known words.
        known: Vec<&'static str>,
    },
    /// A number that is too small or too large.
    #[error("{found} is not within {least} to {most}")]
    OutOfRange {
        /// As it is written.
        found: String,
        /// The smallest that is taken.
        least: u64,
        /// The largest that is taken.
        most: u64,
    },
    /// Not a duration.
    #[error("`{value}` is not a fitting duration: {reason}")]
    BadDuration {
        /// As it is written.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Not a size.
    #[error("`{value}` is not a size: {reason}")]
    BadSize {
        /// As it is written.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Not a name for a stack, a service, a variable or a header.
    #[error("`{value}` cannot be {what}")]
    BadName {
        /// As it is written.
        value: String,
        /// What it was to name.
        what: &'static str,
        /// What such a name is made of.
        rule: &'static str,
    },
    /// Two services whose names differ in nothing but upper and lower case.
    #[error("`{name}` and `{other}` differ only in upper and lower case")]
    NamesAlike {
        /// The later one.
        name: ServiceName,
        /// The earlier one.
        other: ServiceName,
    },
    /// Not a regular expression.
    #[error("this is not a regular expression: {0}")]
    BadRegex(String),
    /// Not an address of the kind that is asked for.
    #[error("this is not {expected}: {reason}")]
    BadAddress {
        /// The kind of address.
        expected: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A value that JSON does not have, or a text where JSON is expected.
    #[error("JSON has no {0}")]
    NotJson(&'static str),
    /// Not a JSON pointer.
    #[error("`{0}` is not a JSON pointer")]
    BadPointer(String),
    /// Nothing where something must stand.
    #[error("{0} must not be empty")]
    Empty(&'static str),
    /// No services at all.
    #[error("the stack has no services")]
    EmptyStack,
    /// The character NUL, which no command, path or variable can have.
    #[error("the character NUL cannot stand in a string")]
    Nul,
    /// A quote that does not end.
    #[error("a quote in this command does not end")]
    OpenQuote,
    /// Keys that exclude each other.
    #[error("`{first}` and `{second}` exclude each other")]
    Conflict {
        /// The one that the place points at.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// One of these keys must be there.
    #[error("one of {} is missing here", Listed(.0))]
    OneOf(Vec<&'static str>),
    /// Only one of these keys may be there.
    #[error("a check does one thing, and this one has `{first}` and `{second}`")]
    MoreThanOne {
        /// The one that the place points at.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// A key that means nothing without another, or next to another.
    #[error("`{key}` has no effect here: {reason}")]
    NoEffect {
        /// The key.
        key: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// A key that an external service cannot have.
    #[error("`{0}` does not go with `external = true`")]
    External(&'static str),
    /// An external service about which nothing can be found out.
    #[error("the external service `{0}` has neither `ready` nor `port`")]
    Unwatchable(ServiceName),
    /// A service of the file that does not exist.
    #[error("there is no service `{name}`")]
    UnknownService {
        /// As it is written.
        name: String,
        /// The nearest service that exists.
        suggestion: Option<String>,
        /// The first services of the file.
        known: Vec<String>,
    },
    /// A service that waits for itself.
    #[error("`{0}` needs itself")]
    NeedsItself(ServiceName),
    /// Services that wait for each other.
    #[error("these services wait for each other: {}", Path(.0))]
    Cycle(Vec<ServiceName>),
    /// An external service is needed as something that only our own can be.
    #[error("`{service}` is external, so it is never known to be {}", match need {
        Need::Ready => "ready",
        Need::Started => "started",
        Need::Completed => "completed",
    })]
    NeverReached {
        /// The external service.
        service: ServiceName,
        /// What is asked of it.
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
    /// A `{placeholder}` that stands for nothing.
    #[error("nothing is known as `{{{name}}}` here")]
    UnknownPlaceholder {
        /// What stands between the braces.
        name: String,
        /// The nearest thing that is known.
        suggestion: Option<String>,
    },
    /// `{port}` or `{service.port}` of a service that has none.
    #[error("`{0}` has no port")]
    NoPort(ServiceName),
    /// A brace without its other half.
    #[error("`{0}` stands alone")]
    LoneBrace(char),
    /// `${NAME}` of a variable that is not set.
    #[error("the environment variable `{0}` is not set")]
    UnsetVariable(String),
    /// `${NAME}` of a variable whose value is not text.
    #[error("the value of the environment variable `{0}` is not UTF-8")]
    VariableNotText(String),
}

/// Items in backquotes, with commas; the later ones of a long list are only counted.
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

/// Services with arrows between them; the middle of a long way is left out.
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
