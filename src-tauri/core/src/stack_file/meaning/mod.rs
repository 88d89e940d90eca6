//! Converts tables to a [`Stack`] and validates names, references between services, placeholders
//! and addresses. Runs only on a file with valid tables, so that nothing is reported twice.

mod address;
mod check;
mod container;
mod graph;
mod http;
mod launch;
mod ready;
mod service;
mod task;
mod text;
mod watch;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use crate::{
    env::Env,
    stack::{DEFAULT_PROFILE, Port, Service, ServiceName, Stack},
};

use super::{
    bundle::Bundle,
    findings::{Problems, Read, Reported, all},
    near::{nearest, shown},
    problem::ProblemKind,
    reader::{At, Whole},
    tables::{ProfileTable, ServiceTable, StackTable, TaskTable},
};

/// The context of the conversion.
struct Meaning<'a, 't> {
    bundle: &'a Bundle,
    environment: &'a Env,
    problems: &'a mut Problems<'t>,
    /// Every service of the file.
    services: BTreeMap<&'a str, Declared<'a>>,
    docker_context: Option<String>,
    /// The names that earlier checks save.
    saved: BTreeSet<String>,
}

/// A named port of a service.
type NamedPort = (At<String>, At<Whole<1, 65_535>>);

/// The facts about a service that other services may refer to.
#[derive(Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that do not depend on each other"
)]
struct Declared<'a> {
    port: Option<Port>,
    named: &'a [NamedPort],
    external: bool,
    task: bool,
    /// Whether the chosen profiles have it.
    chosen: bool,
    /// Whether it runs in a container, whose engine may choose its port.
    contained: bool,
}

/// Returns the stack in these tables.
pub(super) fn stack(
    bundle: &Bundle,
    table: &StackTable,
    environment: &Env,
    problems: &mut Problems<'_>,
) -> Read<Stack> {
    let file = &bundle.parts[0].path;
    let services = table.service.iter().flat_map(|services| &services.value.0);
    let services = services.map(|(name, table)| (name, table));
    let tasks = table.task.iter().flat_map(|tasks| &tasks.0);
    let first_task = services.clone().count();
    let tasks = tasks.map(|(name, TaskTable(table))| (name, table));
    let services: Vec<_> = services.chain(tasks).collect();
    if services.is_empty() {
        let whole = table.service.as_ref().map(|services| services.span.clone());
        problems.add(whole.unwrap_or_default(), ProblemKind::EmptyStack);
    }
    let mut meaning = Meaning {
        bundle,
        environment,
        problems,
        services: declared(&services, first_task),
        docker_context: None,
        saved: BTreeSet::new(),
    };
    let name = match &table.name {
        Some(name) => meaning.stack_name(name),
        None => Ok(name_of(file.parent().unwrap_or(Path::new("")))),
    };
    let profiles = table.profile.iter().flat_map(|profiles| &profiles.value.0);
    let profiles: Vec<_> = profiles.collect();
    meaning.profiles(&profiles)?;
    meaning.choose(&profiles, &services);
    if let Some(name) = &table.docker_context {
        meaning.docker_context = Some(meaning.plain_not_empty(name, "a context")?);
    }
    meaning.service_names(&services)?;
    let made = all(services
        .iter()
        .map(|(name, table)| meaning.service(name, table)));
    let is_chosen = |name: &str| meaning.services.get(name).is_some_and(|it| it.chosen);
    graph::check(&services, is_chosen, meaning.problems);
    let mut made: Vec<Arc<Service>> = made?;
    made.retain(|service| is_chosen(service.name.as_str()));
    Ok(Stack {
        name: name?,
        file: file.to_owned(),
        mode: table.mode.unwrap_or_default(),
        profiles: profiles
            .iter()
            .map(|(name, _)| name.value.clone())
            .collect(),
        chosen: bundle.profiles.clone(),
        services: made,
        ports: table.ports.unwrap_or_default(),
        slot: None,
        declared: BTreeMap::new(),
    })
}

fn declared<'t>(
    services: &[(&'t At<String>, &'t ServiceTable)],
    first_task: usize,
) -> BTreeMap<&'t str, Declared<'t>> {
    let declare = |(place, &(name, table)): (usize, &(&'t At<String>, &'t ServiceTable))| {
        let declared = Declared {
            port: port(table),
            named: named_ports(table),
            external: is_external(table),
            task: place >= first_task,
            chosen: true,
            contained: is_contained(table),
        };
        (name.value.as_str(), declared)
    };
    services.iter().enumerate().map(declare).collect()
}

fn port(table: &ServiceTable) -> Option<Port> {
    let first = || named_ports(table).first().map(|(_, port)| port);
    number(table.port.as_ref().or_else(first)?)
}

fn number(port: &At<Whole<1, 65_535>>) -> Option<Port> {
    Port::new(u16::try_from(port.value.0).ok()?)
}

/// Returns the named ports of a service, in the order of the file.
fn named_ports(table: &ServiceTable) -> &[NamedPort] {
    table.ports.as_ref().map_or(&[], |ports| &ports.value.0)
}

/// Returns the names of the services that a service needs.
fn needs(table: &ServiceTable) -> impl Iterator<Item = &str> {
    let needs = table.needs.as_ref().or(table.depends_on.as_ref());
    let needs = needs.into_iter().flat_map(|needs| needs.value.items());
    needs.map(|(name, _)| name.value.as_str())
}

fn is_external(table: &ServiceTable) -> bool {
    table
        .external
        .as_ref()
        .is_some_and(|external| external.value)
}

fn is_contained(table: &ServiceTable) -> bool {
    table.compose.is_some() || table.container.is_some()
}

