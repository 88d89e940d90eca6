//! Writes YAML that every reader understands alike.

use std::fmt::Write as _;

use serde_json::Value;

/// The words that some reader takes for a truth value or for nothing.
const WORDS: [&str; 10] = [
    "y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan",
];

/// Returns a document. Nothing is written of `null` and of empty lists and tables.
pub(super) fn document(value: &Value) -> String {
    let mut text = String::new();
    block(value, 0, &mut text);
    text
}

fn block(value: &Value, depth: usize, text: &mut String) {
    // Writing to a string cannot fail.
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(table) => {
            for (key, value) in table.iter().filter(|(_, value)| !is_empty(value)) {
                let _ = write!(text, "{indent}{}:", string(key));
                inner(value, depth + 1, text);
            }
        }
        Value::Array(items) => {
            for item in items {
                let mut inside = String::new();
                inner(item, depth + 1, &mut inside);
                // A table begins on the line of its dash.
                let inside = match inside.strip_prefix('\n') {
                    Some(table) => format!(" {}", table.trim_start()),
                    None => inside,
                };
                let _ = write!(text, "{indent}-{inside}");
            }
        }
        scalar => {
            text.push_str(&self::scalar(scalar));
            text.push('\n');
        }
    }
}

/// Writes a value after its key or dash.
fn inner(value: &Value, depth: usize, text: &mut String) {
    text.push(match value {
        Value::Object(_) | Value::Array(_) => '\n',
        _ => ' ',
    });
    block(value, depth, text);
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(table) => table.values().all(is_empty),
        _ => false,
    }
}

fn scalar(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), string)
}

/// Returns a string as it is if no reader takes it for anything else, and in quotes otherwise.
fn string(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    if starts && text.chars().all(is_plain) && !WORDS.contains(&&*text.to_ascii_lowercase()) {
        return text.to_owned();
    }
    Value::from(text).to_string()
}
