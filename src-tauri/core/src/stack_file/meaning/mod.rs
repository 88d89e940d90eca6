//! Converts tables to a [`Stack`] and validates names, references between services, placeholders
//! and addresses. Runs only on a file with valid tables, so that nothing is reported twice.

mod address;
mod check;
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
};

use crate::{
    env::Env,
    stack::{Port, ServiceName, Stack},
};

use super::{
    findings::{Problems, Read, Reported, all},
    near::{nearest, shown},
    problem::ProblemKind,
    reader::At,
    tables::{ServiceTable, StackTable, TaskTable},
};

/// The context of the conversion.
struct Meaning<'a, 't> {
    /// The folder that relative paths start at.
    directory: &'a Path,
    environment: &'a Env,
    problems: &'a mut Problems<'t>,
    /// Every service of the file.
    services: BTreeMap<&'a str, Declared>,
    /// The names that earlier checks save.
    saved: BTreeSet<String>,
}

/// The facts about a service that other services may refer to.
#[derive(Clone, Copy)]
struct Declared {
    port: Option<Port>,
    external: bool,
    task: bool,
}

/// Returns the stack in these tables.
pub(super) fn stack(
    file: &Path,
    table: &StackTable,
    environment: &Env,
    problems: &mut Problems<'_>,
) -> Read<Stack> {
    let directory = file.parent().unwrap_or(Path::new(""));
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
        directory,
        environment,
        problems,
        services: declared(&services, first_task),
        saved: BTreeSet::new(),
    };
    let name = match &table.name {
        Some(name) => meaning.stack_name(name),
        None => Ok(name_of(directory)),
    };
    meaning.service_names(&services)?;
    let made = all(services
        .iter()
        .map(|(name, table)| meaning.service(name, table)));
    graph::check(&services, meaning.problems);
    Ok(Stack {
        name: name?,
        file: file.to_owned(),
        mode: table.mode.unwrap_or_default(),
        services: made?,
        ports: table.ports.unwrap_or_default(),
        slot: None,
        declared: BTreeMap::new(),
    })
}

fn declared<'t>(
    services: &[(&'t At<String>, &'t ServiceTable)],
    first_task: usize,
) -> BTreeMap<&'t str, Declared> {
    let declare = |(place, (name, table)): (usize, &(&'t At<String>, &'t ServiceTable))| {
        let declared = Declared {
            port: port(table),
            external: is_external(table),
            task: place >= first_task,
        };
        (name.value.as_str(), declared)
    };
    services.iter().enumerate().map(declare).collect()
}

fn port(table: &ServiceTable) -> Option<Port> {
    let number = u16::try_from(table.port.as_ref()?.value.0).ok()?;
    Port::new(number)
}

fn is_external(table: &ServiceTable) -> bool {
    table
        .external
        .as_ref()
        .is_some_and(|external| external.value)
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

impl Meaning<'_, '_> {
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

    /// Invalid names are reported before they are used, since messages show them as they are.
    fn service_names(&mut self, services: &[(&At<String>, &ServiceTable)]) -> Read<()> {
        let mut seen = BTreeMap::new();
        all(services.iter().map(|(name, _)| {
            self.service_name(name)?;
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

    fn service_name(&mut self, name: &At<String>) -> Read<()> {
        let text = name.value.as_str();
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let begins_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if begins_well && text.len() <= LONGEST_NAME && text.chars().all(fits) {
            return Ok(());
        }
        let bad_name = ProblemKind::BadName {
            value: shown(text),
            what: "the name of a service",
            rule: "a service's name is made of ASCII letters, digits, `-` and `_`, begins with a letter or digit, and has at most 64 characters",
        };
        Err(self.problems.add(name.span.clone(), bad_name))
    }

    /// Returns the service with this name.
    fn reference(&mut self, name: &At<String>) -> Read<(ServiceName, Declared)> {
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
