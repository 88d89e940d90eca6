//! Verifies that the schema for editors agrees with the reader.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{DESIGN, parse_text};
use crate::{
    stack::{Input, Mode, Need, OnUnhealthy, PortConflict, Restart, Signal, Word},
    stack_file::json_schema,
};

/// A stack file with every key, some of them in more than one form.
const FULL: &str = include_str!("full.toml");

/// The keys of an include, which the full example cannot contain.
const INCLUDE: &str =
    "include = [\"a.toml\", { file = \"../infra/pilotlight.toml\", prefix = \"infra-\" }]\n";

const COMMITTED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../schema/pilotlight.schema.json"
);
const DOCUMENTATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/stack-file.md");

#[test]
fn the_committed_schema_is_current() {
    let current = json_schema();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(COMMITTED, format!("{current:#}\n")).unwrap();
    }
    let committed = std::fs::read_to_string(COMMITTED).unwrap_or_default();
    let committed: Option<Value> = serde_json::from_str(&committed).ok();
    assert!(
        committed == Some(current),
        "schema/pilotlight.schema.json is out of date: regenerate it with UPDATE_SCHEMA=1 cargo test -p pilotlight schema"
    );
}

/// Returns whether a value is valid for a schema, as far as the schema of stack files uses JSON
/// Schema.
fn fits(schema: &Value, value: &Value, root: &Value) -> bool {
    let Value::Object(schema) = schema else {
        return *schema == json!(true);
    };
    let each = |forms: &Value| -> Vec<bool> {
        let forms = forms.as_array().into_iter().flatten();
        forms.map(|form| fits(form, value, root)).collect()
    };
    schema.iter().all(|(keyword, rule)| match keyword.as_str() {
        "$ref" => {
            let pointer = rule.as_str().and_then(|rule| rule.strip_prefix('#'));
            fits(root.pointer(pointer.unwrap()).unwrap(), value, root)
        }
        "type" => match rule.as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64(),
            other => panic!("a type that is not checked here: {other}"),
        },
        "const" => value == rule,
        "anyOf" => each(rule).contains(&true),
        "oneOf" => each(rule).iter().filter(|fits| **fits).count() == 1,
        "allOf" => !each(rule).contains(&false),
        "minimum" => value.as_i64() >= rule.as_i64(),
        "maximum" => value.as_i64() <= rule.as_i64(),
        "pattern" => regex::Regex::new(rule.as_str().unwrap())
            .unwrap()
            .is_match(value.as_str().unwrap_or_default()),
        "items" => value
            .as_array()
            .is_none_or(|items| items.iter().all(|item| fits(rule, item, root))),
        "properties" | "additionalProperties" => value.as_object().is_none_or(|members| {
            let named = schema.get("properties");
            members.iter().all(|(key, member)| {
                match (named.and_then(|named| named.get(key)), keyword.as_str()) {
                    (Some(property), "properties") => fits(property, member, root),
                    (None, "additionalProperties") => fits(rule, member, root),
                    _ => true,
                }
            })
        }),
        "required" => rule
            .as_array()
            .into_iter()
            .flatten()
            .all(|key| value.get(key.as_str().unwrap()).is_some()),
        "$schema" | "title" | "description" | "definitions" | "examples" => true,
        other => panic!("a keyword that is not checked here: {other}"),
    })
}

/// Returns whether the schema accepts this stack file, if it is TOML.
fn schema_takes(text: &str) -> bool {
    let root = json_schema();
    toml::from_str(text).is_ok_and(|file: Value| fits(&root, &file, &root))
}

#[test]
fn the_schema_accepts_what_the_reader_accepts() {
    assert!(schema_takes(INCLUDE));
    for text in [DESIGN, FULL] {
        assert!(schema_takes(text));
        if let Err(report) = parse_text(text) {
            panic!("{:#?}", report.lines().collect::<Vec<_>>());
        }
    }
}

