//! Decides between files of several tools and detection. What a file names is run as it says;
//! detection fills in what the file leaves open, and adds what no file names.

use std::collections::{BTreeMap, BTreeSet};

use super::{Page, Tool, finish::finish};
use crate::draft::{Change, CommandLine, Draft, DraftService, Kind, Needed, Unsaid, service_name};

/// A draft, and what it was made of.
#[derive(Clone, Debug, Default)]
pub struct Combined {
    /// The draft.
    pub draft: Draft,
    /// The files of other tools that were read, and how many services each gave.
    pub read: Vec<(Tool, String, usize)>,
    /// What was decided between them, each in a sentence.
    pub decided: Vec<String>,
}

/// Makes one draft of the pages, in the order in which they are believed, and of what was detected.
#[must_use]
pub fn combine(pages: Vec<Page>, detected: Draft) -> Combined {
    let mut combined = Combined::default();
    let mut services: Vec<DraftService> = Vec::new();
    let mut unsaid = detected.unsaid;
    let mut built = Vec::new();
    let mut scripts = Vec::new();
    let mut taken = BTreeSet::new();
    for page in pages {
        let is_weak = page.tool == Tool::Launch;
        let mut added = 0;
        let mut left = Vec::new();
        // What the page calls a service, and what the draft calls it.
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        let mut new = Vec::new();
        for mut service in page.services {
            let there = services.iter().find(|there| is_same(there, &service));
            if let Some(there) = there {
                names.insert(service.name.clone(), there.name.clone());
                left.push(service.name);
            } else if is_weak && !(services.is_empty() && detected.services.is_empty()) {
                left.push(service.name);
            } else {
                let name = service_name(&service.name, &mut taken);
                let from = std::mem::replace(&mut service.name, name.clone());
                if let Some((built_name, _)) = page.built.iter().find(|(name, _)| *name == from) {
                    let folder = page.built.iter().find(|(name, _)| name == built_name);
                    built.extend(folder.map(|(_, folder)| (name.clone(), folder.clone())));
                }
                names.insert(from, name);
                new.push(service);
                added += 1;
            }
        }
        for service in &mut new {
            rename(service, &names);
        }
        services.append(&mut new);
        if !left.is_empty() {
            combined.decided.push(format!(
                "{} of {}: {} already, so what this file says of {} is left out",
                left.join(", "),
                page.file,
                if is_weak {
                    "what runs is known"
                } else {
                    "another file says how it runs"
                },
                if left.len() == 1 { "it" } else { "them" },
            ));
        }
        unsaid.extend(page.unsaid);
        scripts.extend(page.scripts);
        combined.read.push((page.tool, page.file, added));
    }
    let imported = services.len();
    let filled = add_detected(
        &mut services,
        detected.services,
        &built,
        &scripts,
        &mut taken,
    );
    combined.decided.extend(filled.said(imported));
    let questions = detected.questions.into_iter().filter(|question| {
        let changes = question.choices.iter().flat_map(|choice| &choice.changes);
        // What a file names is no question any more.
        changes.into_iter().all(|change| {
            let name = match change {
                Change::Put(service) => &service.name,
                Change::Remove(name) => name,
                Change::Command { service, .. } | Change::Port { service, .. } => service,
            };
            !filled.known.contains_key(name) && !filled.dropped.contains(name)
        })
    });
    let mut questions: Vec<_> = questions.collect();
    for question in &mut questions {
        let changes = question.choices.iter_mut().flat_map(|it| &mut it.changes);
        for change in changes {
            match change {
                Change::Put(service) => {
                    rename(service, &filled.known);
                    rename(service, &filled.renamed);
                    renamed(&mut service.name, &filled.renamed);
                }
                Change::Remove(name) => renamed(name, &filled.renamed),
                Change::Command { service, .. } | Change::Port { service, .. } => {
                    renamed(service, &filled.renamed);
                }
            }
        }
    }
    combined.draft = Draft {
        name: detected.name,
        services,
        questions,
        unsaid,
    };
    finish(&mut combined.draft);
    combined
}

/// What came of the detected services.
#[derive(Default)]
struct Filled {
    /// Those that a file names: what detection calls them, and what the draft does.
    known: BTreeMap<String, String>,
    /// Those that are there by detection alone, where their name was taken.
    renamed: BTreeMap<String, String>,
    /// Those that a file runs in another way.
    dropped: BTreeSet<String>,
    added: Vec<String>,
}

impl Filled {
    fn said(&self, imported: usize) -> Vec<String> {
        if imported == 0 {
            return Vec::new();
        }
        let mut said = Vec::new();
        if !self.known.is_empty() {
            let names: Vec<&str> = self.known.values().map(String::as_str).collect();
            said.push(format!(
                "{}: run as the file says; ports, probes and links that it leaves open come from the source",
                names.join(", ")
            ));
        }
        if !self.added.is_empty() {
            said.push(format!(
                "{}: in no file, and found in the source",
                self.added.join(", ")
            ));
        }
        said
    }
}

