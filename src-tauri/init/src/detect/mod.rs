//! Looks at a project and drafts its stack file: what runs in it, how, on which ports, and what that
//! needs. Pure: it works on a [`Listing`] and nothing of the project is executed.
//!
//! Each kind of project has a detector, a function of the listing that gives [`Found`]s: how the
//! thing is started, and where it listens. What is the same for all of them comes afterwards and for
//! all at once: the stores they need, health pages, variables that point at others, the order, names
//! and ports that are taken once.

mod address;
mod app;
mod aside;
mod dotnet;
mod escape;
mod file_filter;
mod frameworks;
mod go;
mod health;
#[cfg(test)]
mod hostile;
mod java;
mod listing;
mod manifest;
mod node;
mod port;
mod python;
mod rust;
mod source;
pub(crate) mod stores;
mod variables;
mod wire;

use std::collections::BTreeSet;

pub use file_filter::{Interest, SOURCES_AT_MOST, is_of_interest, skips_folder};
pub(crate) use listing::has_word;
pub use listing::{Host, Listing, System, ancestors, file_name, folder, join, line_at, line_with};
pub(crate) use source::pattern;

use crate::draft::{
    CommandLine, Draft, DraftService, Kind, LeftOut, Origin, Question, Sourced, stack_name,
};

/// The programs whose presence makes a difference ([`Host::programs`]).
pub const PROGRAMS: &str = "air bun bundle cargo composer conda docker dotnet elasticsearch elixir flask go gradle initdb java \
    kafka-server-start mariadbd memcached minio mix mongod mvn mysqld nats-server nerdctl node npm ollama php pipenv \
    pnpm podman poetry postgres py python python3 rabbitmq-server redis-server ruby uv yarn";

/// What a detector found.
#[derive(Clone, Debug, Default)]
pub struct Finds {
    /// The things that run.
    pub apps: Vec<Found>,
    /// What was left out.
    pub unsaid: Vec<LeftOut>,
}

/// A thing that runs.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// How. Its `name` is a wish (the folder's or the package's), made unique afterwards. Needs,
    /// stores, health, checks and `env_points_at` come by themselves, unless they are given here.
    /// A command that can be told its port says `{port}`, so that two of a kind get two ports.
    pub service: DraftService,
    /// The folder of its source and settings, by which they are told from those of others: often
    /// the folder that it runs in. `""` is the top.
    pub root: String,
    /// The framework, in lower case and as its package is called: `vite`, `fastapi`.
    pub framework: Option<&'static str>,
    /// Whether it listens where `$PORT` says, which Pilot Light sets, without being told in its
    /// command.
    pub reads_port: bool,
    /// What is open about it. Where a change names this service by its wished name, the name that
    /// it gets in the end is put there.
    pub asks: Vec<Question>,
}

impl Found {
    /// A service of the project in `root`, which also is the folder in which it runs.
    fn new(
        name: impl Into<String>,
        kind: Kind,
        root: &str,
        framework: &'static str,
        because: Origin,
    ) -> Self {
        let directory = (!root.is_empty()).then(|| because.says(root.to_owned()));
        let mut service = DraftService::new(name, kind, because);
        service.directory = directory;
        Self {
            service,
            root: root.to_owned(),
            framework: Some(framework),
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
        self.service.directory = (!directory.is_empty()).then(|| reason.says(directory.to_owned()));
    }

    /// Gives the first start the time to compile.
    fn compiles(&mut self, time: Option<&str>) {
        let because = Origin::known("the first start compiles");
        self.service.start_timeout = time.map(|time| because.says(time.to_owned()));
    }
}

/// Returns the name of a service that runs in a folder: the folder's own, or another at the top.
fn named(root: &str, otherwise: &str) -> String {
    match file_name(root) {
        "" | "src" => otherwise.to_owned(),
        name => name.to_owned(),
    }
}

/// What is in a folder, as a stack file would say it.
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
    let stores = stores::find(listing, &mut apps, &name, &mut taken);
    unsaid.extend(stores.unsaid);
    wire::connect(listing, &mut apps, &stores.services, &mut unsaid);
    let mut questions = Vec::new();
    let mut services = stores.services;
    for app in apps {
        merge_questions(&mut questions, app.asks);
        services.push(app.service);
    }
    unsaid.dedup();
    Draft {
        name,
        services,
        questions,
        unsaid,
    }
    .settled()
}

/// The framework of the tool that a command runs, whether that serves pages, and its usual port: of the
/// programs that scripts of packages run.
pub(crate) fn framework_of_tool(words: &[String]) -> Option<(&'static str, bool, u16)> {
    node::framework_of_tool(words)
}

/// The port in the settings of a framework in a folder.
pub(crate) fn port_in_settings(
    listing: &Listing,
    folder: &str,
    framework: &str,
) -> Option<Sourced<u16>> {
    node::port_in_settings(listing, folder, framework)
}

/// The names of the variables that the files of a folder and of the project set.
pub(crate) fn variables_of(listing: &Listing, folder: &str) -> BTreeSet<String> {
    let all = [folder, ""]
        .into_iter()
        .flat_map(|at| variables::of_folder(listing, at));
    let set = all.filter(|(_, variable)| variable.is_set);
    set.map(|(name, _)| name).collect()
}

/// One question for several services is asked once.
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

/// One for each kind of project.
const DETECTORS: &[fn(&Listing, &mut Finds)] = &[
    python::detect,
    rust::detect,
    go::detect,
    java::detect,
    dotnet::detect,
    manifest::detect,
    node::find,
];
