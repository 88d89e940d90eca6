//! The JSON output of the commands matches the published schemas.

use std::fs;

use pilotlight::model::documents::VERSION;
use pilotlight_test_service::free_port;
use serde_json::{Value, json};

use crate::stage::{Stage, server};

/// Panics unless the value matches the published schema of a document.
fn validate(document: &str, value: &Value) {
    let root = env!("CARGO_MANIFEST_DIR");
    let path = format!("{root}/../../schema/v{VERSION}/{document}.schema.json");
    let schema = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let schema: Value = serde_json::from_str(&schema).unwrap();
    if let Err(why) = fits(&schema, value, &schema) {
        panic!("{document}: {why}\n{value:#}");
    }
}

/// Returns the places where a value does not match a schema, for the part of JSON Schema that these schemas
/// use. A field that the schema does not name is an error.
fn fits(schema: &Value, value: &Value, root: &Value) -> Result<(), String> {
    let Value::Object(keywords) = schema else {
        assert_eq!(*schema, json!(true));
        return Ok(());
    };
    for (keyword, rule) in keywords {
        let rules = || rule.as_array().unwrap().iter();
        let good = match keyword.as_str() {
            "$ref" => {
                let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
                fits(root.pointer(pointer).unwrap(), value, root)?;
                true
            }
            "type" => match rule {
                Value::Array(types) => types.iter().any(|kind| is_a(kind, value)),
                kind => is_a(kind, value),
            },
            "const" => value == rule,
            "enum" => rules().any(|one| one == value),
            "anyOf" | "oneOf" => rules().any(|one| fits(one, value, root).is_ok()),
            "minimum" => value.is_null() || value.as_f64() >= rule.as_f64(),
            "maximum" => value.is_null() || value.as_f64() <= rule.as_f64(),
            "required" => rules().all(|key| value.get(key.as_str().unwrap()).is_some()),
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    fits(rule, item, root)?;
                }
                true
            }
            "properties" => {
                for (key, member) in value.as_object().into_iter().flatten() {
                    let rule = rule
                        .get(key)
                        .ok_or_else(|| format!("unknown field {key}"))?;
                    fits(rule, member, root).map_err(|why| format!("{key}: {why}"))?;
                }
                true
            }
            "additionalProperties" => {
                let named = schema.get("properties");
                for (key, member) in value.as_object().into_iter().flatten() {
                    if named.is_none_or(|named| named.get(key).is_none()) {
                        fits(rule, member, root)?;
                    }
                }
                true
            }
            "$schema" | "$defs" | "title" | "description" | "format" | "default" => true,
            other => panic!("a keyword that is not checked here: {other}"),
        };
        if !good {
            return Err(format!("{value} is not {keyword} {rule}"));
        }
    }
    Ok(())
}

fn is_a(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("a type that is not checked here: {other}"),
    }
}

#[test]
fn the_output_of_commands_matches_the_published_schemas() {
    let port = free_port();
    let broken = "\n[service.broken]\ncommand = [\"sh\", \"-c\", \"exit 3\"]\nrestart = \"never\"\nready = \"process\"\nneeds = [\"web\"]\nstart_timeout = \"1h\"\n";
    let stage = Stage::new(&(server("web", port) + broken));
    validate("status", &stage.json(&["status", "--json"], 0));
    stage.run(&["up", "-d"]);
    // It may exit after it counted as ready.
    stage.run(&["wait", "broken", "--for", "stopped"]);
    validate("status", &stage.json(&["status", "--json"], 0));
    let doctor = stage.json(&["doctor", "--json"], 1);
    assert_eq!(doctor["healthy"], false);
    validate("doctor", &doctor);
    let used = stage.json(&["port", &port.to_string(), "--json"], 0);
    assert_eq!(used["holders"][0]["service"]["name"], "web");
    validate("port", &used);
    let free = [
        "port",
        &free_port().to_string(),
        "--free",
        "--yes",
        "--json",
    ];
    validate("port-free", &stage.json(&free, 0));
    stage.expect(&["down"], 0);
    let (events, _) = stage.expect(&["events", "--json"], 0);
    let events: Vec<Value> = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for event in &events {
        validate("events", event);
    }
    let of = |service: &str| -> Vec<&str> {
        let of_service = events.iter().filter(|event| event["service"] == service);
        of_service
            .map(|event| event["event"].as_str().unwrap())
            .collect()
    };
    assert_eq!(of("web"), ["started", "ready", "stopped"]);
    let broken = of("broken");
    assert!(
        broken.starts_with(&["started"]) && broken.contains(&"failed"),
        "{broken:?}"
    );

    let project = Stage::new("");
    fs::remove_file(project.folder.path().join("pilotlight.toml")).unwrap();
    project.write("Procfile", "web: python3 -m http.server 8000\n");
    validate("init", &project.json(&["init", "--json", "--dry-run"], 0));
}
