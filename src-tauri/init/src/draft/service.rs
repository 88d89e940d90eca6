//! A service of a draft: the keys of its table, and why each is there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use pilotlight::stack::{Need, PortConflict, Restart, Signal};

/// The source of a part of a draft.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The reason in a few words, without the place: ``the script `dev` runs vite``
    pub text: String,
    /// The file that says so, from the folder that was looked at, with forward slashes.
    pub file: Option<String>,
    /// The line in it, from 1.
    pub line: Option<usize>,
}

/// A value with its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Why.
    pub because: Origin,
}

/// What a service is for; it decides who needs whom, and where it stands in the file.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Keeps data or passes messages.
    Store,
    /// Ends by itself, before others start: a migration.
    Job,
    /// Answers requests of frontends.
    #[default]
    Backend,
    /// Works without a port: Celery, Sidekiq.
    Worker,
    /// Serves pages to a browser.
    Frontend,
}

/// What runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandLine {
    /// A program and its arguments.
    Words(Vec<String>),
    /// A line for the platform's shell.
    Shell(String),
}

/// A service that must come first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needed {
    /// Its name.
    pub service: String,
    /// What it must have reached.
    pub until: Need,
}

/// What tells that a service is there. Durations are as they are written: `"2s"`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ready {
    /// All must pass. None with times alone: what is usual is probed at these times.
    pub probes: Vec<Probe>,
    /// The pause between two rounds.
    pub every: Option<String>,
    /// How long one probe may take.
    pub timeout: Option<String>,
    /// So many in a row make it unhealthy.
    pub failures: Option<u32>,
}

/// One way to tell. At most one of each kind stands in a [`Ready`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// `host:port`
    Tcp(String),
    /// A request.
    Http(Http),
    /// The address of a Redis.
    Redis(String),
    /// The address of a WebSocket.
    Websocket(String),
    /// Ends with 0.
    Command(Vec<String>),
    /// A regular expression for a line of its output.
    Log(String),
    /// It runs.
    Process,
}

/// A request and the answer that is expected.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Http {
    /// An address, or a path on the service's own port.
    pub url: String,
    /// The method, if not the usual one.
    pub method: Option<String>,
    /// Sent along.
    pub headers: Vec<(String, String)>,
    /// Sent as JSON.
    pub body: Option<serde_json::Value>,
    /// One of these is expected; if empty, 200 to 399.
    pub status: Vec<u16>,
}

/// What a user of the service would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What the user would call it.
    pub name: String,
    /// What is done.
    pub action: CheckAction,
    /// The page that a browser would do it from.
    pub origin: Option<String>,
    /// Whether the browser sends cookies along.
    pub credentials: bool,
    /// The pause between two rounds.
    pub every: Option<String>,
}

/// What a check does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckAction {
    /// A request.
    Http(Http),
    /// A handshake with this address.
    Websocket(String),
    /// PING, and a write that changes nothing, at this address.
    Redis(String),
    /// Ends with 0.
    Command(Vec<String>),
}

/// What must be there for a start to make sense.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Require {
    /// Files, from the folder of the stack file.
    pub files: Vec<Sourced<String>>,
    /// Variables.
    pub env: Vec<Sourced<String>>,
    /// Commands that must end with 0.
    pub commands: Vec<Sourced<Vec<String>>>,
}

/// How a service is asked to leave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stop {
    /// The signal, if not SIGTERM.
    pub signal: Option<Signal>,
    /// A command instead of a signal.
    pub command: Option<Vec<String>>,
    /// How long it has.
    pub timeout: Option<String>,
}

/// A service as it is going to be written. What is empty is not written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DraftService {
    /// Its name. Before the draft is made whole, names may be taken twice.
    pub name: String,
    /// What it is for.
    pub kind: Kind,
    /// Why it is there at all: the comment over its table.
    pub because: Origin,
    /// What runs. None for an external service.
    pub command: Option<Sourced<CommandLine>>,
    /// Somebody else runs it, and why it is taken for that.
    pub external: Option<Origin>,
    /// The folder in which it runs, from the folder of the stack file, with forward slashes. None is
    /// that folder itself.
    pub directory: Option<Sourced<String>>,
    /// The TCP port.
    pub port: Option<Sourced<u16>>,
    /// An address besides the loopback ones.
    pub host: Option<Sourced<String>>,
    /// What happens when its port is held, if not the usual.
    pub port_conflict: Option<Sourced<PortConflict>>,
    /// What comes first.
    pub needs: Vec<Sourced<Needed>>,
    /// Environment variables, in the order in which they are written.
    pub env: Vec<(String, Sourced<String>)>,
    /// Files of environment variables, with `?` at the end of one that may be missing.
    pub env_file: Vec<Sourced<String>>,
    /// Variables that must point at a service: the variable, and the service.
    pub env_points_at: Vec<(String, Sourced<String>)>,
    /// What must be there.
    pub require: Require,
    /// What tells that it is there.
    pub ready: Option<Sourced<Ready>>,
    /// How long it may take.
    pub start_timeout: Option<Sourced<String>>,
    /// When it is started again.
    pub restart: Option<Sourced<Restart>>,
    /// How it is asked to leave.
    pub stop: Option<Sourced<Stop>>,
    /// Addresses to open, by label.
    pub links: Vec<(String, Sourced<String>)>,
    /// What a user would do.
    pub checks: Vec<Sourced<Check>>,
}