fn add_detected(
    services: &mut Vec<DraftService>,
    detected: Vec<DraftService>,
    built: &[(String, String)],
    scripts: &[(String, String)],
    taken: &mut BTreeSet<String>,
) -> Filled {
    let mut filled = Filled::default();
    let mut matched: BTreeSet<usize> = BTreeSet::new();
    let imported = services.len();
    let backends = detected.iter().filter(|it| it.kind != Kind::Store).count();
    let mut left = Vec::new();
    for service in detected {
        let free = |at: &usize| !matched.contains(at);
        let find = |so: &dyn Fn(&DraftService) -> bool| {
            (0..imported).filter(free).find(|at| so(&services[*at]))
        };
        let at = find(&|there| is_same(there, &service))
            .or_else(|| find(&|there| is_store_of(there, &service)))
            .or_else(|| {
                find(&|there| {
                    let mut built = built.iter();
                    there.command.is_none()
                        && built
                            .any(|(name, folder)| *name == there.name && folder == service.folder())
                })
            })
            .or_else(|| find(&|there| does_likewise(there, &service)))
            .or_else(|| find(&|there| is_the_only(there, &service, backends)));
        if let Some(at) = at {
            matched.insert(at);
            filled
                .known
                .insert(service.name.clone(), services[at].name.clone());
            fill(&mut services[at], service);
        } else if is_script(&service, scripts) {
            filled.dropped.insert(service.name);
        } else {
            left.push(service);
        }
    }
    for mut service in left {
        let name = service_name(&service.name, taken);
        if name != service.name {
            filled.renamed.insert(service.name.clone(), name.clone());
            service.name = name;
        }
        filled.added.push(service.name.clone());
        services.push(service);
    }
    let renames: BTreeMap<String, String> = filled
        .known
        .iter()
        .chain(&filled.renamed)
        .map(|(from, to)| (from.clone(), to.clone()))
        .collect();
    for (at, service) in services.iter_mut().enumerate() {
        if at >= imported {
            rename(service, &renames);
        }
    }
    for dropped in &filled.dropped {
        for service in services.iter_mut().skip(imported) {
            service.needs.retain(|need| need.value.service != *dropped);
            service.env_points_at.retain(|(_, at)| at.value != *dropped);
        }
    }
    // What was filled in names others as detection does.
    for at in matched {
        rename_filled(&mut services[at], &renames);
    }
    filled
}

/// Takes over what a file leaves open.
fn fill(there: &mut DraftService, found: DraftService) {
    let is_app = !matches!(there.kind, Kind::Job | Kind::Store);
    if is_app && found.kind != Kind::Store {
        there.kind = found.kind;
    }
    if there.command.is_none() && there.external.is_none() {
        there.command = found.command;
        there.directory = there.directory.take().or(found.directory);
        there.require = found.require;
    }
    if there.external.is_none() {
        there.host = there.host.take().or(found.host);
        there.port_conflict = there.port_conflict.take().or(found.port_conflict);
        for need in found.needs {
            let is_known = |other: &Needed| other.service == need.value.service;
            if !there.needs.iter().any(|other| is_known(&other.value)) {
                there.needs.push(need);
            }
        }
    }
    if there.port.is_none() && there.kind != Kind::Job {
        there.port = found.port;
    }
    there.ready = there.ready.take().or(found.ready);
    if there.links.is_empty() {
        there.links = found.links;
    }
    if there.checks.is_empty() {
        there.checks = found.checks;
    }
    if there.env_points_at.is_empty() {
        there.env_points_at = found.env_points_at;
    }
}

/// Needs and variables of a filled service that still have detection's names.
fn rename_filled(service: &mut DraftService, renames: &BTreeMap<String, String>) {
    for need in &mut service.needs {
        renamed(&mut need.value.service, renames);
    }
    for (_, at) in &mut service.env_points_at {
        renamed(&mut at.value, renames);
    }
    for check in &mut service.checks {
        if let Some(origin) = &mut check.value.origin {
            ports_renamed(origin, renames);
        }
    }
    let own = service.name.clone();
    service.needs.retain(|need| need.value.service != own);
}

fn rename(service: &mut DraftService, renames: &BTreeMap<String, String>) {
    rename_filled(service, renames);
    for (_, said) in service.env.iter_mut().chain(&mut service.links) {
        ports_renamed(&mut said.value, renames);
    }
    match service.command.as_mut().map(|said| &mut said.value) {
        Some(CommandLine::Words(words)) => {
            for word in words {
                ports_renamed(word, renames);
            }
        }
        Some(CommandLine::Shell(line)) => ports_renamed(line, renames),
        None => {}
    }
}

fn renamed(name: &mut String, renames: &BTreeMap<String, String>) {
    if let Some(to) = renames.get(name) {
        name.clone_from(to);
    }
}

fn ports_renamed(text: &mut String, renames: &BTreeMap<String, String>) {
    for (from, to) in renames.iter().filter(|(from, to)| from != to) {
        let port = format!("{{{from}.port}}");
        if text.contains(&port) {
            *text = text.replace(&port, &format!("{{{to}.port}}"));
        }
    }
}

