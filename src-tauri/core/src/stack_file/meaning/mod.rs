//! Converts tables to a [`Stack`]. Validates names, references between services, placeholders and
//! addresses. Runs only on a file with valid tables, so that nothing is reported twice.

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
    forms::NeedsForm,
    near::{nearest, shown},
    problem::ProblemKind,
    reader::{At, Named, PortNumber, Table},
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
type NamedPort = (At<String>, At<PortNumber>);

/// The facts about a service to which other services may refer.
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
    /// Whether it is part of the chosen profiles.
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
    let services = entries(table.service.as_ref()).map(|(name, table)| (name, table));
    let tasks = entries(table.task.as_ref());
    let tasks = tasks.map(|(name, TaskTable(table))| (name, table));
    let mut services: Vec<_> = services.collect();
    let first_task = services.len();
    services.extend(tasks);
    if services.is_empty() {
        let whole = table.span("service").cloned();
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
    let profiles = || entries(table.profile.as_ref());
    meaning.profiles(profiles())?;
    meaning.choose(profiles(), &services);
    let context = table.docker_context.as_ref();
    meaning.docker_context =
        meaning.maybe(context, |it, name| it.plain_not_empty(name, "a context"))?;
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
        profiles: profiles().map(|(name, _)| name.value.clone()).collect(),
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
    Some(table.port.as_ref().or_else(first)?.value.0)
}

/// Returns the named ports of a service, in the order of the file.
fn named_ports(table: &ServiceTable) -> &[NamedPort] {
    table.ports.as_ref().map_or(&[], |ports| &ports.0)
}

/// Returns the names of the services that a service needs.
fn needs(table: &ServiceTable) -> impl Iterator<Item = &At<String>> {
    let needs = table.needs.as_ref().or(table.depends_on.as_ref());
    let needs = needs.into_iter().flat_map(NeedsForm::items);
    needs.map(|(name, _)| name)
}

/// Returns the entries of a table with arbitrary keys, in the order of the file.
fn entries<T>(table: Option<&Named<T>>) -> impl Iterator<Item = &(At<String>, T)> {
    table.into_iter().flat_map(|table| &table.0)
}

fn is_external(table: &ServiceTable) -> bool {
    table.external == Some(true)
}

fn is_contained(table: &ServiceTable) -> bool {
    table.compose.is_some() || table.container.is_some()
}

