//! Reads TOML into typed tables. Each type defines how it is read ([`FromToml`]) and its schema
//! (`JsonSchema`) in one place, so that both stay consistent; [`table!`] generates both for a table
//! from its fields.

use std::{borrow::Cow, ops::Range};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_spanned::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use crate::stack::{Port, Word};

use super::{
    findings::{Problems, Read, Reported, all},
    near::{nearest, shown},
    problem::ProblemKind,
};

/// A value with its position in the file.
pub(super) type Value<'a> = Spanned<DeValue<'a>>;

/// Reports that another type was expected.
pub(super) fn wrong_type<T>(
    value: &Value<'_>,
    expected: &'static str,
    problems: &mut Problems<'_>,
) -> Read<T> {
    let found = type_name(value.get_ref());
    Err(problems.add(value.span(), ProblemKind::WrongType { expected, found }))
}

/// A type of a value in a stack file.
pub(super) trait FromToml: Sized {
    /// The expected type, as in "expected a string".
    const EXPECTED: &'static str;

    /// Returns the value, if it is valid.
    fn from_toml(value: &Value<'_>, problems: &mut Problems<'_>) -> Read<Self>;

    /// Returns the value of a missing key; `None` if the key is required.
    fn absent() -> Option<Self> {
        None
    }
}

/// A value with its position.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

impl<T> At<T> {
    pub(super) fn new(value: T, span: Range<usize>) -> Self {
        Self { value, span }
    }
}

impl<T: FromToml> FromToml for At<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_toml(value: &Value<'_>, problems: &mut Problems<'_>) -> Read<Self> {
        T::from_toml(value, problems).map(|read| Self::new(read, value.span()))
    }
}

impl<T: FromToml> FromToml for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_toml(value: &Value<'_>, problems: &mut Problems<'_>) -> Read<Self> {
        T::from_toml(value, problems).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl FromToml for String {
    const EXPECTED: &'static str = "a string";

    fn from_toml(value: &Value<'_>, problems: &mut Problems<'_>) -> Read<Self> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text.to_string()),
            _ => wrong_type(value, Self::EXPECTED, problems),
        }
    }
}

impl FromToml for bool {
    const EXPECTED: &'static str = "true or false";

    fn from_toml(value: &Value<'_>, problems: &mut Problems<'_>) -> Read<Self> {
        match value.get_ref() {
            DeValue::Boolean(truth) => Ok(*truth),
            _ => wrong_type(value, Self::EXPECTED, problems),
        }
    }
}

/// Any number of values, in a list.
impl<T: FromToml> FromToml for Vec<T> {
    const EXPECTED: &'static str = "a list";

    fn from_toml(value: &Value<'_>, problems: &mut Problems<'_>) -> Read<Self> {
        let Some(list) = value.get_ref().as_array() else {
            return wrong_type(value, Self::EXPECTED, problems);
        };
        all(list.iter().map(|item| T::from_toml(item, problems)))
    }
}

/// An integer within bounds that fit `T`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whole<const LEAST: u32, const MOST: u32, T = u32>(pub(super) T);

/// The number of a port.
pub(super) type PortNumber = Whole<1, 65_535, Port>;

impl<const LEAST: u32, const MOST: u32, T: TryFrom<u32>> FromToml for Whole<LEAST, MOST, T> {
    const EXPECTED: &'static str = "a whole number";

    fn from_toml(value: &Value<'_>, problems: &mut Problems<'_>) -> Read<Self> {
        let Some(integer) = value.get_ref().as_integer() else {
            return wrong_type(value, Self::EXPECTED, problems);
        };
        number(integer)
            .filter(|number| (LEAST..=MOST).contains(number))
            .and_then(|number| T::try_from(number).ok().map(Self))
            .ok_or_else(|| {
                let out_of_range = ProblemKind::OutOfRange {
                    found: shown(&integer.to_string()),
                    least: LEAST.into(),
                    most: MOST.into(),
                };
                problems.add(value.span(), out_of_range)
            })
    }
}

fn number(integer: &DeInteger<'_>) -> Option<u32> {
    u32::from_str_radix(integer.as_str(), integer.radix()).ok()
}

impl<const LEAST: u32, const MOST: u32, T> JsonSchema for Whole<LEAST, MOST, T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Whole{LEAST}To{MOST}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": LEAST, "maximum": MOST })
    }
}

/// A table with arbitrary keys, in the order of the file.
#[derive(Clone, Debug)]
pub(super) struct Named<T>(pub(super) Vec<(At<String>, T)>);

impl<T: FromToml> FromToml for Named<T> {
    const EXPECTED: &'static str = "a table";

    fn from_toml(value: &Value<'_>, problems: &mut Problems<'_>) -> Read<Self> {
        let Some(table) = value.get_ref().as_table() else {
            return wrong_type(value, Self::EXPECTED, problems);
        };
        let mut items: Vec<(At<String>, T)> = all(table.iter().map(|(key, item)| {
            let name = At::new(key.get_ref().to_string(), key.span());
            Ok((name, T::from_toml(item, problems)?))
        }))?;
        items.sort_by_key(|(name, _)| name.span.start);
        Ok(Self(items))
    }
}

