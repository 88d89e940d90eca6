//! Help texts that depend on more than the kind of problem.

use super::problem::{Listed, ProblemKind};

impl ProblemKind {
    /// Returns a short label for the position.
    pub(super) fn label(&self) -> String {
        match self {
            Self::UnknownKey { .. } => "unknown key".into(),
            Self::UnknownService { .. } => "unknown service".into(),
            Self::Unknown { what, .. } => format!("unknown {what}"),
            Self::MissingKey { key } => format!("has no `{key}`"),
            Self::WrongType { found, .. } => format!("this is {found}"),
            Self::PortTwice { port, service, .. } => format!("`{service}` has port {port} too"),
            Self::NamesAlike { .. } => "the later one".into(),
            Self::UnsetVariable(_) => "not set".into(),
            _ => "here".into(),
        }
    }
}

/// Returns the word that was probably meant, or else all known ones.
pub(super) fn nearest(
    suggestion: Option<&str>,
    otherwise: &str,
    known: &[impl AsRef<str>],
) -> String {
    match suggestion {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("{otherwise} {}", Listed(known)),
    }
}

pub(super) fn placeholder(name: &str, suggestion: Option<&str>) -> String {
    match suggestion {
        Some(near) => format!("did you mean `{{{near}}}`?"),
        None => format!("for literal text, double the braces: `{{{{{name}}}}}`"),
    }
}

pub(super) fn syntax(message: &str) -> &'static str {
    if message.contains("duplicate key") {
        "this key is already set; remove one of the two"
    } else {
        "see https://toml.io for the syntax"
    }
}

pub(super) fn wrong_type(expected: &str) -> String {
    match expected {
        "a string" => "put it in quotes: \"…\"".into(),
        "a duration" => "write it with its unit, in quotes: \"5s\"".into(),
        "a size" => "write it with its unit, in quotes: \"256MB\"".into(),
        "true or false" => "write true or false, without quotes".into(),
        "a whole number" => "write the number without quotes".into(),
        "a table" => "write a table: { key = … }".into(),
        _ => format!("write {expected}"),
    }
}

pub(super) fn address(expected: &str) -> &'static str {
    match expected {
        "an http address" => {
            "write \"http://localhost:{port}/path\"; \"/path\" alone uses the service's own port"
        }
        "a redis address" => "write \"redis://127.0.0.1:{port}/0\"",
        "a websocket address" => {
            "write \"ws://localhost:{port}/path\"; \"/path\" alone uses the service's own port"
        }
        "an origin" => "write the origin of the page: \"http://localhost:5173\"",
        "a link" => "write an address that a browser opens: \"http://localhost:{port}/docs\"",
        "a host" => "write an address of this machine: \"0.0.0.0\"",
        _ => "write \"127.0.0.1:{port}\" or \"[::1]:{port}\"",
    }
}
