//! Values that have more than one notation.

use schemars::JsonSchema;
use toml::de::DeValue;

use crate::stack::Need;

use super::{
    findings::{Problems, Read},
    problem::ProblemKind,
    reader::{At, FromToml, Named, Value, Whole, wrong_type},
    tables::{HookTable, WatchTable},
};

/// A string as the short form, or the long form.
#[derive(Debug, JsonSchema)]
#[schemars(untagged, inline)]
pub(super) enum TextOr<T> {
    Text(At<String>),
    Full(Box<T>),
}

impl<T: FromToml> FromToml for TextOr<T> {
    const EXPECTED: &'static str = match T::EXPECTED.as_bytes() {
        b"a list" => "a string or a list of strings",
        _ => "a string or a table",
    };

    fn from_toml(value: &Value<'_>, problems: &mut Problems<'_>) -> Read<Self> {
        match (value.get_ref(), T::EXPECTED) {
            (DeValue::String(_), _) => At::from_toml(value, problems).map(Self::Text),
            (DeValue::Array(_), "a list") | (DeValue::Table(_), "a table") => {
                T::from_toml(value, problems).map(Box::new).map(Self::Full)
            }
            _ => wrong_type(value, Self::EXPECTED, problems),
        }
    }
}

/// A command: a string that is split into words, or a list of words.
pub(super) type CommandForm = TextOr<Vec<At<String>>>;

/// Dependencies: a name, names, or names with the state that each must reach.
#[derive(Debug, JsonSchema)]
#[schemars(untagged, inline)]
pub(super) enum NeedsForm {
    One(At<String>),
    List(Vec<At<String>>),
    Table(Named<Need>),
}

impl FromToml for NeedsForm {
    const EXPECTED: &'static str = "a name, a list of names or a table";

    fn from_toml(value: &Value<'_>, problems: &mut Problems<'_>) -> Read<Self> {
        match value.get_ref() {
            DeValue::String(_) => At::from_toml(value, problems).map(Self::One),
            DeValue::Array(_) => Vec::from_toml(value, problems).map(Self::List),
            DeValue::Table(_) => Named::from_toml(value, problems).map(Self::Table),
            _ => wrong_type(value, Self::EXPECTED, problems),
        }
    }
}

impl NeedsForm {
    /// Returns each name with the state that it must reach, if the file sets one.
    pub(super) fn items(&self) -> Vec<(&At<String>, Option<Need>)> {
        match self {
            Self::One(name) => vec![(name, None)],
            Self::List(names) => names.iter().map(|name| (name, None)).collect(),
            Self::Table(needs) => {
                let needs = needs.0.iter();
                needs.map(|(name, need)| (name, Some(*need))).collect()
            }
        }
    }
}

/// Watched files: a pattern, patterns, or a table.
#[derive(Debug, JsonSchema)]
#[schemars(untagged, inline)]
pub(super) enum WatchForm {
    One(At<String>),
    List(Vec<At<String>>),
    Table(Box<WatchTable>),
}

impl FromToml for WatchForm {
    const EXPECTED: &'static str = "a pattern, a list of patterns or a table";

    fn from_toml(value: &Value<'_>, problems: &mut Problems<'_>) -> Read<Self> {
        match value.get_ref() {
            DeValue::String(_) => At::from_toml(value, problems).map(Self::One),
            DeValue::Array(_) => Vec::from_toml(value, problems).map(Self::List),
            DeValue::Table(_) => FromToml::from_toml(value, problems)
                .map(Box::new)
                .map(Self::Table),
            _ => wrong_type(value, Self::EXPECTED, problems),
        }
    }
}

/// A hook: a command, or a table with one.
#[derive(Debug, JsonSchema)]
#[schemars(untagged, inline)]
pub(super) enum HookForm {
    Command(At<CommandForm>),
    Table(HookTable),
}

impl FromToml for HookForm {
    const EXPECTED: &'static str = "a command or a table";

    fn from_toml(value: &Value<'_>, problems: &mut Problems<'_>) -> Read<Self> {
        match value.get_ref() {
            DeValue::Table(_) => FromToml::from_toml(value, problems).map(Self::Table),
            _ => FromToml::from_toml(value, problems).map(Self::Command),
        }
    }
}

/// A status code, or a list of them.
#[derive(Debug, JsonSchema)]
#[schemars(untagged, inline)]
pub(super) enum StatusForm {
    One(Whole<100, 599, u16>),
    List(Vec<Whole<100, 599, u16>>),
}

impl FromToml for StatusForm {
    const EXPECTED: &'static str = "a whole number or a list of them";

    fn from_toml(value: &Value<'_>, problems: &mut Problems<'_>) -> Read<Self> {
        match value.get_ref() {
            DeValue::Integer(_) => Whole::from_toml(value, problems).map(Self::One),
            DeValue::Array(_) => Vec::from_toml(value, problems).map(Self::List),
            _ => wrong_type(value, Self::EXPECTED, problems),
        }
    }
}

impl StatusForm {
    /// Returns the codes.
    pub(super) fn codes(&self) -> Vec<u16> {
        let codes = match self {
            Self::One(code) => std::slice::from_ref(code),
            Self::List(codes) => codes,
        };
        codes.iter().map(|code| code.0).collect()
    }
}

/// Any JSON value. Strings keep their position, since they may contain placeholders.
#[derive(Debug)]
pub(super) enum JsonForm {
    /// A number, true or false.
    Scalar(serde_json::Value),
    /// A string.
    Text(At<String>),
    /// A list.
    List(Vec<JsonForm>),
    /// An object.
    Object(Vec<(String, JsonForm)>),
}

impl FromToml for JsonForm {
    const EXPECTED: &'static str = "a JSON value";

    fn from_toml(value: &Value<'_>, problems: &mut Problems<'_>) -> Read<Self> {
        let scalar = match value.get_ref() {
            DeValue::String(_) => return At::from_toml(value, problems).map(Self::Text),
            DeValue::Array(_) => return Vec::from_toml(value, problems).map(Self::List),
            DeValue::Table(_) => {
                let Named(items) = Named::from_toml(value, problems)?;
                let items = items.into_iter().map(|(key, item)| (key.value, item));
                return Ok(Self::Object(items.collect()));
            }
            DeValue::Boolean(truth) => Ok(serde_json::Value::from(*truth)),
            DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
                .map(serde_json::Value::from)
                .map_err(|_| "whole number of this size"),
            DeValue::Float(float) => float
                .as_str()
                .parse()
                .ok()
                .and_then(serde_json::Number::from_f64)
                .map(serde_json::Value::Number)
                .ok_or("such number"),
            DeValue::Datetime(_) => Err("dates"),
        };
        scalar
            .map(Self::Scalar)
            .map_err(|what| problems.add(value.span(), ProblemKind::NotJson(what)))
    }
}