#[test]
fn the_schema_and_the_reader_reject_the_same() {
    for (right, wrong) in [
        ("mode = \"production\"", "mode = \"prod\""),
        ("mode = \"production\"", "mod = \"production\""),
        ("port = 8000", "port = 0"),
        ("port = 8000", "port = \"8000\""),
        ("shell = false", "shell = \"no\""),
        ("needs = \"redis\"", "needs = 1"),
        ("\"completed\"", "\"done\""),
        ("\"1m30s\"", "\"90\""),
        ("\"1m30s\"", "90"),
        ("\"64 KiB\"", "\"64 kib\""),
        ("runs = 3", "runs = 0"),
        ("restart = \"always\"", "restart = \"Always\""),
        ("status = 204", "status = 2040"),
        ("failures = 5", "failures = 0"),
        ("url = \"/health\"", ""),
        ("[service.web.require]", "[service.web.requires]"),
        ("[service.web.ready.http]", "[service.web.ready.htpp]"),
        ("protocol = \"chat\"", "protocols = \"chat\""),
        ("name = \"the cache\"", ""),
        ("\"SIGQUIT\"", "\"QUIT\""),
    ] {
        assert!(FULL.contains(right), "{right}");
        let broken = FULL.replacen(right, wrong, 1);
        assert!(parse_text(&broken).is_err(), "the reader takes {wrong}");
        assert!(!schema_takes(&broken), "the schema takes {wrong}");
    }
}

/// Returns every key in the schema.
fn keys() -> BTreeSet<String> {
    let schema = json_schema();
    let tables = schema["definitions"].as_object().unwrap().values();
    tables
        .chain([&schema])
        .filter_map(|table| table["properties"].as_object())
        .flat_map(|properties| properties.keys().cloned())
        .collect()
}

#[test]
fn the_full_example_has_every_key() {
    fn collect(value: &Value, keys: &mut BTreeSet<String>) {
        for (key, member) in value.as_object().into_iter().flatten() {
            keys.insert(key.clone());
            collect(member, keys);
        }
        for item in value.as_array().into_iter().flatten() {
            collect(item, keys);
        }
    }
    let mut used = BTreeSet::new();
    for text in [FULL, INCLUDE] {
        collect(&toml::from_str(text).unwrap(), &mut used);
    }
    let missing: Vec<_> = keys().difference(&used).cloned().collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn no_table_accepts_other_keys_and_every_key_is_described() {
    let schema = json_schema();
    // The word "null" of the file is not such a value.
    let text = schema.to_string().replace(r#""const":"null""#, "");
    assert!(!text.contains("null"), "TOML has none");
    let tables = schema["definitions"].as_object().unwrap().values();
    for table in tables.chain([&schema]) {
        let properties = table["properties"].as_object();
        assert!(properties.is_none() || table["additionalProperties"] == json!(false));
        for (key, property) in properties.into_iter().flatten() {
            assert!(property["description"].is_string(), "{key}: {property:#}");
        }
    }
}

#[test]
fn the_documentation_names_every_key_and_its_examples_are_valid() {
    let text = std::fs::read_to_string(DOCUMENTATION).unwrap();
    for key in keys() {
        assert!(
            text.contains(&format!("`{key}`")),
            "{key} is not documented"
        );
    }
    let examples: Vec<_> = text
        .split("```toml\n")
        .skip(1)
        .filter_map(|from_example| from_example.split("```").next())
        .collect();
    assert!(examples.len() > 10);
    for example in examples {
        // Short examples show only lines of one service.
        let file = if example.contains("[service.") {
            example.to_owned()
        } else {
            let others = "[service.redis]\ncommand = \"redis-server\"\nport = 6379\n[service.web]\nport = 8000\n";
            let command = if example.contains("command =") || example.contains("external =") {
                ""
            } else {
                "command = \"run\"\n"
            };
            format!("{others}{command}{example}")
        };
        if let Err(report) = parse_text(&file) {
            panic!("{example}\n{:#?}", report.lines().collect::<Vec<_>>());
        }
        assert!(schema_takes(&file), "{example}");
    }
}

/// Returns the words of an enum in the schema.
fn words_of<T: schemars::JsonSchema>() -> Vec<Value> {
    let schema = schemars::SchemaGenerator::default()
        .into_root_schema_for::<T>()
        .to_value();
    let forms = schema["oneOf"].as_array().into_iter().flatten();
    forms.map(|form| form["const"].clone()).collect()
}

fn agree<T: Word + schemars::JsonSchema + serde::Serialize>() {
    let read: Vec<_> = T::WORDS.iter().map(|(word, _)| json!(word)).collect();
    let written: Vec<_> = T::WORDS.iter().map(|(_, meaning)| json!(meaning)).collect();
    assert_eq!(read, words_of::<T>());
    assert_eq!(read, written);
}

#[test]
fn the_reader_and_the_schema_know_the_same_words() {
    agree::<Input>();
    agree::<Mode>();
    agree::<Need>();
    agree::<Restart>();
    agree::<OnUnhealthy>();
    agree::<PortConflict>();
    agree::<Signal>();
}
