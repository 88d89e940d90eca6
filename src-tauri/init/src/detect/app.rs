//! A service with its variables and its texts.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Found,
    listing::{Listing, ancestors, file_name, folder},
    variables::{self, Variable},
};
use crate::draft::{DraftService, LeftOut, Origin, Question, service_name};

/// A service and what is known about it.
pub(super) struct App<'a> {
    pub(super) service: DraftService,
    pub(super) root: String,
    pub(super) framework: Option<&'static str>,
    /// Whether it can be given another port.
    pub(super) takes_port: bool,
    pub(super) asks: Vec<Question>,
    /// The variables of its own folder and of the one in which it runs.
    pub(super) variables: BTreeMap<String, Variable>,
    /// The variables of its own folder and of those above.
    pub(super) all_variables: BTreeMap<String, Variable>,
    /// The texts of its folder, and of the project's libraries that it uses.
    pub(super) texts: Vec<(&'a str, &'a str)>,
}

/// Returns the services under unique names, with what is known about each.
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
            let read = || variables::of_folder(listing, folder);
            known.or_insert_with(read).clone()
        };
        // Of two places that set a variable, the first counts.
        let mut merged = |places: &[&str]| {
            let places = places.iter().rev();
            places.flat_map(|place| variables_of(place)).collect()
        };
        // It reads its own files, those of the folder in which it runs, and those that it is given.
        let mut places = vec![found.root.as_str(), found.service.folder()];
        let given = found.service.env_file.iter();
        places.extend(given.map(|said| folder(&said.value)));
        let variables: BTreeMap<String, Variable> = merged(&places);
        places.extend(ancestors(&found.root).skip(1));
        let all_variables: BTreeMap<String, Variable> = merged(&places);
        let takes_port = found.service.takes_port() || found.reads_port;
        let mut service = found.service;
        let before = std::mem::replace(&mut service.name, service_name(&wish, taken));
        let mut asks = found.asks;
        let choices = asks.iter_mut().flat_map(|question| &mut question.choices);
        for change in choices.flat_map(|choice| &mut choice.changes) {
            let changed = change.service_mut();
            if *changed == before {
                changed.clone_from(&service.name);
            }
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

/// Returns the names; a name of several services begins with the folder above.
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
            // `Basket.API` has it already.
            above if above.to_ascii_lowercase().ends_with(&format!(".{name}")) => {
                above.replace('.', "-").to_ascii_lowercase()
            }
            above => format!("{above}-{name}"),
        }
    };
    found.iter().map(wish).collect()
}

/// Returns the texts, by the nearest root above them.
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

/// Whether a file is prose or a script, which may name addresses that the service never requests.
fn is_talk(path: &str) -> bool {
    let name = file_name(path);
    ["README", "CONTRIBUTING"]
        .iter()
        .any(|start| name.starts_with(start))
        || [".sh", ".ps1", ".bat"]
            .iter()
            .any(|end| name.ends_with(end))
}

/// Gives the texts of a library to the services whose manifests name it.
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

/// Returns the name in a `package.json`.
pub(crate) fn package_name(text: &str) -> Option<String> {
    let json: serde_json::Value = serde_json::from_str(text).ok()?;
    Some(json.get("name")?.as_str()?.to_owned())
}

/// Gives each service a port of its own: of two with the same, the later one gets another port, or is left out if it takes
/// none.
pub(super) fn settle_ports(apps: &mut Vec<App<'_>>, unsaid: &mut Vec<LeftOut>) {
    let mut holders: BTreeMap<u16, String> = BTreeMap::new();
    let all: BTreeSet<u16> = apps.iter().filter_map(App::port).collect();
    // Services that cannot move come first.
    for can_move in [false, true] {
        apps.retain_mut(|app| {
            let port = app
                .service
                .port
                .as_mut()
                .filter(|_| app.takes_port == can_move);
            let Some(port) = port else { return true };
            let Some(holder) = holders.get(&port.value) else {
                holders.insert(port.value, app.service.name.clone());
                return true;
            };
            if !can_move {
                let why = format!(
                    "it listens on {} as `{holder}` does, and takes no other port",
                    port.value
                );
                unsaid.push(app.service.left_out(why));
                return false;
            }
            let is_free = |port: &u16| !all.contains(port) && !holders.contains_key(port);
            if let Some(free) = (port.value..u16::MAX).find(is_free) {
                port.because = Origin::known(format!("`{holder}` has {}", port.value));
                port.value = free;
                holders.insert(free, app.service.name.clone());
            }
            true
        });
    }
}

impl App<'_> {
    pub(super) fn port(&self) -> Option<u16> {
        self.service.port.as_ref().map(|port| port.value)
    }
}
