//! Reads the files of other tools that say what runs in a project, and makes a draft of them and of
//! what detection finds. Pure, as detection is: nothing is executed, and nothing read but a listing.
//!
//! Each tool has a reader, which gives a [`SourceFile`]: services, and what a stack file cannot say, each
//! with its line. [`combine`] decides between pages and detection.

mod combine;
mod command;
mod commands;
mod compose;
mod identity;
mod lines;
mod normalize;
mod pitchfork;
mod pm2;
mod process_compose;
mod procfile;
mod python;
mod scripts;
mod source_file;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod units;
mod validate;
mod vscode;

use crate::{
    detect::{Listing, look},
    draft::{Draft, plain},
};

pub use combine::{Combined, Sources, combine};
pub use source_file::SourceFile;

/// Whose file says what runs. In the order in which they are believed: what one names, those after
/// it do not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tool {
    /// `pitchfork.toml`
    Pitchfork,
    /// `process-compose.yaml`
    ProcessCompose,
    /// `Procfile`
    Procfile,
    /// `ecosystem.config.js`
    Pm2,
    /// A script of `package.json` that starts several things.
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
    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
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

/// Other names of one file, the first that is there is the one.
const PITCHFORK: [&str; 2] = ["pitchfork.local.toml", "pitchfork.toml"];
const PROCESS_COMPOSE: [&str; 4] = [
    "process-compose.yaml",
    "process-compose.yml",
    ".process-compose.yaml",
    ".process-compose.yml",
];
const PROCFILE: [&str; 3] = ["Procfile.dev", "Procfile.local", "Procfile"];
const PM2: [&str; 14] = [
    "ecosystem.config.js",
    "ecosystem.config.cjs",
    "ecosystem.config.mjs",
    "ecosystem.config.json",
    "ecosystem.config.yml",
    "ecosystem.config.yaml",
    "ecosystem.json",
    "ecosystem.yml",
    "ecosystem.yaml",
    "pm2.config.js",
    "pm2.config.cjs",
    "pm2.json",
    "process.json",
    "processes.json",
];

/// Every file of a project that names what runs.
#[must_use]
pub fn read(listing: &Listing) -> Sources {
    let first = |names: &[&'static str]| {
        let mut names = names.iter();
        names.find_map(|name| Some((*name, listing.text(name)?)))
    };
    let mut sources = Sources::default();
    if let Some((name, text)) = first(&PITCHFORK) {
        sources.strong.push(pitchfork::read(name, text));
    }
    if let Some((name, text)) = first(&PROCESS_COMPOSE) {
        sources
            .strong
            .push(process_compose::read(listing, name, text));
    }
    if let Some((name, text)) = first(&PROCFILE) {
        sources.strong.push(procfile::read(listing, name, text));
    }
    if let Some(text) = listing.text("package.json") {
        sources
            .strong
            .extend(scripts::read(listing, "package.json", text));
    }
    for folder in ["", "docker"] {
        if let Some((file, over)) = compose::file(listing, folder) {
            let text = listing.text(&file).unwrap_or_default();
            sources
                .compose
                .push(compose::read(listing, &file, over.as_deref(), text));
            break;
        }
    }
    sources.weak = commands::read(listing);
    if let Some((name, text)) = first(&PM2) {
        sources.weak.push(pm2::read(name, text));
    }
    for (name, read) in [
        (
            ".vscode/tasks.json",
            vscode::tasks as fn(&Listing, &str, &str) -> SourceFile,
        ),
        (".vscode/launch.json", vscode::launches),
    ] {
        if let Some(text) = listing.text(name) {
            sources.weak.push(read(listing, name, text));
        }
    }
    let files = sources.strong.iter_mut().chain(&mut sources.weak);
    let builds = sources
        .compose
        .iter_mut()
        .flat_map(|compose| &mut compose.builds);
    let services = files.flat_map(|file| &mut file.services);
    for service in services.chain(builds.map(|build| &mut build.service)) {
        python::adapt(service, listing);
    }
    sources
}

/// What is in a folder, by the files of other tools and by detection, as a stack file would say it.
#[must_use]
pub fn draft(listing: &Listing) -> Combined {
    combine(read(listing), look(listing), listing)
}

/// What is in a folder, as a stack file would say it.
#[must_use]
pub fn look_at(listing: &Listing) -> Draft {
    draft(listing).draft
}

/// The words of a command that is written for a shell: those of the shell, where it needs one.
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

/// An address, short if it is one of the service itself.
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
