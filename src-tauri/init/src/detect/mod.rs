//! Drafts the stack file of a project: its services, their commands and ports, and what they need. Pure: it reads a
//! [`Listing`] and executes nothing of the project.
//!
//! Each kind of project has a detector, a function of the listing that returns [`Found`]s with a command and a port. The
//! facts that it needs are rows of `frameworks.toml`. The common steps come afterwards, for all services at once: stores,
//! health pages, variables that point at other services, the order, unique names and ports.

mod address;
mod app;
mod aside;
mod dotnet;
mod escape;
mod file_filter;
mod frameworks;
mod go;
mod health;
mod java;
mod listing;
mod manifest;
mod node;
mod port;
mod python;
mod rust;
mod source;
pub(crate) mod stores;
#[cfg(test)]
mod tests;
mod variables;
mod wire;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use app::package_name;
pub(crate) use file_filter::is_instruction;
pub use file_filter::{Interest, SOURCES_AT_MOST, is_of_interest, skips_folder};
pub use listing::{Host, Listing, System, ancestors, file_name, folder, join, line_at, line_with};
pub(crate) use listing::{has_word, is_in, rank_in};
pub(crate) use node::{package_manager, port_in_settings, tool_of};
pub(crate) use python::{in_environment, uvicorn_module};
pub(crate) use source::{pattern, port_of};
pub(crate) use variables::assignment;

use crate::draft::{
    Change, Choice, CommandLine, Draft, DraftService, Kind, LeftOut, Origin, Question, stack_name,
};

/// The programs that the draft depends on ([`Host::programs`]), with blanks between them.
pub const PROGRAMS: &str = "air bun bundle cargo composer conda docker dotnet elasticsearch elixir flask go gradle initdb java \
    kafka-server-start mariadbd memcached minio mix mongod mvn mysqld nats-server nerdctl node npm ollama php pipenv \
    pnpm podman poetry postgres py python python3 rabbitmq-server redis-server ruby uv yarn";

/// The result of a detector.
#[derive(Clone, Debug, Default)]
pub struct Finds {
    /// The services.
    pub apps: Vec<Found>,
    /// The notes on what was left out.
    pub unsaid: Vec<LeftOut>,
    /// The folders whose programs a service starts, and the reason.
    started: BTreeMap<String, String>,
}

/// A service that a detector found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The service. Its `name` is that of the folder or package, and made unique afterwards. Needs, health, checks and
    /// `env_points_at` are added later unless they are set here. A command that takes a port has `{port}`, so that two
    /// of a kind get two ports.
    pub service: DraftService,
    /// The folder of its source and settings, often the folder in which it runs. `""` is the top.
    pub root: String,
    /// The framework of a package of Node, as its package is called: `vite`.
    pub framework: Option<&'static str>,
    /// Whether it listens on `$PORT`, which Pilot Light sets, without an argument in its command.
    pub reads_port: bool,
    /// The open questions. A change names the service by its first name, and gets the final one.
    pub asks: Vec<Question>,
}

impl Finds {
    /// Notes that something was found and left out, with the place that names it.
    fn leave_out(&mut self, what: impl Into<String>, place: &Origin, why: &str) {
        self.unsaid.push(LeftOut::new(what, place, why));
    }
}

impl Found {
    /// A service of the project in `root`, which also is the folder in which it runs.
    fn new(name: impl Into<String>, kind: Kind, root: &str, because: Origin) -> Self {
        let mut service = DraftService::new(name, kind, because);
        service.runs_in(root, &service.because.clone());
        Self {
            service,
            root: root.to_owned(),
            ..Self::default()
        }
    }

    /// Sets the command, for the reason for which the service exists.
    fn runs_words(&mut self, words: Vec<String>) {
        self.service.command = Some(self.service.because.says(CommandLine::Words(words)));
    }

    /// Sets the command and its folder.
    fn runs(&mut self, reason: &Origin, directory: &str, words: Vec<String>) {
        self.service.command = Some(reason.says(CommandLine::Words(words)));
        self.service.runs_in(directory, reason);
    }

    /// Gives the first start the time to compile.
    fn compiles(&mut self, time: Option<&str>) {
        let because = Origin::known("the first start compiles");
        self.service.start_timeout = time.map(|time| because.says(time.to_owned()));
    }
}

/// Returns a question; each choice has its label, its likelihood and its changes, and the first is the default.
fn question(
    id: String,
    text: String,
    choices: impl IntoIterator<Item = (String, u8, Vec<Change>)>,
) -> Question {
    let choice = |(label, likelihood, changes)| Choice {
        label,
        likelihood,
        changes,
    };
    Question {
        id,
        text,
        choices: choices.into_iter().map(choice).collect(),
        default: 0,
    }
}

/// Returns the name of a service that runs in a folder: the folder's own, or another at the top.
fn named(root: &str, otherwise: &str) -> String {
    match file_name(root) {
        "" | "src" => otherwise.to_owned(),
        name => name.to_owned(),
    }
}

/// Drafts the stack file of a folder.
#[must_use]
pub fn look(listing: &Listing) -> Draft {
    let mut finds = Finds::default();
    for detect in DETECTORS {
        detect(listing, &mut finds);
    }
    finds.apps.iter_mut().for_each(escape::escape);
    let name = stack_name(&listing.name);
    let mut unsaid = finds.unsaid;
    let mut taken = BTreeSet::new();
    let mut apps = app::gather(listing, finds.apps, &mut taken);
    app::settle_ports(&mut apps, &mut unsaid);
    let mut services = stores::find(listing, &mut apps, &name, &mut taken, &mut unsaid);
    wire::connect(listing, &mut apps, &services, &mut unsaid);
    let mut questions = Vec::new();
    for app in apps {
        merge_questions(&mut questions, app.asks);
        services.push(app.service);
    }
    unsaid.dedup();
    services.sort_by_key(|service| service.kind);
    Draft {
        name,
        services,
        questions,
        unsaid,
    }
}

/// Returns the variables that the files of a folder and of the project set.
pub(crate) fn variables_of(listing: &Listing, folder: &str) -> BTreeMap<String, String> {
    let all = ["", folder]
        .into_iter()
        .flat_map(|at| variables::of_folder(listing, at));
    let set = all.filter(|(_, variable)| variable.is_set);
    set.map(|(name, variable)| (name, variable.value)).collect()
}

/// Merges questions: one for several services is asked once.
fn merge_questions(questions: &mut Vec<Question>, more: Vec<Question>) {
    for question in more {
        match questions.iter_mut().find(|known| known.id == question.id) {
            Some(known) => {
                for (choice, more) in known.choices.iter_mut().zip(question.choices) {
                    choice.changes.extend(more.changes);
                }
            }
            None => questions.push(question),
        }
    }
}

/// The detectors, one for each kind of project.
const DETECTORS: &[fn(&Listing, &mut Finds)] = &[
    python::detect,
    rust::detect,
    go::detect,
    java::detect,
    dotnet::detect,
    manifest::detect,
    node::find,
];
