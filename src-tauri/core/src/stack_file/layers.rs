//! Merges the files of a stack, table by table: included files, the stack file, the local file, and
//! the chosen profiles. Then merges services with the ones that they extend.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use crate::stack::DEFAULT_PROFILE;

use super::{
    bundle::{Bundle, Included},
    findings::{Problems, Read, Reported},
    near::shown,
    problem::ProblemKind,
    reader::Value,
    syntax,
};

/// The tables whose keys are names to which other tables refer.
const NAMED: [&str; 3] = ["service", "template", "task"];
/// The keys whose values are such names.
const REFERENCES: [&str; 5] = ["needs", "depends_on", "extends", POINTS, "services"];
const POINTS: &str = "env_points_at";
/// The keys that are ignored in an included file.
const OWN: [&str; 6] = ["$schema", "name", "mode", "ports", "include", "profile"];

/// Returns the merged tree of all files.
pub(super) fn tree<'a>(bundle: &Bundle, problems: &mut Problems<'a>) -> Read<Value<'a>> {
    let mut files = Vec::new();
    for part in &bundle.parts {
        // All files are parsed, so that the problems of each are reported.
        files.push(syntax::tree(part.range.clone(), problems));
    }
    let files = files.into_iter().collect::<Read<Vec<_>>>()?;
    let mut layers = Layers {
        bundle,
        files,
        included: 0,
    };
    let mut tree = layers.file(0, &mut Vec::new(), problems)?;
    if let Some(local) = bundle.local() {
        let local = layers.file(local, &mut Vec::new(), problems)?;
        overlay(&mut tree, local);
    }
    choose(&mut tree, &bundle.profiles, problems)?;
    extend(&mut tree, problems)?;
    Ok(tree)
}

struct Layers<'b, 'a> {
    bundle: &'b Bundle,
    files: Vec<Value<'a>>,
    /// The number of includes so far.
    included: usize,
}

/// The maximum number of includes. A file counts each time that it is included.
const MOST_INCLUDES: usize = 128;
/// The maximum number of values that all services together inherit.
const MOST_EXTENDED: usize = 1_000_000;
/// The maximum length of a chain of services that extend each other.
const LONGEST_WAY: usize = 32;

impl<'a> Layers<'_, 'a> {
    /// Returns a file merged over those that it includes. `way` contains the files that include
    /// this one.
    fn file(
        &mut self,
        number: usize,
        way: &mut Vec<usize>,
        problems: &mut Problems<'a>,
    ) -> Read<Value<'a>> {
        let own = self.files[number].clone();
        let Some(include) = own.get_ref().get("include") else {
            return Ok(own);
        };
        let items = include.get_ref().as_array();
        let items = items.map(|items| items.iter()).into_iter().flatten();
        let mut files = self.bundle.parts[number].includes.iter();
        let mut below = Spanned::new(own.span(), DeValue::Table(DeTable::new()));
        way.push(number);
        for item in items {
            let (path, prefix) = match item.get_ref() {
                DeValue::Table(table) => (table.get("file"), table.get("prefix")),
                _ => (Some(item), None),
            };
            // The reader reports a value of another type.
            let Some(path) = path.and_then(|path| path.get_ref().as_str()) else {
                files.next();
                continue;
            };
            let path = shown(path);
            let problem = match files.next() {
                Some(Included::File(file)) if way.contains(file) => {
                    ProblemKind::IncludesItself(path)
                }
                Some(_) if self.included == MOST_INCLUDES => ProblemKind::NotIncluded {
                    path,
                    reason: format!("a stack has at most {MOST_INCLUDES} includes"),
                },
                Some(Included::File(file)) => {
                    self.included += 1;
                    let mut file = self.file(*file, way, problems)?;
                    if let DeValue::Table(table) = file.get_mut() {
                        for key in OWN {
                            table.remove(key);
                        }
                    }
                    if let Some(prefix) = prefix.and_then(|prefix| prefix.get_ref().as_str()) {
                        file = Prefix::of(prefix, &file).rename(file, false);
                    }
                    overlay(&mut below, file);
                    continue;
                }
                Some(Included::Failed(reason)) => ProblemKind::NotIncluded {
                    path,
                    reason: reason.clone(),
                },
                None => ProblemKind::NotIncluded {
                    path,
                    reason: "it was not read".to_owned(),
                },
            };
            return Err(problems.add(item.span(), problem));
        }
        way.pop();
        overlay(&mut below, own);
        Ok(below)
    }
}

