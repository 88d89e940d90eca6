//! Reads the files of other tools that list the services of a project, and combines them with the detected services
//! into a draft. Pure, like detection: executes nothing and reads only a listing.
//!
//! Each reader returns a [`SourceFile`]: services, and the parts that a stack file cannot express, each with its
//! line. [`combine`] decides between the files and detection.

mod combine;
mod command;
mod commands;
mod compose;
mod identity;
mod lines;
mod normalize;
mod procfile;
mod python;
mod running;
mod scripts;
mod source_file;
#[cfg(test)]
mod tests;
mod text;
mod tools;
mod tree;
mod units;
mod validate;

use std::{collections::BTreeMap, path::Path};

use pilotlight::effects::port::RunningProcess;

use crate::{
    detect::{Listing, look},
    draft::{DraftService, plain},
};

pub use combine::{Combined, Sources, combine};
pub(crate) use identity::{base_name, unwrapped, value_of};
pub(crate) use lines::joined;
pub(crate) use running::DEBUGGERS;
pub(crate) use scripts::{concurrent, short};
pub use source_file::SourceFile;
pub(crate) use source_file::resolve;

/// A tool whose file lists services, in order of rank: a later one does not change the services of an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tool {
    /// The processes that run now.
    Running,
    /// `pitchfork.toml`
    Pitchfork,
    /// `process-compose.yaml`
    ProcessCompose,
    /// `Procfile`
    Procfile,
    /// `ecosystem.config.js`
    Pm2,
    /// A script of `package.json` that starts several programs.
    Scripts,
    /// `compose.yaml`
    Compose,
    /// `composer.json`
    Composer,
    /// A Makefile, a justfile, `Taskfile.yml` or `mise.toml`.
    Recipes,
    /// `start_all.ps1`, `dev.sh`
    StartScript,
    /// README, CONTRIBUTING and other instructions.
    Instructions,
    /// `.vscode/tasks.json`
    Tasks,
    /// `.vscode/launch.json`
    Launch,
}

impl Tool {
    /// Returns its name for users.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running processes",
            Self::Pitchfork => "pitchfork",
            Self::ProcessCompose => "process-compose",
            Self::Procfile => "a Procfile",
            Self::Pm2 => "pm2",
            Self::Scripts => "a script of package.json",
            Self::Compose => "compose",
            Self::Composer => "the scripts of composer.json",
            Self::Recipes => "recipes of make, just, Task or mise",
            Self::StartScript => "a start script",
            Self::Instructions => "instructions for developers",
            Self::Tasks => "VS Code's tasks",
            Self::Launch => "VS Code's launch configurations",
        }
    }
}

/// The file names of each tool; the first existing file counts.
const FILES: [(Tool, &str); 6] = [
    (Tool::Pitchfork, "pitchfork.local.toml pitchfork.toml"),
    (
        Tool::ProcessCompose,
        "process-compose.yaml process-compose.yml .process-compose.yaml .process-compose.yml",
    ),
    (Tool::Procfile, "Procfile.dev Procfile.local Procfile"),
    (
        Tool::Pm2,
        "ecosystem.config.js ecosystem.config.cjs ecosystem.config.mjs ecosystem.config.json ecosystem.config.yml \
         ecosystem.config.yaml ecosystem.json ecosystem.yml ecosystem.yaml pm2.config.js pm2.config.cjs pm2.json \
         process.json processes.json",
    ),
    (Tool::Tasks, ".vscode/tasks.json"),
    (Tool::Launch, ".vscode/launch.json"),
];

