//! Compose files. What is built of the project's own source runs from that source, as a developer
//! wants it; what is only an image becomes a container of the engine that is here, in the foreground.

mod container;
mod health;
mod hosts;
mod merge;
mod ports;
mod source;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Tool,
    page::{Page, env_file},
    text::Known,
    tree::{Node, yaml},
};
use crate::{
    detect::{Listing, join},
    draft::{DraftService, Kind, Needed, Said, Stop},
};
use hosts::Hosts;
use pilotlight::stack::{Need, Restart, Signal};

/// The names that compose looks for, in its order, and those of what it lays over them.
const NAMES: [(&str, &str); 4] = [
    ("compose.yaml", "compose.override.yaml"),
    ("compose.yml", "compose.override.yml"),
    ("docker-compose.yml", "docker-compose.override.yml"),
    ("docker-compose.yaml", "docker-compose.override.yaml"),
];

/// Keys that have a counterpart, or mean nothing where a service runs from its source.
const KNOWN: [&str; 38] = [
    "annotations",
    "attach",
    "build",
    "cap_add",
    "cap_drop",
    "command",
    "container_name",
    "depends_on",
    "deploy",
    "entrypoint",
    "env_file",
    "environment",
    "expose",
    "extends",
    "extra_hosts",
    "healthcheck",
    "hostname",
    "image",
    "init",
    "labels",
    "network_mode",
    "networks",
    "platform",
    "ports",
    "privileged",
    "profiles",
    "pull_policy",
    "restart",
    "shm_size",
    "stdin_open",
    "stop_grace_period",
    "stop_signal",
    "tmpfs",
    "tty",
    "user",
    "volumes",
    "working_dir",
    "annotations",
];

/// The compose file of a folder, and what lies over it.
pub(super) fn file(listing: &Listing, folder: &str) -> Option<(String, Option<String>)> {
    let (file, over) = NAMES
        .iter()
        .map(|(file, over)| (join(folder, file), join(folder, over)))
        .find(|(file, _)| listing.text(file).is_some())?;
    let over = listing.text(&over).is_some().then_some(over);
    Some((file, over))
}

/// What the services of one compose file share.
struct Project<'a> {
    listing: &'a Listing,
    /// The name that it gives to containers and volumes.
    name: String,
    /// What stands in its `.env`.
    known: Known,
    /// Names that volumes have elsewhere.
    volumes: BTreeMap<String, String>,
    hosts: Hosts,
}

pub(super) fn read(listing: &Listing, file: &str, over: Option<&str>, text: &str) -> Page {
    let mut page = Page::new(Tool::Compose, file);
    let mut tree = match yaml(text) {
        Ok(tree) => tree,
        Err(error) => return page.unreadable(&error),
    };
    if let Some(over) = over {
        match yaml(listing.text(over).unwrap_or_default()) {
            Ok(other) => {
                merge::over(&mut tree, other);
                page.leave_out(
                    1,
                    format!("the lines of {over}"),
                    "it is laid over this file; what comes from it is told with the lines it has there",
                );
            }
            Err(error) => page.leave_out(error.line, over.to_owned(), &error.reason),
        }
    }
    let services = services(&tree, listing, &mut page);
    let known = env_file(listing, &join(page.folder(), ".env"));
    let mut project = Project {
        listing,
        name: name(&tree, listing, &page),
        volumes: volumes(&tree),
        hosts: Hosts::default(),
        known,
    };
    project.hosts = Hosts::of(&services, &project);
    let names: BTreeSet<&str> = services.iter().map(|(name, _, _)| name.as_str()).collect();
    let depends = services
        .iter()
        .map(|(name, _, node)| (name.clone(), depends_on(node)))
        .collect();
    let jobs = jobs(&services);
    for (name, line, node) in &services {
        let mut service = DraftService::new(
            name,
            Kind::Backend,
            page.because(*line, format!("the service `{name}`")),
        );
        let is_source = node.get("build").is_some();
        if is_source {
            source::fill(&mut service, node, &project, &mut page);
        } else if node.get("image").is_some() {
            container::fill(&mut service, node, &project, &mut page);
        } else {
            page.leave_out(
                *line,
                format!("service `{name}`"),
                "it has neither an image nor a build",
            );
            continue;
        }
        if jobs.contains(name) {
            service.kind = Kind::Job;
            service.restart = None;
        }
        needs(&mut service, node, &names, &depends, &mut page);
        common(&mut service, node, &mut page);
        page.leave_out_others(name, node, &KNOWN, "a stack file has no word for it");
        page.services.push(service);
    }
    page.leave_out_others(
        "compose",
        &tree,
        &["name", "services", "version", "volumes", "networks"],
        "a stack file has no word for it",
    );
    page
}