impl<T: JsonSchema> JsonSchema for Named<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("NamedOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let item = generator.subschema_for::<T>();
        json_schema!({ "type": "object", "additionalProperties": item })
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// The keys that a table can have, each with the position of its value if the table has it.
#[derive(Debug, Default)]
pub(super) struct Keys(Vec<(&'static str, Option<Range<usize>>)>);

/// A table with known keys.
pub(super) trait Table {
    /// Returns its keys.
    fn keys(&self) -> &Keys;

    /// Returns the position of the value of a key, if the table has it.
    fn span(&self, key: &str) -> Option<&Range<usize>> {
        let known = self.keys().0.iter().find(|(known, _)| *known == key);
        debug_assert!(known.is_some(), "`{key}` is not a key of this table");
        known?.1.as_ref()
    }
}

/// Reads the keys of a table.
pub(super) struct Fields<'t, 'i> {
    table: &'t DeTable<'i>,
    span: Range<usize>,
    keys: Keys,
}

impl<'t, 'i> Fields<'t, 'i> {
    pub(super) fn of(value: &'t Value<'i>, problems: &mut Problems<'_>) -> Read<Self> {
        let DeValue::Table(table) = value.get_ref() else {
            return wrong_type(value, "a table", problems);
        };
        Ok(Self {
            table,
            span: value.span(),
            keys: Keys::default(),
        })
    }

    pub(super) fn read<T: FromToml>(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> Read<T> {
        let value = self.table.get(key);
        self.keys.0.push((key, value.map(Spanned::span)));
        match value {
            Some(value) => T::from_toml(value, problems),
            None => T::absent()
                .ok_or_else(|| problems.add(self.span.clone(), ProblemKind::MissingKey { key })),
        }
    }

    /// Returns the keys that were read, and reports all others as unknown.
    pub(super) fn finish(self, problems: &mut Problems<'_>) -> Read<Keys> {
        let known: Vec<_> = self.keys.0.iter().map(|(key, _)| *key).collect();
        let mut only_known = Ok(self.keys);
        for (key, _) in self.table {
            if known.contains(&key.get_ref().as_ref()) {
                continue;
            }
            if problems.is_full() {
                return Err(Reported);
            }
            let unknown = ProblemKind::UnknownKey {
                key: shown(key.get_ref()),
                suggestion: nearest(key.get_ref(), known.iter().copied()),
                known: known.clone(),
            };
            only_known = Err(problems.add(key.span(), unknown));
        }
        only_known
    }
}

/// Defines a table: its documented fields, from which the reader and the schema are generated.
/// `field as "key"` is for a key that is not a valid Rust name.
macro_rules! table {
    (
        $(#[$meta:meta])*
        struct $name:ident {
            $( $(#[$field_meta:meta])* $field:ident $(as $key:literal)?: $type:ty, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        pub(in crate::stack_file) struct $name {
            #[schemars(skip)]
            keys: $crate::stack_file::reader::Keys,
            $(
                $(#[$field_meta])*
                $(#[schemars(rename = $key)])?
                pub(in crate::stack_file) $field: $type,
            )*
        }

        impl $crate::stack_file::reader::FromToml for $name {
            const EXPECTED: &'static str = "a table";

            fn from_toml(
                value: &$crate::stack_file::reader::Value<'_>,
                problems: &mut $crate::stack_file::findings::Problems<'_>,
            ) -> $crate::stack_file::findings::Read<Self> {
                let mut fields = $crate::stack_file::reader::Fields::of(value, problems)?;
                $( let $field = fields.read(table!(@key $field $($key)?), problems); )*
                let keys = fields.finish(problems)?;
                Ok(Self { keys, $( $field: $field?, )* })
            }
        }

        impl $crate::stack_file::reader::Table for $name {
            fn keys(&self) -> &$crate::stack_file::reader::Keys {
                &self.keys
            }
        }
    };
    (@key $field:ident) => { stringify!($field) };
    (@key $field:ident $key:literal) => { $key };
}
pub(super) use table;

/// Returns the value of a word, or the problem.
pub(super) fn choose<T: Word>(word: &str) -> Result<T, ProblemKind> {
    if let Some((_, meaning)) = T::WORDS.iter().find(|(known, _)| *known == word) {
        return Ok(*meaning);
    }
    let known = T::WORDS.iter().map(|(word, _)| *word).collect();
    Err(ProblemKind::unknown_value(word, known))
}

impl<T: Word> FromToml for T {
    const EXPECTED: &'static str = "a string";

    fn from_toml(value: &Value<'_>, problems: &mut Problems<'_>) -> Read<Self> {
        let word = String::from_toml(value, problems)?;
        choose(&word).map_err(|unknown| problems.add(value.span(), unknown))
    }
}

/// Returns the name of the type for messages.
fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