/// Merges a value over another. Tables are merged; any other value replaces the lower one.
fn overlay<'a>(below: &mut Value<'a>, above: Value<'a>) {
    if !matches!(
        (below.get_ref(), above.get_ref()),
        (DeValue::Table(_), DeValue::Table(_))
    ) {
        *below = above;
        return;
    }
    if let (DeValue::Table(below), DeValue::Table(above)) = (below.get_mut(), above.into_inner()) {
        for (key, value) in above {
            match below.get_mut(key.get_ref().as_ref()) {
                Some(known) => overlay(known, value),
                None => drop(below.insert(key, value)),
            }
        }
    }
}

/// The prefix for the names of an included file.
struct Prefix<'p> {
    prefix: &'p str,
    names: BTreeSet<String>,
}

impl<'p> Prefix<'p> {
    fn of(prefix: &'p str, file: &Value<'_>) -> Self {
        let tables = NAMED.iter().filter_map(|table| file.get_ref().get(*table));
        let tables = tables.filter_map(|table| table.get_ref().as_table());
        let names = tables.flat_map(|table| table.keys());
        Self {
            prefix,
            names: names.map(|name| name.get_ref().to_string()).collect(),
        }
    }

    /// Returns a value with its names renamed. If `refers`, its strings are names of other tables.
    fn rename<'a>(&self, value: Value<'a>, refers: bool) -> Value<'a> {
        let span = value.span();
        let renamed = match value.into_inner() {
            DeValue::String(text) => DeValue::String(self.in_text(text, refers)),
            DeValue::Array(items) => {
                let items = items.into_iter().map(|item| self.rename(item, refers));
                DeValue::Array(items.collect())
            }
            DeValue::Table(table) => {
                let items = table.into_iter().map(|(key, value)| {
                    let name = key.get_ref().as_ref();
                    let is_reference = REFERENCES.contains(&name);
                    // The keys of `env_points_at` are variables, not names.
                    let has_names = NAMED.contains(&name) || is_reference && name != POINTS;
                    let value = self.rename(value, refers || is_reference);
                    (key, if has_names { self.keys(value) } else { value })
                });
                DeValue::Table(items.collect())
            }
            other => other,
        };
        Spanned::new(span, renamed)
    }

    /// Renames the keys of a table.
    fn keys<'a>(&self, value: Value<'a>) -> Value<'a> {
        let span = value.span();
        let renamed = match value.into_inner() {
            DeValue::Table(table) => {
                let items = table.into_iter().map(|(key, value)| {
                    let (span, name) = (key.span(), key.into_inner());
                    (Spanned::new(span, self.in_text(name, true)), value)
                });
                DeValue::Table(items.collect())
            }
            other => other,
        };
        Spanned::new(span, renamed)
    }

    fn in_text<'a>(&self, text: Cow<'a, str>, refers: bool) -> Cow<'a, str> {
        let task = text.strip_prefix("task:");
        if refers && self.names.contains(text.as_ref()) {
            return format!("{}{text}", self.prefix).into();
        }
        if let Some(task) = task.filter(|task| self.names.contains(*task)) {
            return format!("task:{}{task}", self.prefix).into();
        }
        let is_used = |name: &&String| text.contains(&format!("{{{name}."));
        let used: Vec<&String> = self.names.iter().filter(is_used).collect();
        if used.is_empty() {
            return text;
        }
        let renamed = used.iter().fold(text.into_owned(), |text, name| {
            text.replace(&format!("{{{name}."), &format!("{{{}{name}.", self.prefix))
        });
        renamed.into()
    }
}

/// Merges the chosen profiles over the services.
fn choose<'a>(tree: &mut Value<'a>, chosen: &[String], problems: &mut Problems<'a>) -> Read<()> {
    let profiles = tree.get_ref().get("profile").cloned();
    let table = profiles.as_ref().and_then(|it| it.get_ref().as_table());
    let chosen = match chosen {
        [] => &[DEFAULT_PROFILE.to_owned()][..],
        chosen => chosen,
    };
    let mut result = Ok(());
    for name in chosen {
        let Some(profile) = table.and_then(|table| table.get(name.as_str())) else {
            if name != DEFAULT_PROFILE {
                let names = table.into_iter().flat_map(|table| table.keys());
                let names = names.map(|name| name.get_ref().as_ref());
                let names = names.chain([DEFAULT_PROFILE]).collect();
                let place = profiles.as_ref().map_or(0..0, Spanned::span);
                let unknown = ProblemKind::unknown("profile", name, names);
                result = Err(problems.add(place, unknown));
            }
            continue;
        };
        let overrides = profile.get_ref().get("service").cloned();
        if let (Some(overrides), Some(services)) = (overrides, services(tree)) {
            // A service that does not exist is reported by `meaning`.
            if let DeValue::Table(overrides) = overrides.into_inner() {
                for (name, value) in overrides {
                    if let Some(service) = services.get_mut(name.get_ref().as_ref()) {
                        overlay(service, value);
                    }
                }
            }
        }
    }
    result
}

