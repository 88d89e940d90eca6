//! The merged content of a stack's files, key by key, each with its position.

use std::path::Path;

use serde::Serialize;
use toml::de::DeValue;

use super::{
    Bundle, Problems, Report, layers, parse, readable,
    reader::Value,
    report::{Place, place_in},
};
use crate::{
    env::Env,
    fs::redact::{REDACTED, command_line, redact},
};

/// A key of a stack, its value, and its position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ResolvedKey {
    /// The service, for a key of a service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The key, with dots: `ready.http`.
    pub key: String,
    /// The value as TOML, on one line. Secrets are masked.
    pub value: String,
    /// The file.
    pub file: String,
    /// The line.
    pub line: usize,
}

/// Returns every key of the stack in this text (of [`super::whole`]): those of the stack itself, then
/// those of each service of the chosen profiles.
///
/// # Errors
///
/// All problems, as in [`parse`].
pub fn resolved(file: &Path, text: &str, environment: &Env) -> Result<Vec<ResolvedKey>, Report> {
    let stack = parse(file, text.as_bytes(), environment)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let bundle = Bundle::split(file, text.as_bytes());
    let reported = |finding| Report::new(&bundle, text.as_bytes(), finding);
    let utf8 = readable(text.as_bytes(), bundle.size_limit());
    let mut problems = Problems::new(utf8.map_err(|finding| reported(vec![*finding]))?);
    let Ok(tree) = layers::tree(&bundle, &mut problems) else {
        return Err(reported(problems.into_findings()));
    };
    let mut leaves = Vec::new();
    let mut own = Vec::new();
    collect(&tree, "", &mut own);
    let merged = ["include.", "template.", "profile.", "service."];
    own.retain(|(key, _)| key != "include" && !merged.iter().any(|table| key.starts_with(table)));
    leaves.extend(own.into_iter().map(|(key, value)| (None, key, value)));
    for service in &stack.services {
        let name = service.name.as_str();
        let table = tree.get_ref().get("service");
        let Some(table) = table.and_then(|services| services.get_ref().get(name)) else {
            continue;
        };
        let mut own = Vec::new();
        collect(table, "", &mut own);
        own.retain(|(key, _)| key != "extends");
        own.sort_by_key(|(_, value)| value.span().start);
        let own = own.into_iter();
        leaves.extend(own.map(|(key, value)| (Some(name.to_owned()), key, value)));
    }
    let keys = leaves.into_iter().map(|(service, key, value)| {
        let part = bundle.part_at(value.span().start);
        let own = text.get(part.range.clone()).unwrap_or_default();
        let Place { line, .. } = place_in(own, value.span().start - part.range.start);
        ResolvedKey {
            service,
            value: shown(&key, value.get_ref()),
            key,
            file: part.path.display().to_string(),
            line,
        }
    });
    Ok(keys.collect())
}

/// Collects the values that are not tables.
fn collect<'t, 'a>(value: &'t Value<'a>, path: &str, leaves: &mut Vec<(String, &'t Value<'a>)>) {
    match value.get_ref() {
        DeValue::Table(table) if !table.is_empty() => {
            for (key, value) in table {
                let key = written_key(key.get_ref());
                let path = if path.is_empty() {
                    key
                } else {
                    format!("{path}.{key}")
                };
                collect(value, &path, leaves);
            }
        }
        _ => leaves.push((path.to_owned(), value)),
    }
}

/// Returns a value as TOML, without secrets.
fn shown(key: &str, value: &DeValue<'_>) -> String {
    if let DeValue::Array(words) = value {
        let words: Option<Vec<&str>> = words.iter().map(|word| word.get_ref().as_str()).collect();
        let masked = words.map(|words| command_line(&words));
        if let Some(masked) = masked.filter(|masked| masked.contains(REDACTED)) {
            return quoted(&masked);
        }
    }
    let name = key.rsplit('.').next().unwrap_or(key);
    let written = written(value);
    let line = format!("{name}={written}");
    let masked = redact(&line);
    match (value, masked.strip_prefix(name)) {
        _ if *masked == line => written,
        (DeValue::String(_), Some(rest)) => {
            let rest = rest.strip_prefix('=').unwrap_or(rest);
            quoted(rest.trim_matches('"'))
        }
        _ => quoted(REDACTED),
    }
}

fn written(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| written(item.get_ref())).collect();
            format!("[{}]", items.join(", "))
        }
        DeValue::Table(table) => {
            let items = table.iter().map(|(key, value)| {
                format!(
                    "{} = {}",
                    written_key(key.get_ref()),
                    written(value.get_ref())
                )
            });
            let items: Vec<_> = items.collect();
            format!("{{ {} }}", items.join(", "))
        }
    }
}

fn written_key(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if !key.is_empty() && key.chars().all(is_bare) {
        key.to_owned()
    } else {
        quoted(key)
    }
}

/// Returns a text in quotes. JSON escapes are valid in TOML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