impl Origin {
    /// A reason without a place: ``the usual port``
    #[must_use]
    pub fn known(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// A reason that a file gives.
    #[must_use]
    pub fn file(file: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            file: Some(file.into()),
            line: None,
        }
    }

    /// A reason that a line of a file gives; `line` from 1, if it was found.
    #[must_use]
    pub fn line(
        file: impl Into<String>,
        line: impl Into<Option<usize>>,
        text: impl Into<String>,
    ) -> Self {
        Self {
            text: text.into(),
            file: Some(file.into()),
            line: line.into(),
        }
    }

    /// A value for this reason.
    #[must_use]
    pub fn says<T>(&self, value: T) -> Sourced<T> {
        Sourced {
            value,
            because: self.clone(),
        }
    }
}

impl<T> Sourced<T> {
    /// A value, and why.
    #[must_use]
    pub fn new(value: T, because: Origin) -> Self {
        Self { value, because }
    }
}

impl CommandLine {
    /// A program and its arguments.
    #[must_use]
    pub fn words<W: Into<String>>(words: impl IntoIterator<Item = W>) -> Self {
        Self::Words(words.into_iter().map(Into::into).collect())
    }

    /// The whole as one line, for comparison and display.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Words(words) => words.join(" "),
            Self::Shell(line) => line.clone(),
        }
    }

    /// Whether this stands in it, in a word or across.
    #[must_use]
    pub fn contains(&self, text: &str) -> bool {
        match self {
            Self::Words(words) => words.iter().any(|word| word.contains(text)),
            Self::Shell(line) => line.contains(text),
        }
    }
}

impl DraftService {
    /// A service of which only the name, the purpose and the reason are known.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: Kind, because: Origin) -> Self {
        Self {
            name: name.into(),
            kind,
            because,
            ..Self::default()
        }
    }

    /// The folder in which it runs; empty for that of the stack file.
    #[must_use]
    pub fn folder(&self) -> &str {
        self.directory.as_ref().map_or("", |said| &said.value)
    }

    /// Whether another port can be given to it: its command or a variable says `{port}`.
    #[must_use]
    pub fn takes_port(&self) -> bool {
        let says = |text: &str| text.contains("{port}");
        let command = self.command.as_ref();
        command.is_some_and(|said| said.value.contains("{port}"))
            || self.env.iter().any(|(_, said)| says(&said.value))
    }

    /// Gives other services their new names in everything that refers to them.
    pub fn rename_others(&mut self, names: &BTreeMap<String, String>) {
        let needs = self.needs.iter_mut().map(|need| &mut need.value.service);
        let targets = self.env_points_at.iter_mut().map(|(_, at)| &mut at.value);
        for name in needs.chain(targets) {
            if let Some(to) = names.get(name) {
                name.clone_from(to);
            }
        }
        let pairs = self.env.iter_mut().chain(&mut self.links);
        let origins = self
            .checks
            .iter_mut()
            .filter_map(|check| check.value.origin.as_mut());
        let words = match self.command.as_mut().map(|said| &mut said.value) {
            Some(CommandLine::Words(words)) => &mut words[..],
            Some(CommandLine::Shell(line)) => std::slice::from_mut(line),
            None => &mut [],
        };
        let texts = pairs
            .map(|(_, said)| &mut said.value)
            .chain(origins)
            .chain(words);
        for text in texts.filter(|text| text.contains(".port}")) {
            for (from, to) in names.iter().filter(|(from, to)| from != to) {
                *text = text.replace(&format!("{{{from}.port}}"), &format!("{{{to}.port}}"));
            }
        }
    }
}
