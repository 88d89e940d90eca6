//! A service of a draft: the keys of its table, each with its source.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{LeftOut, place};
use pilotlight::stack::{Need, PortConflict, Restart, Signal};

/// The source of a part of a draft.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// The reason in a few words: ``the script `dev` runs vite``
    pub text: String,
    /// The file, relative to the project, with forward slashes.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<usize>,
}

/// A value with its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// The source.
    pub because: Origin,
}

/// The purpose of a service, which decides dependencies and the order in the file.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Stores data or passes messages.
    Store,
    /// Completes before others start: a migration.
    Job,
    /// Responds to requests of frontends.
    #[default]
    Backend,
    /// Works without a port: Celery, Sidekiq.
    Worker,
    /// Serves pages to a browser.
    Frontend,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandLine {
    /// A program and its arguments.
    Words(Vec<String>),
    /// A line for the platform's shell.
    Shell(String),
    /// A service of a compose file.
    Compose {
        /// The file, relative to the stack file.
        file: String,
        /// Its name there.
        service: String,
    },
    /// A container of an image.
    Container(Image),
}

/// The container of a service without a compose file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Image {
    /// The name of the image.
    pub image: String,
    /// The port inside.
    pub port: u16,
    /// Volumes.
    pub volumes: Vec<String>,
    /// Variables.
    pub env: Vec<(String, String)>,
    /// The arguments after the image.
    pub args: Vec<String>,
}

/// A dependency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Needed {
    /// Its name.
    pub service: String,
    /// The state that it must reach first.
    pub until: Need,
}

/// The readiness probes of a service. Durations are in the notation of a stack file: `"2s"`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Ready {
    /// All must pass. If empty, the default probe runs.
    pub probes: Vec<Probe>,
    /// The pause between two rounds.
    pub every: Option<String>,
    /// The time limit of one probe.
    pub timeout: Option<String>,
    /// The number of consecutive failures that make it unhealthy.
    pub failures: Option<u32>,
}

/// A probe. A [`Ready`] has at most one of each kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// `host:port`
    Tcp(String),
    /// A request.
    Http(Http),
    /// The key of a probe that speaks the protocol of a store, and the address of the store.
    Server(String, String),
    /// Exits with 0.
    Command(Vec<String>),
    /// A regular expression for a line of its output.
    Log(String),
}

/// A request and the expected response.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Http {
    /// An address, or a path on the service's own port.
    pub url: String,
    /// Request headers.
    pub headers: Vec<(String, String)>,
    /// The expected statuses; if empty, 200 to 399.
    pub status: Vec<u16>,
}

/// A check: a request that a page of another service sends with a browser.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// The path of the request.
    pub http: String,
    /// The page from which a browser sends it.
    pub origin: String,
}

/// The requirements of a start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Require {
    /// Variables.
    pub env: Vec<Sourced<String>>,
    /// Commands that must end with 0.
    pub commands: Vec<Sourced<Vec<String>>>,
}

/// How a service is stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stop {
    /// The signal, if not SIGTERM.
    pub signal: Option<Signal>,
    /// A command instead of a signal.
    pub command: Option<Vec<String>>,
    /// The grace period.
    pub timeout: Option<String>,
}

/// A service of a draft. Empty parts are not written.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DraftService {
    /// Its name, which is unique only in a finished draft.
    pub name: String,
    /// Its purpose.
    pub kind: Kind,
    /// Its source: the comment above its table.
    pub because: Origin,
    /// Its command; `None` for an external service.
    pub command: Option<Sourced<CommandLine>>,
    /// The reason why it is external.
    pub external: Option<Origin>,
    /// Its working folder, relative to the stack file, with forward slashes; `None` is the folder of the stack file.
    pub directory: Option<Sourced<String>>,
    /// The TCP port.
    pub port: Option<Sourced<u16>>,
    /// The action if its port is in use, if not the default.
    pub port_conflict: Option<Sourced<PortConflict>>,
    /// Its dependencies.
    pub needs: Vec<Sourced<Needed>>,
    /// Environment variables, in the order in which they are written.
    pub env: Vec<(String, Sourced<String>)>,
    /// Files of environment variables, with `?` at the end of one that may be missing.
    pub env_file: Vec<Sourced<String>>,
    /// Variables that must point at a service, with that service.
    pub env_points_at: Vec<(String, Sourced<String>)>,
    /// Its requirements.
    pub require: Require,
    /// Its readiness probes.
    pub ready: Option<Sourced<Ready>>,
    /// The time limit of a start.
    pub start_timeout: Option<Sourced<String>>,
    /// Its restart policy.
    pub restart: Option<Sourced<Restart>>,
    /// How it is stopped.
    pub stop: Option<Sourced<Stop>>,
    /// Addresses to open, by label.
    pub links: Vec<(String, Sourced<String>)>,
    /// Its checks.
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

    /// A reason with a file.
    #[must_use]
    pub fn file(file: impl Into<String>, text: impl Into<String>) -> Self {
        Self::line(file, None, text)
    }

    /// A reason with a line of a file, from 1.
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

    /// Returns its file and line: `frontend/package.json:7`.
    #[must_use]
    pub fn place(&self) -> Option<String> {
        place(self.file.as_deref(), self.line)
    }

    /// Returns a value with this source.
    #[must_use]
    pub fn says<T>(&self, value: T) -> Sourced<T> {
        Sourced {
            value,
            because: self.clone(),
        }
    }
}

impl CommandLine {
    /// A program and its arguments.
    #[must_use]
    pub fn words<W: Into<String>>(words: impl IntoIterator<Item = W>) -> Self {
        Self::Words(words.into_iter().map(Into::into).collect())
    }

