//! A thing that runs, with all that the project says about it: its variables and its texts.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Found,
    listing::{Listing, ancestors, file_name, folder},
    variables::{self, Variable},
};
use crate::draft::{Change, DraftService, LeftOut, Question, service_name};

/// A service in the making.
pub(super) struct App<'a> {
    pub(super) service: DraftService,
    pub(super) root: String,
    pub(super) framework: Option<&'static str>,
    /// Whether another port than the one it has can be given to it.
    pub(super) takes_port: bool,
    pub(super) asks: Vec<Question>,
    /// Of its own folder and of the one it runs in.
    pub(super) variables: BTreeMap<String, Variable>,
    /// Of its own folder and of those around it.
    pub(super) all_variables: BTreeMap<String, Variable>,
    /// The files of its folder that were read, and those of the libraries of the project that it
    /// uses.
    pub(super) texts: Vec<(&'a str, &'a str)>,
}

/// The apps, under names that are taken once and with what is known about each.
pub(super) fn gather<'a>(
    listing: &'a Listing,
    found: Vec<Found>,
    taken: &mut BTreeSet<String>,
) -> Vec<App<'a>> {
    let wishes: Vec<String> = wishes(&found);
    let roots: BTreeSet<String> = found.iter().map(|found| found.root.clone()).collect();
    let mut texts = by_root(listing, &roots);
    add_libraries(listing, &roots, &mut texts);
    let mut of_folder: HashMap<String, BTreeMap<String, Variable>> = HashMap::new();
    let apps = found.into_iter().zip(wishes).map(|(found, wish)| {
        let mut variables_of = |folder: &str| {
            let known = of_folder.entry(folder.to_owned());
            known
                .or_insert_with(|| variables::of_folder(listing, folder))
                .clone()
        };
        // What it reads: its own files, those where it runs, and those that it is given.
        let mut variables = variables_of(&found.root);
        let given = found
            .service
            .env_file
            .iter()
            .map(|said| folder(&said.value));
        for place in [found.service.folder()].into_iter().chain(given) {
            for (name, variable) in variables_of(place) {
                variables.entry(name).or_insert(variable);
            }
        }
        let mut all_variables = variables.clone();
        for place in ancestors(&found.root).skip(1) {
            for (name, variable) in variables_of(place) {
                all_variables.entry(name).or_insert(variable);
            }
        }
        let takes_port = found.service.takes_port() || found.reads_port;
        let mut service = found.service;
        let before = std::mem::replace(&mut service.name, service_name(&wish, taken));
        let mut asks = found.asks;
        for question in &mut asks {
            rename(question, &before, &service.name);
        }
        App {
            texts: texts.get(found.root.as_str()).cloned().unwrap_or_default(),
            takes_port,
            service,
            root: found.root,
            framework: found.framework,
            asks,
            variables,
            all_variables,
        }
    });
    apps.collect()
}

/// Names that two services would like to have get the folder above theirs before them.
fn wishes(found: &[Found]) -> Vec<String> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for found in found {
        *counts.entry(found.service.name.as_str()).or_default() += 1;
    }
    let wish = |found: &Found| {
        let name = &found.service.name;
        if counts.get(name.as_str()).is_none_or(|count| *count < 2) {
            return name.clone();
        }
        let above = if file_name(&found.root) == name {
            folder(&found.root)
        } else {
            &found.root
        };
        match file_name(above) {
            "" => name.clone(),
            above => format!("{above}-{name}"),
        }
    };
    found.iter().map(wish).collect()
}

/// The files that were read, by the nearest root above them.
fn by_root<'a>(
    listing: &'a Listing,
    roots: &BTreeSet<String>,
) -> HashMap<String, Vec<(&'a str, &'a str)>> {
    let mut texts: HashMap<String, Vec<(&str, &str)>> = HashMap::new();
    for (path, text) in listing.texts().filter(|(path, _)| !is_talk(path)) {
        let owner = ancestors(folder(path)).find(|place| roots.contains(*place));
        if let Some(owner) = owner {
            texts
                .entry(owner.to_owned())
                .or_default()
                .push((path, text));
        }
    }
    texts
}