/// Reads every file of a project that lists services.
fn read(listing: &Listing) -> Sources {
    let files = |tools: &[Tool]| {
        let rows = FILES.iter().filter(|(tool, _)| tools.contains(tool));
        let files = rows.filter_map(|(tool, names)| {
            let mut names = names.split_whitespace();
            let (name, text) = names.find_map(|name| Some((name, listing.text(name)?)))?;
            Some(match tool {
                Tool::Procfile => procfile::read(listing, name, text),
                _ => tools::read(*tool, listing, name, text),
            })
        });
        files.collect::<Vec<_>>()
    };
    let mut sources = Sources {
        strong: files(&[Tool::Pitchfork, Tool::ProcessCompose, Tool::Procfile]),
        weak: commands::read(listing),
        ..Sources::default()
    };
    if let Some(text) = listing.text("package.json") {
        let scripts = scripts::read(listing, "package.json", text);
        sources.strong.extend(scripts);
    }
    let deployed = sources
        .strong
        .extract_if(.., |file| is_for_deployment(file, listing));
    sources.weak.splice(..0, deployed);
    let mut folders = [
        "",
        "docker",
        "infra",
        "infrastructure",
        "ops",
        "backend",
        "server",
    ]
    .iter();
    let compose = folders.find_map(|folder| compose::file(listing, folder));
    sources.compose = compose.map(|(file, over)| compose::read(listing, &file, over.as_deref()));
    let editors = files(&[Tool::Pm2, Tool::Tasks, Tool::Launch]);
    sources.weak.extend(editors);
    let files = sources.strong.iter_mut().chain(&mut sources.weak);
    let services = files.flat_map(|file| &mut file.services);
    let builds = sources.compose.iter_mut().flat_map(|it| &mut it.builds);
    for service in services.chain(builds.map(|build| &mut build.service)) {
        python::adapt(service, listing);
    }
    sources
}

/// Returns whether a Procfile starts only what Node has built before, although the package has a script for development.
fn is_for_deployment(file: &SourceFile, listing: &Listing) -> bool {
    let has_dev = || {
        let text = listing.text("package.json");
        text.is_some_and(|text| text.contains("\"dev\"") || text.contains("\"dev:"))
    };
    let is_built = |service: &DraftService| {
        let programs = identity::of_service(service, listing);
        let mut programs = programs
            .iter()
            .map(|it| it.class == "node" && it.is_production);
        programs
            .next()
            .is_some_and(|first| first && programs.all(|it| it))
    };
    file.file == "Procfile" && file.services.iter().all(is_built) && has_dev()
}

/// Drafts a stack file from the files of other tools and the source, and tells the sources.
#[must_use]
pub fn draft(listing: &Listing) -> Combined {
    combine(read(listing), look(listing), listing)
}

/// Drafts a stack file from the processes of the project in `root` that run now. The source completes them.
#[must_use]
pub fn draft_of_running(
    listing: &Listing,
    root: &Path,
    processes: &BTreeMap<u32, RunningProcess>,
    variables: &BTreeMap<String, String>,
) -> Combined {
    let sources = Sources {
        strong: vec![running::read(processes, root, listing, variables)],
        ..Sources::default()
    };
    combine(sources, look(listing), listing)
}

/// Returns the words of a command line, with `sh -c` if it needs a shell.
fn shell(text: &str) -> Vec<String> {
    match command::line(text, None) {
        command::Line {
            command: crate::draft::CommandLine::Words(words),
            env,
            directory: None,
            ..
        } if env.is_empty() => words,
        _ => ["sh", "-c", &plain(text)].map(str::to_owned).to_vec(),
    }
}

/// Shortens an address of the service itself to its path.
fn own_address(url: &str, port: Option<u16>) -> String {
    let own = port.and_then(|port| {
        ["localhost", "127.0.0.1", "0.0.0.0"]
            .iter()
            .find_map(|host| {
                let rest = url.strip_prefix(&format!("http://{host}:{port}"))?;
                (rest.is_empty() || rest.starts_with('/')).then_some(rest)
            })
    });
    match own {
        Some("") => "/".to_owned(),
        Some(path) => plain(path),
        None => plain(url),
    }
}

/// Parses a table that is compiled into the program.
pub(crate) fn table<T: serde::de::DeserializeOwned>(text: &str) -> T {
    #[expect(
        clippy::expect_used,
        reason = "the file is part of the program, and tests read it"
    )]
    toml::from_str(text).expect("a table that is right")
}