/// The same name, or the same port, or the same command in the same folder.
fn is_same(one: &DraftService, other: &DraftService) -> bool {
    let port = |service: &DraftService| service.port.as_ref().map(|said| said.value);
    let command = |service: &DraftService| service.command.as_ref().map(|said| said.value.clone());
    one.name.eq_ignore_ascii_case(&other.name)
        || (port(one).is_some() && port(one) == port(other))
        || (command(one).is_some()
            && command(one) == command(other)
            && one.folder() == other.folder())
}

/// The stores whose names stand in images, programs and packages alike.
const STORES: [&str; 12] = [
    "redis",
    "valkey",
    "postgres",
    "mysql",
    "mariadb",
    "mongo",
    "rabbitmq",
    "kafka",
    "nats",
    "elasticsearch",
    "minio",
    "ollama",
];

fn is_store_of(there: &DraftService, found: &DraftService) -> bool {
    let said = |service: &DraftService| {
        let command = match service.command.as_ref().map(|said| &said.value) {
            Some(CommandLine::Words(words)) => words.join(" "),
            Some(CommandLine::Shell(line)) => line.clone(),
            None => String::new(),
        };
        format!("{} {} {command}", service.name, service.because.text).to_lowercase()
    };
    let name = found.name.to_lowercase();
    let family = STORES.iter().find(|store| name.contains(*store));
    let both = there.kind == Kind::Store && found.kind == Kind::Store;
    both && family.is_some_and(|store| said(there).contains(store))
}

/// Words that tell what a command starts, whatever starts it.
const TELLING: [&str; 40] = [
    "air",
    "artisan",
    "astro",
    "bootRun",
    "cargo",
    "celery",
    "daphne",
    "django-admin",
    "dotnet",
    "fastapi",
    "flask",
    "go",
    "gradio",
    "gunicorn",
    "hypercorn",
    "manage.py",
    "mix",
    "mvnw",
    "next",
    "ng",
    "nodemon",
    "nuxt",
    "puma",
    "rails",
    "react-scripts",
    "remix",
    "rq",
    "sidekiq",
    "spring-boot:run",
    "streamlit",
    "svelte-kit",
    "ts-node",
    "tsx",
    "turbo",
    "uvicorn",
    "vite",
    "nest",
    "gradlew",
    "phx.server",
    "webpack",
];

/// The same folder, and the same program in both commands.
fn does_likewise(there: &DraftService, found: &DraftService) -> bool {
    if there.folder() != found.folder() || found.kind == Kind::Store || there.kind == Kind::Job {
        return false;
    }
    let words = |service: &DraftService| -> Vec<String> {
        let text = match service.command.as_ref().map(|said| &said.value) {
            Some(CommandLine::Words(words)) => words.join(" "),
            Some(CommandLine::Shell(line)) => line.clone(),
            None => String::new(),
        };
        let words = text.split(|it: char| it.is_whitespace() || it == '/' || it == '\\');
        let words = words.map(|word| match word {
            "npm" | "pnpm" | "yarn" | "bun" => "script".to_owned(),
            word => word.trim_end_matches(".exe").to_owned(),
        });
        words.collect()
    };
    let (one, other) = (words(there), words(found));
    let both = |word: &str| one.iter().any(|it| it == word) && other.iter().any(|it| it == word);
    let is_worker = |words: &[String]| {
        words
            .iter()
            .any(|word| ["celery", "sidekiq", "rq"].contains(&word.as_str()))
    };
    is_worker(&one) == is_worker(&other)
        && (TELLING.iter().any(|word| both(word)) || (both("script") && one.last() == other.last()))
}

/// The one thing of a project, that its file starts with another program.
fn is_the_only(there: &DraftService, found: &DraftService, backends: usize) -> bool {
    let serves = there.kind == Kind::Backend
        || ["web", "app", "server", "api"].contains(&there.name.to_lowercase().as_str());
    backends == 1
        && serves
        && matches!(found.kind, Kind::Backend | Kind::Frontend)
        && there.folder() == found.folder()
}

/// Whether this runs a script whose parts are there already.
fn is_script(found: &DraftService, scripts: &[(String, String)]) -> bool {
    let Some(CommandLine::Words(words)) = found.command.as_ref().map(|said| &said.value) else {
        return false;
    };
    let managers = ["npm", "pnpm", "yarn", "bun"];
    let is_run = words
        .first()
        .is_some_and(|first| managers.contains(&first.as_str()));
    let mut scripts = scripts.iter();
    is_run
        && scripts
            .any(|(folder, name)| found.folder() == folder && words.iter().any(|it| it == name))
}

/// What was decided against, to be told.
pub(super) fn left_out(service: &DraftService, why: &str) -> Unsaid {
    Unsaid {
        what: format!("service `{}`", service.name),
        file: service.because.file.clone(),
        line: service.because.line,
        why: why.to_owned(),
    }
}
