//! Help texts for problems.

use super::problem::{Listed, ProblemKind};

impl ProblemKind {
    /// Returns the help text.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Missing => "pass an existing stack file, or create one: pilotlight init".into(),
            Self::NotAFile(_) => "pass the file itself, or its folder".into(),
            Self::Unreadable(_) => "check the permissions of the file and of its folder".into(),
            Self::TooLarge { .. } => "check that this is a stack file; most are smaller than 4 KiB".into(),
            Self::NotUtf8 { .. } => "save the file as UTF-8".into(),
            Self::Syntax(message) => syntax_help(message).into(),
            Self::TooDeep { .. } => "reduce the nesting".into(),
            Self::UnknownKey { suggestion, known, .. } => {
                did_you_mean(suggestion.as_deref(), "known keys:", known)
            }
            Self::MissingKey { key } => format!("add `{key} = …`"),
            Self::WrongType { expected, .. } => wrong_type_help(expected),
            Self::UnknownValue { suggestion, known, .. } => {
                did_you_mean(suggestion.as_deref(), "use one of", known)
            }
            Self::OutOfRange { least, most, .. } => {
                format!("use a whole number from {least} to {most}")
            }
            Self::BadDuration { .. } => {
                "use a number and a unit: \"500ms\", \"2s\", \"1m\", \"1h\", \"1m30s\"".into()
            }
            Self::BadSize { .. } => {
                "use a number and a unit: \"64 KiB\", \"256MB\", \"1 GiB\"".into()
            }
            Self::BadName { rule, .. } => (*rule).into(),
            Self::NamesAlike { .. } => {
                "rename one of them; some file systems ignore case".into()
            }
            Self::BadRegex(_) => {
                "the syntax is that of https://docs.rs/regex; a backslash escapes a special character".into()
            }
            Self::BadPattern(_) => {
                "use *, **, ?, [a-z] and {a,b}: \"src/**/*.py\"".into()
            }
            Self::BadCron { .. } => {
                "use minute, hour, day of the month, month and day of the week: \"0 3 * * *\"".into()
            }
            Self::NoTask(name) => format!("define it as a task: [task.{name}]"),
            Self::BadAddress { expected, .. } => address_help(expected).into(),
            Self::NotJson(_) => "write it as a string".into(),
            Self::BadPointer(_) => "write the path of the value as \"/id\" or \"/items/0/id\"".into(),
            Self::Empty(_) => "add a value".into(),
            Self::EmptyStack => {
                "add a service: [service.web] with command = \"npm run dev\"".into()
            }
            Self::Nul => "remove it".into(),
            Self::OpenQuote => {
                "close the quote, or write the command as a list: [\"program\", \"it's\"]".into()
            }
            Self::Conflict { second, .. } => format!("keep one of them; `{second}` is already set"),
            Self::OneOf(_) => "add one of them".into(),
            Self::MoreThanOne { .. } => "write two checks: [[service.NAME.check]] twice".into(),
            Self::NoEffect { key, .. } => format!("remove `{key}`"),
            Self::External(key) => format!(
                "an external service is only monitored, never started or stopped: remove `{key}` or `external = true`"
            ),
            Self::Unwatchable(_) => {
                "add a readiness probe: ready = { tcp = \"10.0.0.7:5432\" }".into()
            }
            Self::UnknownService { suggestion, known, .. } => {
                did_you_mean(suggestion.as_deref(), "services in this file:", known)
            }
            Self::Unknown { suggestion, known, .. } => {
                did_you_mean(suggestion.as_deref(), "known names:", known)
            }
            Self::NotIncluded { .. } => "the path starts at the folder of this file".into(),
            Self::IncludesItself(_) => "remove one of the two includes".into(),
            Self::ExtendsItself(_) => {
                "move what they share to a table of its own: [template.NAME]".into()
            }
            Self::NeedsItself(name) => format!("remove `{name}` from its own `needs`"),
            Self::Cycle(_) => "remove one of these dependencies, so that one service can start first".into(),
            Self::NeverReached { service, .. } => format!("use {service} = \"ready\""),
            Self::PortTwice { .. } => "use another port for one of them".into(),
            Self::UnknownPlaceholder { name, suggestion } => match suggestion {
                Some(near) => format!("did you mean `{{{near}}}`?"),
                None => format!("for literal text, double the braces: `{{{{{name}}}}}`"),
            },
            Self::NoPort(name) => format!("set a port for `{name}`: port = 8000"),
            Self::LoneBrace(brace) => {
                format!("for a literal brace, double it: `{brace}{brace}`")
            }
            Self::UnsetVariable(name) => format!(
                "set {name} before the start, or add a default: `${{{name}:-default}}`; for literal text: `${{{{{name}}}}}`"
            ),
            Self::VariableNotText(name) => format!("set {name} to UTF-8 text"),
        }
    }

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

fn did_you_mean(suggestion: Option<&str>, otherwise: &str, known: &[impl AsRef<str>]) -> String {
    match suggestion {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("{otherwise} {}", Listed(known)),
    }
}

fn syntax_help(message: &str) -> &'static str {
    if message.contains("duplicate key") {
        "this key is already set; remove one of the two"
    } else {
        "see https://toml.io for the syntax"
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