/// Returns the name of the folder, with `-` instead of invalid characters.
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
    /// Reports a problem with a value.
    fn wrong<V, T>(&mut self, at: &At<V>, problem: ProblemKind) -> Read<T> {
        Err(self.problems.add(at.span.clone(), problem))
    }

    fn bad_name<T>(&mut self, at: &At<String>, what: &'static str, rule: &'static str) -> Read<T> {
        let value = shown(&at.value);
        self.wrong(at, ProblemKind::BadName { value, what, rule })
    }

    /// Reports the keys of this list that a table has.
    fn without_effect(&mut self, table: &impl Table, keys: &[&'static str], reason: &'static str) {
        for key in keys {
            if let Some(span) = table.span(key) {
                let no_effect = ProblemKind::NoEffect { key, reason };
                self.problems.add(span.clone(), no_effect);
            }
        }
    }

    /// Fails if a table has two keys that exclude each other.
    fn exclusive(
        &mut self,
        table: &impl Table,
        first: &'static str,
        second: &'static str,
    ) -> Read<()> {
        let (Some(span), Some(other)) = (table.span(first), table.span(second)) else {
            return Ok(());
        };
        let conflict = ProblemKind::Conflict { first, second };
        let others = vec![(other.clone(), "the other".to_owned())];
        Err(self.problems.add_with(span.clone(), conflict, others))
    }

    /// Converts a value, if present.
    fn maybe<V, T>(
        &mut self,
        value: Option<&V>,
        convert: impl FnOnce(&mut Self, &V) -> Read<T>,
    ) -> Read<Option<T>> {
        value.map(|value| convert(self, value)).transpose()
    }

    fn stack_name(&mut self, name: &At<String>) -> Read<String> {
        let text = self.plain(name)?;
        let ends_well = text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.ends_with(|c: char| c.is_ascii_alphanumeric());
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_. ".contains(c);
        if ends_well && text.len() <= LONGEST_NAME && text.chars().all(fits) {
            return Ok(text);
        }
        let rule = "a stack's name is made of ASCII letters, digits, `-`, `_`, `.` and spaces, begins and ends with a letter or digit, and has at most 64 characters";
        self.bad_name(name, "the name of a stack", rule)
    }

    /// Validates the names of services in profiles.
    fn profiles<'p>(
        &mut self,
        profiles: impl Iterator<Item = &'p (At<String>, ProfileTable)>,
    ) -> Read<()> {
        all(profiles.map(|(name, profile)| {
            self.name(name, "the name of a profile")?;
            let overrides = entries(profile.service.as_ref()).map(|(name, _)| name);
            let names = profile.services.iter().flatten().chain(overrides);
            all(names.map(|name| self.reference(name).map(|_| ())))
        }))
    }

    /// Marks the services of the chosen profiles with all their dependencies. A profile without
    /// `services` adds none.
    fn choose<'p>(
        &mut self,
        profiles: impl Iterator<Item = &'p (At<String>, ProfileTable)>,
        services: &[(&At<String>, &ServiceTable)],
    ) {
        let default = [DEFAULT_PROFILE.to_owned()];
        let chosen = match &self.bundle.profiles[..] {
            [] => &default[..],
            chosen => chosen,
        };
        let lists = profiles
            .filter(|(name, _)| chosen.contains(&name.value))
            .filter_map(|(_, profile)| profile.services.as_ref());
        let lists: Vec<_> = lists.collect();
        if lists.is_empty() {
            return;
        }
        let tables = services.iter();
        let tables = tables.map(|&(name, table)| (name.value.as_str(), table));
        let tables: BTreeMap<&str, &ServiceTable> = tables.collect();
        let left = lists.into_iter().flatten();
        let mut left: Vec<&str> = left.map(|name| &*name.value).collect();
        let mut kept = BTreeSet::new();
        while let Some(name) = left.pop() {
            let Some(table) = tables.get(name).filter(|_| kept.insert(name)) else {
                continue;
            };
            left.extend(needs(table).map(|name| name.value.as_str()));
        }
        // Tasks that need no other service stay, including those that need another such task.
        loop {
            let before = kept.len();
            for (name, _) in self.services.iter().filter(|(_, it)| it.task) {
                let mut needed = tables.get(name).into_iter().flat_map(|table| needs(table));
                if needed.all(|need| kept.contains(need.value.as_str())) {
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

    /// Returns the folder for the relative paths of a value: that of its file.
    fn folder_of<T>(&self, value: &At<T>) -> &Path {
        let file = &self.bundle.part_at(value.span.start).path;
        file.parent().unwrap_or(Path::new(""))
    }

    /// Validates the names of services. Runs before they are used, since messages show them
    /// unchanged.
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
        let rule = "such a name is made of ASCII letters, digits, `-` and `_`, begins with a letter or digit, and has at most 64 characters";
        self.bad_name(name, what, rule)
    }

    /// Returns the service with this name.
    fn reference(&mut self, name: &At<String>) -> Read<(ServiceName, Declared<'a>)> {
        if let Some(declared) = self.services.get(name.value.as_str()) {
            return Ok((name.value.as_str().into(), *declared));
        }
        if self.problems.is_full() {
            return Err(Reported);
        }
        let known = self.services.keys().take(10);
        let unknown = ProblemKind::UnknownService {
            name: shown(&name.value),
            suggestion: self.nearest_service(&name.value),
            known: known.map(|name| shown(name)).collect(),
        };
        self.wrong(name, unknown)
    }

    fn nearest_service(&self, name: &str) -> Option<String> {
        nearest(name, self.services.keys().copied())
    }
}