fn services<'t, 'a>(tree: &'t mut Value<'a>) -> Option<&'t mut DeTable<'a>> {
    let DeValue::Table(root) = tree.get_mut() else {
        return None;
    };
    match root.get_mut("service")?.get_mut() {
        DeValue::Table(services) => Some(services),
        _ => None,
    }
}

/// Merges each service over the templates and services that it extends.
fn extend<'a>(tree: &mut Value<'a>, problems: &mut Problems<'a>) -> Read<()> {
    let templates = tree.get_ref().get("template");
    let templates = templates.and_then(|templates| templates.get_ref().as_table());
    let templates = templates.cloned().unwrap_or_default();
    let Some(services) = services(tree) else {
        return Ok(());
    };
    let mut extension = Extension {
        templates,
        services: services.clone(),
        whole: BTreeMap::new(),
        copied: 0,
    };
    let mut result = Ok(());
    for (name, service) in services.iter_mut() {
        let mut way = vec![name.get_ref().to_string()];
        match extension.whole(service.clone(), &mut way, problems) {
            Ok(whole) => *service = whole,
            Err(reported) => result = Err(reported),
        }
    }
    result
}

struct Extension<'a> {
    templates: DeTable<'a>,
    services: DeTable<'a>,
    /// The merged tables, by name.
    whole: BTreeMap<String, Value<'a>>,
    /// The number of values copied so far.
    copied: usize,
}

impl<'a> Extension<'a> {
    /// Returns a table merged over those that it extends. `way` contains the names that extend this
    /// one.
    fn whole(
        &mut self,
        own: Value<'a>,
        way: &mut Vec<String>,
        problems: &mut Problems<'a>,
    ) -> Read<Value<'a>> {
        let Some(bases) = own.get_ref().get("extends").cloned() else {
            return Ok(own);
        };
        let bases = match bases.get_ref() {
            DeValue::Array(items) => items.to_vec(),
            _ => vec![bases],
        };
        let mut below = Spanned::new(own.span(), DeValue::Table(DeTable::new()));
        for base in &bases {
            // The reader reports a value of another type.
            let Some(name) = base.get_ref().as_str() else {
                continue;
            };
            let known = self.templates.get(name).or_else(|| self.services.get(name));
            let Some(known) = known else {
                let names = self.templates.keys().chain(self.services.keys());
                let names = names.map(|name| name.get_ref().as_ref()).collect();
                let unknown = ProblemKind::unknown("template or service", name, names);
                return Err(problems.add(base.span(), unknown));
            };
            if way.iter().any(|on_way| on_way == name) {
                let itself = ProblemKind::ExtendsItself(shown(name));
                return Err(problems.add(base.span(), itself));
            }
            if problems.is_full() {
                return Err(Reported);
            }
            if way.len() == LONGEST_WAY || self.copied > MOST_EXTENDED {
                let too_deep = ProblemKind::TooDeep { limit: LONGEST_WAY };
                return Err(problems.add(base.span(), too_deep));
            }
            let known = if let Some(whole) = self.whole.get(name) {
                whole.clone()
            } else {
                let known = known.clone();
                way.push(name.to_owned());
                let whole = self.whole(known, way, problems)?;
                way.pop();
                self.whole.insert(name.to_owned(), whole.clone());
                whole
            };
            self.copied += size(known.get_ref());
            overlay(&mut below, known);
        }
        overlay(&mut below, own);
        Ok(below)
    }
}

/// Returns the number of values inside a value.
fn size(value: &DeValue<'_>) -> usize {
    let sizes = |value: &Value<'_>| size(value.get_ref());
    1 + match value {
        DeValue::Table(table) => table.values().map(sizes).sum(),
        DeValue::Array(items) => items.iter().map(sizes).sum::<usize>(),
        _ => 0,
    }
}
