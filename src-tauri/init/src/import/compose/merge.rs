//! Overrides of compose files, and services that extend others.

use super::super::{
    source_file::SourceFile,
    tree::{Node, Value, yaml},
};
use crate::detect::{Listing, has_word};

/// Lists under these keys are appended. Tables are merged, and all other values are replaced.
const ADDED: &str = "ports expose volumes env_file environment extra_hosts tmpfs depends_on";

/// Merges a tree into another one, which it overrides.
pub(in crate::import) fn over(below: &mut Node, above: Node) {
    lay(below, above, "");
}

fn lay(below: &mut Node, above: Node, under: &str) {
    match (&mut below.value, above.value) {
        (Value::Table(entries), Value::Table(others)) => {
            for (key, node) in others {
                match entries.iter_mut().find(|(own, _)| own.name == key.name) {
                    Some((own, place)) => lay(place, node, &own.name),
                    None => entries.push((key, node)),
                }
            }
        }
        (Value::List(items), Value::List(others)) if has_word(ADDED, under) => items.extend(others),
        // The key has two notations.
        (Value::List(_), value @ Value::Table(_)) | (Value::Table(_), value @ Value::List(_))
            if has_word(ADDED, under) =>
        {
            let line = above.line;
            let above = Node { line, value }.pairs();
            below.value = Value::Table(below.pairs());
            lay(
                below,
                Node {
                    line,
                    value: Value::Table(above),
                },
                under,
            );
        }
        (place, value) => {
            *place = value;
            below.line = above.line;
        }
    }
}

/// Merges a service into the services that it extends.
pub(super) fn extended(
    service: &Node,
    tree: &Node,
    page: &mut SourceFile,
    listing: &Listing,
    depth: usize,
) -> Node {
    let Some(extends) = service.get("extends") else {
        return service.clone();
    };
    let name = extends.text().or_else(|| extends.get("service")?.text());
    let file = extends.get("file").and_then(Node::text);
    let other = match file.and_then(|file| page.path(file)) {
        None => Some(tree.clone()),
        Some(path) if path == page.file => Some(tree.clone()),
        Some(path) => listing.text(&path).and_then(|text| yaml(text).ok()),
    };
    let base = other
        .as_ref()
        .and_then(|tree| tree.at(&["services", name?]));
    let (Some(base), true) = (base, depth < 8) else {
        page.leave_out(
            extends.line,
            format!("extends = {}", extends.shown()),
            "the extended service was not found",
        );
        return service.clone();
    };
    let tree = other.as_ref().unwrap_or(tree);
    let mut base = extended(base, tree, page, listing, depth + 1);
    if let Value::Table(entries) = &mut base.value {
        // A service does not inherit dependencies.
        entries.retain(|(key, _)| key.name != "depends_on" && key.name != "extends");
    }
    over(&mut base, service.clone());
    base
}