/// What is written for people, and scripts for other occasions, name addresses that the app itself
/// may never ask.
fn is_talk(path: &str) -> bool {
    let name = file_name(path);
    let talks = name.starts_with("README") || name.starts_with("CONTRIBUTING");
    talks
        || [".sh", ".ps1", ".bat"]
            .iter()
            .any(|end| name.ends_with(end))
}

/// Gives the texts of a package that nothing runs to the apps that name it among what they need.
fn add_libraries<'a>(
    listing: &'a Listing,
    roots: &BTreeSet<String>,
    texts: &mut HashMap<String, Vec<(&'a str, &'a str)>>,
) {
    let manifests = listing.texts().filter(|(path, _)| {
        file_name(path) == "package.json"
            && !folder(path).is_empty()
            && !roots.contains(folder(path))
    });
    for (path, text) in manifests {
        let Some(name) = package_name(text) else {
            continue;
        };
        let quoted = format!("\"{name}\"");
        let place = folder(path);
        let users = roots.iter().filter(|root| {
            let manifest = super::listing::join(root, "package.json");
            !place.starts_with(root.as_str()) | root.is_empty()
                && listing
                    .text(&manifest)
                    .is_some_and(|text| text.contains(&quoted))
        });
        for user in users.cloned().collect::<Vec<_>>() {
            let own = listing.under(place);
            let own = own.filter_map(|path| Some((path, listing.text(path)?)));
            let known = texts.entry(user).or_default();
            for entry in own {
                if !known.contains(&entry) {
                    known.push(entry);
                }
            }
        }
    }
}

fn package_name(text: &str) -> Option<String> {
    let json: serde_json::Value = serde_json::from_str(text).ok()?;
    Some(json.get("name")?.as_str()?.to_owned())
}

fn rename(question: &mut Question, from: &str, to: &str) {
    for choice in &mut question.choices {
        for change in &mut choice.changes {
            let name = match change {
                Change::Put(service) => &mut service.name,
                Change::Remove(name) => name,
                Change::Command { service, .. } | Change::Port { service, .. } => service,
            };
            if name == from {
                to.clone_into(name);
            }
        }
    }
}

/// Two services cannot listen on one port: the later one gets another, if it takes one, and is left
/// out if it does not.
pub(super) fn settle_ports(apps: &mut Vec<App<'_>>, unsaid: &mut Vec<LeftOut>) {
    let mut holders: BTreeMap<u16, String> = BTreeMap::new();
    let all: BTreeSet<u16> = apps.iter().filter_map(port).collect();
    let mut out = BTreeSet::new();
    // Those that cannot move come first.
    for can_move in [false, true] {
        for (number, app) in apps.iter_mut().enumerate() {
            let Some(said) = app
                .service
                .port
                .as_mut()
                .filter(|_| app.takes_port == can_move)
            else {
                continue;
            };
            let Some(holder) = holders.get(&said.value).cloned() else {
                holders.insert(said.value, app.service.name.clone());
                continue;
            };
            if !can_move {
                out.insert(number);
                unsaid.push(LeftOut {
                    what: format!("service `{}`", app.service.name),
                    file: app.service.because.file.clone(),
                    line: app.service.because.line,
                    why: format!(
                        "it listens on {} as `{holder}` does, and nothing tells it another port",
                        said.value
                    ),
                });
                continue;
            }
            let mut free = (said.value..u16::MAX)
                .filter(|port| !all.contains(port) && !holders.contains_key(port));
            if let Some(free) = free.next() {
                said.because =
                    crate::draft::Origin::known(format!("{} is that of `{holder}`", said.value));
                said.value = free;
                holders.insert(free, app.service.name.clone());
            }
        }
    }
    let mut number = 0;
    apps.retain(|_| {
        number += 1;
        !out.contains(&(number - 1))
    });
}

fn port(app: &App<'_>) -> Option<u16> {
    app.service.port.as_ref().map(|said| said.value)
}