/// The services that start without a profile, each with the line of its name.
fn services(tree: &Node, listing: &Listing, page: &mut Page) -> Vec<(String, usize, Node)> {
    let mut found = Vec::new();
    for (key, node) in tree.get("services").map_or(&[][..], Node::table) {
        let node = merge::extended(node, tree, page, listing, 0);
        let profiles: Vec<String> = node
            .get("profiles")
            .map_or(&[][..], Node::one_or_more)
            .iter()
            .filter_map(Node::scalar)
            .collect();
        if profiles.is_empty() {
            found.push((key.name.clone(), key.line, node));
        } else {
            page.leave_out(
                key.line,
                format!("service `{}`", key.name),
                &format!(
                    "it starts only with the profile {}, and a stack has no profiles",
                    profiles.join(" or ")
                ),
            );
        }
    }
    found
}

fn name(tree: &Node, listing: &Listing, page: &Page) -> String {
    let said = tree.get("name").and_then(Node::scalar);
    let folder = page.folder().rsplit('/').next().filter(|it| !it.is_empty());
    let name = said.unwrap_or_else(|| folder.unwrap_or(&listing.name).to_owned());
    let lower = name.to_lowercase();
    let is_part = |it: &char| it.is_ascii_alphanumeric() || "-_".contains(*it);
    let fit: String = lower.chars().filter(is_part).collect();
    let fit = fit.trim_start_matches(['-', '_']).to_owned();
    if fit.is_empty() {
        "stack".to_owned()
    } else {
        fit
    }
}

fn volumes(tree: &Node) -> BTreeMap<String, String> {
    let entries = tree.get("volumes").map_or(&[][..], Node::table).iter();
    let named = entries.filter_map(|(key, node)| {
        let name = node.get("name").and_then(Node::scalar);
        let is_external = node.get("external").and_then(Node::flag) == Some(true);
        let name = name.or_else(|| is_external.then(|| key.name.clone()))?;
        Some((key.name.clone(), name))
    });
    named.collect()
}

/// The services that others wait for the end of.
fn jobs(services: &[(String, usize, Node)]) -> BTreeSet<String> {
    let needs = services
        .iter()
        .filter_map(|(_, _, node)| node.get("depends_on"));
    let entries = needs.flat_map(Node::table);
    let completed = entries.filter(|(_, how)| {
        how.get("condition").and_then(Node::text) == Some("service_completed_successfully")
    });
    completed.map(|(key, _)| key.name.clone()).collect()
}

fn needs(
    service: &mut DraftService,
    node: &Node,
    names: &BTreeSet<&str>,
    depends: &BTreeMap<String, Vec<String>>,
    page: &mut Page,
) {
    // What is said wins over what an address tells: a backend may know where its frontend is.
    let mut told = std::mem::take(&mut service.needs);
    told.retain(|need| !waits_for(depends, &need.value.service, &service.name));
    service.needs = said_needs(&service.name, node, names, page);
    service.needs.extend(told);
}

/// Whether one service waits for another, or for what waits for it.
fn waits_for(depends: &BTreeMap<String, Vec<String>>, one: &str, other: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![one];
    while let Some(name) = open.pop() {
        if name == other {
            return true;
        }
        if seen.insert(name) {
            open.extend(depends.get(name).into_iter().flatten().map(String::as_str));
        }
    }
    false
}

/// The names in `depends_on`, in either notation.
fn depends_on(node: &Node) -> Vec<String> {
    let Some(depends_on) = node.get("depends_on") else {
        return Vec::new();
    };
    let table = depends_on.table().iter().map(|(key, _)| key.name.clone());
    let list = depends_on.list().iter().filter_map(Node::scalar);
    table.chain(list).collect()
}

fn said_needs(
    name: &str,
    node: &Node,
    names: &BTreeSet<&str>,
    page: &mut Page,
) -> Vec<Said<Needed>> {
    let mut said = Vec::new();
    let Some(depends_on) = node.get("depends_on") else {
        return said;
    };
    let own = name;
    let short = depends_on
        .list()
        .iter()
        .filter_map(|item| Some((item.line, item.text()?.to_owned(), Need::Ready)));
    let long = depends_on.table().iter().map(|(key, how)| {
        let need = match how.get("condition").and_then(Node::text) {
            Some("service_completed_successfully") => Need::Completed,
            Some("service_started") => Need::Started,
            _ => Need::Ready,
        };
        (key.line, key.name.clone(), need)
    });
    for (line, name, until) in short.chain(long) {
        if names.contains(&*name) {
            let because = page.because(line, "depends_on");
            said.push(because.says(Needed {
                service: name,
                until,
            }));
        } else {
            let what = format!("{own}: depends_on {name}");
            page.leave_out(line, what, "that service is not started");
        }
    }
    said
}

