//! What to do about a problem.

use super::problem::{Listed, ProblemKind};

impl ProblemKind {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Missing => "name an existing stack file, or write one: pilotlight init".into(),
            Self::NotAFile(_) => "name the file itself, or the folder that has it".into(),
            Self::Unreadable(_) => "check the permissions of the file and of its folder".into(),
            Self::TooLarge { .. } => "is this really a stack file? Most have less than 4 KiB".into(),
            Self::NotUtf8 { .. } => "save the file as UTF-8".into(),
            Self::Syntax(message) => syntax_help(message).into(),
            Self::TooDeep { .. } => "write it flatter".into(),
            Self::UnknownKey { suggestion, known, .. } => {
                did_you_mean(suggestion.as_deref(), "the keys known here are", known)
            }
            Self::MissingKey { key } => format!("add `{key} = …`"),
            Self::WrongType { expected, .. } => wrong_type_help(expected),
            Self::UnknownValue { suggestion, known, .. } => {
                did_you_mean(suggestion.as_deref(), "write one of", known)
            }
            Self::OutOfRange { least, most, .. } => {
                format!("write a whole number from {least} to {most}")
            }
            Self::BadDuration { .. } => {
                "write a number and a unit: \"500ms\", \"2s\", \"1m\", \"1h\", \"1m30s\"".into()
            }
            Self::BadSize { .. } => {
                "write a number and a unit: \"64 KiB\", \"256MB\", \"1 GiB\"".into()
            }
            Self::BadName { rule, .. } => (*rule).into(),
            Self::NamesAlike { .. } => {
                "rename one: some file systems take the two for the same".into()
            }
            Self::BadRegex(_) => {
                "the syntax is that of https://docs.rs/regex; a backslash before a special character takes it as it is".into()
            }
            Self::BadAddress { expected, .. } => address_help(expected).into(),
            Self::NotJson(_) => "write it as a text".into(),
            Self::BadPointer(_) => "write the way to the value as \"/id\" or \"/items/0/id\"".into(),
            Self::Empty(_) => "fill it in".into(),
            Self::EmptyStack => {
                "add a service: [service.web] with command = \"npm run dev\"".into()
            }
            Self::Nul => "take it out".into(),
            Self::OpenQuote => {
                "close the quote, or write the command as a list: [\"program\", \"it's\"]".into()
            }
            Self::Conflict { second, .. } => format!("keep one of the two; `{second}` is there already"),
            Self::OneOf(_) => "add one of them".into(),
            Self::MoreThanOne { .. } => "make two checks of it: [[service.NAME.check]] twice".into(),
            Self::NoEffect { key, .. } => format!("leave `{key}` out"),
            Self::External(key) => format!(
                "an external service is only watched, never started or stopped: leave `{key}` out, or `external = true`"
            ),
            Self::Unwatchable(_) => {
                "say how to tell that it is up: ready = { tcp = \"10.0.0.7:5432\" }".into()
            }
            Self::UnknownService { suggestion, known, .. } => {
                did_you_mean(suggestion.as_deref(), "the services of this file are", known)
            }
            Self::NeedsItself(name) => format!("take `{name}` out of its own `needs`"),
            Self::Cycle(_) => "take one of these needs away, so that something can start first".into(),
            Self::NeverReached { service, .. } => format!("ask for {service} = \"ready\""),
            Self::PortTwice { .. } => "give one of them another port".into(),
            Self::UnknownPlaceholder { name, suggestion } => match suggestion {
                Some(near) => format!("did you mean `{{{near}}}`?"),
                None => format!("for the text itself, double the braces: `{{{{{name}}}}}`"),
            },
            Self::NoPort(name) => format!("give `{name}` a port: port = 8000"),
            Self::LoneBrace(brace) => {
                format!("for the character itself, double it: `{brace}{brace}`")
            }
            Self::UnsetVariable(name) => format!(
                "set {name} before the start, or give it a default: `${{{name}:-default}}`; for the text itself: `${{{{{name}}}}}`"
            ),
            Self::VariableNotText(name) => format!("set {name} to text in UTF-8"),
        }
    }

    /// A short word for the place itself.
    pub(super) fn label(&self) -> String {
        match self {
            Self::UnknownKey { .. } => "not known here".into(),
            Self::UnknownService { .. } => "no such service".into(),
            Self::MissingKey { key } => format!("has no `{key}`"),
            Self::WrongType { found, .. } => format!("this is {found}"),
            Self::PortTwice { port, service, .. } => format!("`{service}` has port {port} too"),
            Self::NamesAlike { .. } => "the later one".into(),
            Self::UnsetVariable(_) => "not set".into(),
            _ => "here".into(),
        }
    }
}

fn did_you_mean(suggestion: Option<&str>, otherwise: &str, known: &[impl AsRef<str>]) -> String {
    match suggestion {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("{otherwise} {}", Listed(known)),
    }
}

fn syntax_help(message: &str) -> &'static str {
    if message.contains("duplicate key") {
        "a key may stand in a table once; keep one of the two"
    } else {
        "https://toml.io shows how TOML is written"
    }
}

fn wrong_type_help(expected: &str) -> String {
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

fn address_help(expected: &str) -> &'static str {
    match expected {
        "an http address" => {
            "write \"http://localhost:{port}/path\"; \"/path\" alone asks the service's own port"
        }
        "a redis address" => "write \"redis://127.0.0.1:{port}/0\"",
        "a websocket address" => {
            "write \"ws://localhost:{port}/path\"; \"/path\" alone asks the service's own port"
        }
        "an origin" => "write what a browser calls the page's origin: \"http://localhost:5173\"",
        "a link" => "write an address that a browser opens: \"http://localhost:{port}/docs\"",
        "a host" => "write an address of this machine: \"0.0.0.0\"",
        _ => "write \"127.0.0.1:{port}\" or \"[::1]:{port}\"",
    }
}