    /// Returns the command as one line, for comparison and display.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Words(words) => words.join(" "),
            Self::Shell(line) => line.clone(),
            Self::Compose { file, service } => format!("the service {service} of {file}"),
            Self::Container(image) => format!("a container of {}", image.image),
        }
    }

    /// Returns the texts that may have placeholders.
    pub(crate) fn texts_mut(&mut self) -> &mut [String] {
        match self {
            Self::Words(words) => words,
            Self::Shell(line) => std::slice::from_mut(line),
            Self::Compose { .. } | Self::Container(_) => &mut [],
        }
    }

    /// Returns whether it contains this text, within a word.
    #[must_use]
    pub fn contains(&self, text: &str) -> bool {
        match self {
            Self::Words(words) => words.iter().any(|word| word.contains(text)),
            Self::Shell(line) => line.contains(text),
            Self::Compose { .. } => false,
            // It is published at the port of the service.
            Self::Container(_) => text == "{port}",
        }
    }
}

impl DraftService {
    /// Returns a service with a name, a purpose and a source only.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: Kind, because: Origin) -> Self {
        Self {
            name: name.into(),
            kind,
            because,
            ..Self::default()
        }
    }

    /// Returns the note that the service is left out.
    pub(crate) fn left_out(&self, why: impl Into<String>) -> LeftOut {
        LeftOut::new(format!("service `{}`", self.name), &self.because, why)
    }

    /// Returns its working folder; empty for the folder of the stack file.
    #[must_use]
    pub fn folder(&self) -> &str {
        self.directory.as_ref().map_or("", |said| &said.value)
    }

    /// Returns its command as one line; empty without a command.
    pub(crate) fn shown(&self) -> String {
        let command = self.command.as_ref();
        command.map_or_else(String::new, |said| said.value.shown())
    }

    /// Sets its working folder; empty for the folder of the stack file.
    pub(crate) fn runs_in(&mut self, folder: &str, because: &Origin) {
        self.directory = (!folder.is_empty()).then(|| because.says(folder.to_owned()));
    }

    /// Adds a dependency on another service, once.
    pub(crate) fn need(&mut self, service: &str, until: Need, because: &Origin) {
        let mut needs = self.needs.iter();
        if self.name != service && !needs.any(|need| need.value.service == service) {
            let service = service.to_owned();
            self.needs.push(because.says(Needed { service, until }));
        }
    }

    /// Returns whether its port can be changed: its command or a variable contains `{port}`.
    #[must_use]
    pub fn takes_port(&self) -> bool {
        let says = |text: &str| text.contains("{port}");
        let command = self.command.as_ref();
        command.is_some_and(|said| said.value.contains("{port}"))
            || self.env.iter().any(|(_, said)| says(&said.value))
    }

    /// Returns the texts that may have placeholders: `{port}`, `{backend.port}`.
    pub(crate) fn texts_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let command = self.command.iter_mut();
        let words = command.flat_map(|said| said.value.texts_mut());
        let pairs = self.env.iter_mut().chain(&mut self.links);
        let probes = self.ready.iter_mut().flat_map(|it| &mut it.value.probes);
        let checks = self.checks.iter_mut().map(|said| &mut said.value);
        let required = self.require.commands.iter_mut();
        words
            .chain(required.flat_map(|said| &mut said.value))
            .chain(pairs.map(|(_, said)| &mut said.value))
            .chain(probes.flat_map(Probe::texts_mut))
            .chain(checks.flat_map(|check| [&mut check.http, &mut check.origin]))
    }

    /// Updates all references to renamed services.
    pub fn rename_others(&mut self, names: &BTreeMap<String, String>) {
        let needs = self.needs.iter_mut().map(|need| &mut need.value.service);
        let targets = self.env_points_at.iter_mut().map(|(_, at)| &mut at.value);
        for name in needs.chain(targets) {
            if let Some(to) = names.get(name) {
                name.clone_from(to);
            }
        }
        for text in self.texts_mut().filter(|text| text.contains(".port}")) {
            for (from, to) in names.iter().filter(|(from, to)| from != to) {
                *text = text.replace(&format!("{{{from}.port}}"), &format!("{{{to}.port}}"));
            }
        }
    }

    /// Removes everything that refers to the port of the service.
    pub(crate) fn forget_port(&mut self) {
        let asks = |text: &str| text.starts_with('/') || text.contains("{port}");
        self.env.retain(|(_, said)| !said.value.contains("{port}"));
        self.links.retain(|(_, said)| !asks(&said.value));
        self.checks.retain(|said| !asks(&said.value.http));
        if let Some(ready) = &mut self.ready {
            let probes = &mut ready.value.probes;
            probes.retain_mut(|probe| !probe.texts_mut().any(|text| asks(text)));
        }
        self.ready.take_if(|ready| ready.value.probes.is_empty());
    }
}

impl From<Probe> for Ready {
    fn from(probe: Probe) -> Self {
        Self {
            probes: vec![probe],
            ..Self::default()
        }
    }
}

impl Probe {
    /// A request to a page.
    pub(crate) fn page(url: impl Into<String>) -> Self {
        Self::Http(Http {
            url: url.into(),
            ..Http::default()
        })
    }

    /// Returns the texts that may have placeholders: a regular expression has none.
    fn texts_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let texts = match self {
            Self::Tcp(text) | Self::Server(_, text) => std::slice::from_mut(text),
            Self::Http(request) => std::slice::from_mut(&mut request.url),
            Self::Command(words) => &mut words[..],
            Self::Log(_) => &mut [],
        };
        texts.iter_mut()
    }
}
