//! The meaning of the keys of other tools' files, from `tools.toml`.

use std::{collections::BTreeMap, sync::LazyLock};

use pilotlight::stack::Restart;
use serde::Deserialize;

/// The meaning of the keys of one tool.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Schema {
    pub(super) noun: String,
    pub(super) services: String,
    pub(super) notation: Notation,
    /// The reason why a value is unknown.
    pub(super) unknown: String,
    /// Whether the tool reads `.env` by itself.
    pub(super) reads_env_file: bool,
    /// The meaning of `true` for a restart.
    pub(super) restart: Restart,
    pub(super) instead: BTreeMap<String, String>,
    pub(super) interpreters: BTreeMap<String, String>,
    pub(super) top: Keys,
    pub(super) keys: Keys,
}

pub(super) type Keys = BTreeMap<String, Meaning>;

/// The notation of variables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Notation {
    /// No variables.
    #[default]
    Plain,
    Compose,
    VsCode,
}

/// The field that a key sets, or the reason why the key is left out.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Meaning {
    Field(Field),
    LeftOut(String),
}

/// A part of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Field {
    Args,
    Background,
    Directory,
    Disabled,
    Env,
    EnvFile,
    Ignored,
    Instances,
    Interpreter,
    /// A line for a shell, or a list of words.
    Line,
    Module,
    Needs,
    OptionalEnvFile,
    Options,
    Port,
    Program,
    ReadyCommand,
    ReadyEvery,
    ReadyFailures,
    ReadyMatcher,
    ReadyPattern,
    ReadyPort,
    ReadyRequest,
    ReadyText,
    ReadyTimeout,
    ReadyUrl,
    Restart,
    /// A script of `package.json`.
    Script,
    StopCommand,
    StopMilliseconds,
    StopSignal,
    StopTimeout,
}

pub(super) static SCHEMAS: LazyLock<BTreeMap<String, Schema>> =
    LazyLock::new(|| crate::import::table(include_str!("../tools.toml")));
pub(super) const IGNORED: &Meaning = &Meaning::Field(Field::Ignored);

/// Returns the meaning of a key: by its name, or by the longest pattern that matches.
pub(super) fn meaning<'k>(keys: &'k Keys, path: &str) -> &'k Meaning {
    let matching = keys.iter().filter(|(key, _)| {
        let start = key.strip_suffix('*');
        start.is_some_and(|start| path.starts_with(start))
    });
    let pattern = matching.max_by_key(|(key, _)| key.len());
    keys.get(path)
        .or(pattern.map(|(_, meaning)| meaning))
        .unwrap_or(IGNORED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_field_or_a_reason() {
        assert_eq!(SCHEMAS.len(), 5);
        for schema in SCHEMAS.values() {
            for (key, meaning) in schema.keys.iter().chain(&schema.top) {
                if let Meaning::LeftOut(why) = meaning {
                    assert!(why.contains(' '), "{key} = {why}");
                }
            }
        }
    }
}