/// Returns the name of the folder, as far as it is a valid name.
fn name_of(directory: &Path) -> String {
    let folder = directory.file_name().unwrap_or_default().to_string_lossy();
    let fit = |c: char| {
        if c.is_ascii_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '-'
        }
    };
    let name: String = folder.chars().map(fit).take(LONGEST_NAME).collect();
    let name = name.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    if name.is_empty() { "stack" } else { name }.to_owned()
}

/// The maximum length of a name, which becomes part of file names.
const LONGEST_NAME: usize = 64;

impl<'a> Meaning<'a, '_> {
    fn stack_name(&mut self, name: &At<String>) -> Read<String> {
        let text = self.plain(name)?;
        let ends_well = text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.ends_with(|c: char| c.is_ascii_alphanumeric());
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_. ".contains(c);
        if ends_well && text.len() <= LONGEST_NAME && text.chars().all(fits) {
            return Ok(text);
        }
        let bad_name = ProblemKind::BadName {
            value: shown(&name.value),
            what: "the name of a stack",
            rule: "a stack's name is made of ASCII letters, digits, `-`, `_`, `.` and spaces, begins and ends with a letter or digit, and has at most 64 characters",
        };
        Err(self.problems.add(name.span.clone(), bad_name))
    }

    /// Validates the names in profiles.
    fn profiles(&mut self, profiles: &[&(At<String>, ProfileTable)]) -> Read<()> {
        all(profiles.iter().map(|(name, profile)| {
            self.name(name, "the name of a profile")?;
            let overrides = profile.service.iter().flat_map(|overrides| &overrides.0);
            let names = profile.services.iter().flatten();
            all(names
                .chain(overrides.map(|(name, _)| name))
                .map(|name| self.reference(name).map(|_| ())))
        }))
    }

    /// Marks the services of the chosen profiles, with all that they depend on. A profile without
    /// `services` chooses none by itself.
    fn choose(
        &mut self,
        profiles: &[&(At<String>, ProfileTable)],
        services: &[(&At<String>, &ServiceTable)],
    ) {
        let default = [DEFAULT_PROFILE.to_owned()];
        let chosen = match &self.bundle.profiles[..] {
            [] => &default[..],
            chosen => chosen,
        };
        let lists = profiles
            .iter()
            .filter(|(name, _)| chosen.contains(&name.value))
            .filter_map(|(_, profile)| profile.services.as_ref());
        let lists: Vec<_> = lists.collect();
        if lists.is_empty() {
            return;
        }
        let tables: BTreeMap<&str, &ServiceTable> = services
            .iter()
            .map(|&(name, table)| (name.value.as_str(), table))
            .collect();
        let mut left: Vec<&str> = lists
            .into_iter()
            .flatten()
            .map(|name| &*name.value)
            .collect();
        let mut kept = BTreeSet::new();
        while let Some(name) = left.pop() {
            let Some(table) = tables.get(name).filter(|_| kept.insert(name)) else {
                continue;
            };
            left.extend(needs(table));
        }
        // Tasks stay that need nothing else. One may need another.
        loop {
            let before = kept.len();
            for (name, _) in self.services.iter().filter(|(_, it)| it.task) {
                let mut needed = tables.get(name).into_iter().flat_map(|table| needs(table));
                if needed.all(|need| kept.contains(need)) {
                    kept.insert(name);
                }
            }
            if kept.len() == before {
                break;
            }
        }
        for (name, declared) in &mut self.services {
            declared.chosen = kept.contains(name);
        }
    }

    /// Returns the folder that the relative paths of a value start at: that of its file.
    fn folder_of<T>(&self, value: &At<T>) -> &Path {
        let file = &self.bundle.part_at(value.span.start).path;
        file.parent().unwrap_or(Path::new(""))
    }

    /// Invalid names are reported before they are used, since messages show them as they are.
    fn service_names(&mut self, services: &[(&At<String>, &ServiceTable)]) -> Read<()> {
        let mut seen = BTreeMap::new();
        all(services.iter().map(|(name, _)| {
            self.name(name, "the name of a service")?;
            let text = name.value.as_str();
            let Some(other) = seen.insert(text.to_ascii_lowercase(), *name) else {
                return Ok(());
            };
            let alike = ProblemKind::NamesAlike {
                name: text.into(),
                other: other.value.as_str().into(),
            };
            let earlier = vec![(other.span.clone(), "the earlier one".to_owned())];
            Err(self.problems.add_with(name.span.clone(), alike, earlier))
        }))
    }

    fn name(&mut self, name: &At<String>, what: &'static str) -> Read<()> {
        let text = name.value.as_str();
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let begins_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if begins_well && text.len() <= LONGEST_NAME && text.chars().all(fits) {
            return Ok(());
        }
        let bad_name = ProblemKind::BadName {
            value: shown(text),
            what,
            rule: "such a name is made of ASCII letters, digits, `-` and `_`, begins with a letter or digit, and has at most 64 characters",
        };
        Err(self.problems.add(name.span.clone(), bad_name))
    }

    /// Returns the service with this name.
    fn reference(&mut self, name: &At<String>) -> Read<(ServiceName, Declared<'a>)> {
        if let Some(declared) = self.services.get(name.value.as_str()) {
            return Ok((name.value.as_str().into(), *declared));
        }
        if self.problems.is_full() {
            return Err(Reported);
        }
        let unknown = ProblemKind::UnknownService {
            name: shown(&name.value),
            suggestion: self.nearest_service(&name.value),
            known: self
                .services
                .keys()
                .take(10)
                .map(|name| shown(name))
                .collect(),
        };
        Err(self.problems.add(name.span.clone(), unknown))
    }

    fn nearest_service(&self, name: &str) -> Option<String> {
        nearest(name, self.services.keys().copied())
    }
}