/// What is the same for sources and containers.
fn common(service: &mut DraftService, node: &Node, page: &mut Page) {
    if let Some(restart) = node.get("restart") {
        let policy = restart.scalar().unwrap_or_default();
        let value = match policy.split(':').next() {
            Some("always" | "unless-stopped") => Some(Restart::Always),
            Some("no" | "false") => Some(Restart::Never),
            _ => None,
        };
        if service.kind != Kind::Job {
            let because = page.because(restart.line, format!("restart: {policy}"));
            service.restart = value.map(|value| because.says(value));
        }
    }
    let signal = node.get("stop_signal");
    let patience = node.get("stop_grace_period");
    if let Some(because) = signal.or(patience) {
        let because = page.because(because.line, "how it is stopped");
        let mut stop = service
            .stop
            .take()
            .map_or_else(Stop::default, |stop| stop.value);
        if let Some(signal) = signal {
            let name = signal.scalar().unwrap_or_default();
            match super::units::signal(&name) {
                Some(signal) => stop.signal = Some(signal).filter(|it| *it != Signal::Terminate),
                None => page.leave_out(
                    signal.line,
                    format!("{}: stop_signal = {name}", service.name),
                    "a stack file has no such signal",
                ),
            }
        }
        let patience = patience.and_then(Node::scalar);
        stop.timeout = patience.and_then(|it| super::units::duration(&it));
        service.stop = Some(because.says(stop));
    }
    for (key, why) in [
        ("deploy", "replicas and limits belong to a cluster"),
        ("tty", "a service has no terminal"),
        ("stdin_open", "a service has no standard input"),
    ] {
        if let Some(node) = node.get(key) {
            let what = format!("{}: {key} = {}", service.name, node.shown());
            page.leave_out(node.line, what, why);
        }
    }
    if let Some(networks) = node.get("networks") {
        let what = format!("{}: networks = {}", service.name, networks.shown());
        page.leave_out(
            networks.line,
            what,
            "the services of a stack reach each other on localhost",
        );
    }
}

/// The entries of `environment`, which is a table or a list of `NAME=VALUE`.
fn environment(node: &Node) -> Vec<(usize, String, Option<Node>)> {
    let Some(environment) = node.get("environment") else {
        return Vec::new();
    };
    let table = environment.table().iter().map(|(key, node)| {
        let node = Some(node.clone()).filter(|node| node.value != super::tree::Value::Null);
        (key.line, key.name.clone(), node)
    });
    let list = environment.list().iter().filter_map(|item| {
        let text = item.scalar()?;
        Some(match text.split_once('=') {
            Some((name, value)) => {
                let value = super::tree::Value::Text(value.to_owned());
                let node = Node {
                    line: item.line,
                    value,
                };
                (item.line, name.to_owned(), Some(node))
            }
            None => (item.line, text, None),
        })
    });
    table.chain(list).collect()
}

/// The paths of `env_file`, as a stack file has them.
fn env_files(node: &Node, page: &mut Page) -> Vec<Said<String>> {
    let mut files = Vec::new();
    for item in node.get("env_file").map_or(&[][..], Node::one_or_more) {
        let path = item.get("path").unwrap_or(item);
        let is_required = item.get("required").and_then(Node::flag) != Some(false);
        if let Some(path) = path.text().and_then(|path| page.path(path)) {
            let optional = if is_required { "" } else { "?" };
            let because = page.because(item.line, "env_file");
            files.push(because.says(format!("{path}{optional}")));
        }
    }
    files
}

/// A command, as a list of words or as a line to be split into words. Compose uses no shell for it.
fn words(node: &Node, known: &Known) -> Vec<String> {
    let fill = |text: &str| {
        super::text::Text::interpolated(text)
            .knowing(known)
            .in_stack_file()
    };
    let words = if let Some(text) = node.text() {
        shell_words::split(text).unwrap_or_else(|_| vec![text.to_owned()])
    } else {
        node.list().iter().filter_map(Node::scalar).collect()
    };
    words.iter().map(|word| fill(word)).collect()
}
