//! Adds the new services of a draft to a stack file, and keeps every byte of it.

use std::{collections::BTreeMap, path::Path};

use super::{Draft, DraftService, LeftOut, render::service_lines};
use pilotlight::{
    effects::remedy::{Line, change},
    env::Env,
    model::finding::LineChange,
    stack::{Service, Stack},
    stack_file::{self, Report},
};

/// A stack file with additional services.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// The whole text; unchanged if nothing is new.
    pub text: String,
    /// The new lines, with context.
    pub difference: Vec<Line>,
    /// The names of the new services.
    pub added: Vec<String>,
    /// The new services that are not added.
    pub left_out: Vec<LeftOut>,
}

/// The reason why nothing can be added.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// The file is invalid.
    #[error("the stack file is invalid, so nothing can be added to it")]
    Before(#[source] Box<Report>),
    /// The file would become invalid.
    #[error("the stack file would be invalid with these services")]
    After(#[source] Box<Report>),
}

/// Adds the services that the file does not have yet, by name, port, or command and folder. `file` is the absolute
/// path of the text; `environment` sets its variables.
///
/// # Errors
///
/// The file is invalid before or afterwards: a file with its services on one line cannot be extended.
pub fn merge(
    file: &Path,
    text: &str,
    draft: &Draft,
    environment: &Env,
) -> Result<Merged, MergeError> {
    let stack = stack_file::parse(file, text.as_bytes(), environment)
        .map_err(|report| MergeError::Before(Box::new(report)))?;
    let there = draft.services.iter().filter_map(|service| {
        let there = same(&stack, service)?;
        Some((service.name.clone(), there.name.to_string()))
    });
    // Names in the draft, with the names in the file.
    let known: BTreeMap<String, String> = there.collect();
    let mut new = Draft {
        services: draft.services.clone(),
        ..Draft::default()
    };
    new.services.retain(|it| !known.contains_key(&it.name));
    let mut left_out = Vec::new();
    for service in new.services.clone() {
        if let Some(port) = &service.port
            && let Some(holder) = holder(&stack, port.value)
        {
            let why = format!("`{}` in the file uses its port {}", holder.name, port.value);
            left_out.push(service.left_out(why));
            new.remove(&service.name);
        }
    }
    let added = new.services.iter().map(|it| it.name.clone()).collect();
    let mut lines: Vec<String> = Vec::new();
    for service in &mut new.services {
        service.rename_others(&known);
        lines.push(String::new());
        lines.extend(service_lines(service));
    }
    if lines.is_empty() {
        return Ok(Merged {
            text: text.to_owned(),
            difference: Vec::new(),
            added,
            left_out,
        });
    }
    let mut whole = text.to_owned();
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    if !whole.is_empty() && !whole.ends_with('\n') {
        whole.push_str(end);
    }
    whole.extend(lines.iter().flat_map(|line| [line.as_str(), end]));
    stack_file::parse(file, whole.as_bytes(), environment)
        .map_err(|report| MergeError::After(Box::new(report)))?;
    let at_end = LineChange {
        line: text.lines().count() + 1,
        old: Vec::new(),
        new: lines,
    };
    // No line is replaced, so this cannot fail.
    let difference = change(text, &[at_end]).map(|changed| changed.difference);
    Ok(Merged {
        text: whole,
        difference: difference.unwrap_or_default(),
        added,
        left_out,
    })
}

/// Returns the same service in the file, by name or by program.
fn same<'a>(stack: &'a Stack, service: &DraftService) -> Option<&'a Service> {
    let mut services = stack.services.iter().map(|service| &**service);
    let by_name = services
        .clone()
        .find(|there| there.name.as_str().eq_ignore_ascii_case(&service.name));
    by_name.or_else(|| services.find(|there| does_the_same(stack, there, service)))
}

/// Returns whether both have the same folder, and the same port or command.
fn does_the_same(stack: &Stack, there: &Service, service: &DraftService) -> bool {
    let folder = stack.directory().join(service.folder());
    if there.directory.components().ne(folder.components()) {
        return false;
    }
    let port = service.port.as_ref().map(|port| port.value);
    match (there.port, port) {
        (Some(one), Some(other)) => one.number() == other,
        (None, None) => {
            let words = service.command.as_ref().map(|said| said.value.shown());
            let command = there.command.as_ref().map(|command| match command {
                pilotlight::stack::Command::Argv(words) => {
                    let words: Vec<String> = words.iter().map(ToString::to_string).collect();
                    words.join(" ")
                }
                pilotlight::stack::Command::Shell(line) => line.to_string(),
            });
            words.is_some() && words == command
        }
        _ => false,
    }
}

fn holder(stack: &Stack, port: u16) -> Option<&Service> {
    let mut services = stack.services.iter().map(|service| &**service);
    services.find(|there| there.port.is_some_and(|held| held.number() == port))
}
