//! Reads the files of other tools that say what runs in a project, and makes a draft of them and of
//! what detection finds. Pure, as detection is: nothing is executed, and nothing read but a listing.
//!
//! Each tool has a reader, which gives a [`Page`]: services, and what a stack file cannot say, each
//! with its line. [`combine`] decides between pages and detection.

mod combine;
mod command;
mod compose;
mod finish;
mod page;
mod pitchfork;
mod pm2;
mod process_compose;
mod procfile;
mod python;
mod scripts;
mod sound;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod units;
mod vscode;

use crate::{
    detect::{Listing, look},
    draft::{Draft, plain},
};

pub use combine::{Combined, combine};
pub use page::Page;

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

/// Every file at the top of a project that says what runs.
#[must_use]
pub fn read(listing: &Listing) -> Vec<Page> {
    let first = |names: &[&'static str]| {
        let found = names
            .iter()
            .find_map(|name| Some((*name, listing.text(name)?)));
        found.map(|(name, text)| {
            let others = names
                .iter()
                .filter(|other| **other != name && listing.has(other));
            (name, text, others.copied().collect::<Vec<_>>())
        })
    };
    let mut pages = Vec::new();
    let mut add = |mut page: Page, others: Vec<&str>| {
        for other in others {
            let why = format!("{} is the one that is read", page.file);
            page.unsaid.push(crate::draft::Unsaid {
                what: format!("all of {other}"),
                file: Some(other.to_owned()),
                line: None,
                why,
            });
        }
        pages.push(page);
    };
    if let Some((name, text, others)) = first(&PITCHFORK) {
        add(pitchfork::read(name, text), others);
    }
    if let Some((name, text, others)) = first(&PROCESS_COMPOSE) {
        add(process_compose::read(listing, name, text), others);
    }
    if let Some((name, text, others)) = first(&PROCFILE) {
        add(procfile::read(listing, name, text), others);
    }
    if let Some((name, text, others)) = first(&PM2) {
        add(pm2::read(name, text), others);
    }
    if let Some(text) = listing.text("package.json")
        && let Some(page) = scripts::read(listing, "package.json", text)
    {
        add(page, Vec::new());
    }
    let compose = ["", "docker"]
        .iter()
        .find_map(|folder| compose::file(listing, folder));
    if let Some((file, over)) = compose {
        let text = listing.text(&file).unwrap_or_default();
        add(
            compose::read(listing, &file, over.as_deref(), text),
            Vec::new(),
        );
    }
    if let Some(text) = listing.text(".vscode/tasks.json") {
        add(
            vscode::tasks(listing, ".vscode/tasks.json", text),
            Vec::new(),
        );
    }
    if let Some(text) = listing.text(".vscode/launch.json") {
        add(
            vscode::launches(listing, ".vscode/launch.json", text),
            Vec::new(),
        );
    }
    for service in pages.iter_mut().flat_map(|page| &mut page.services) {
        python::adapt(service, listing);
    }
    pages
}

/// What is in a folder, by the files of other tools and by detection, as a stack file would say it.
#[must_use]
pub fn draft(listing: &Listing) -> Combined {
    combine(read(listing), look(listing))
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
