//! Converts text to values of a stack file.

use std::collections::BTreeSet;

/// Names are parts of file names.
const LONGEST_NAME: usize = 64;

/// Escapes the braces in a text for a stack file.
#[must_use]
pub fn plain(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

/// Returns the text that [`plain`] escaped.
#[must_use]
pub fn unescaped(text: &str) -> String {
    text.replace("{{", "{").replace("}}", "}")
}

/// Returns a valid service name from `text` that is not in `taken`, and adds it there.
#[must_use]
pub fn service_name(text: &str, taken: &mut BTreeSet<String>) -> String {
    let fit = fitting(text, "-_");
    let base = if fit.is_empty() {
        "service"
    } else {
        fit.as_str()
    };
    let mut name = base.to_owned();
    let mut number = 2;
    // Names must differ in more than case.
    while !taken.insert(name.to_ascii_lowercase()) {
        let ending = format!("-{number}");
        let kept = base.len().min(LONGEST_NAME - ending.len());
        name = format!("{}{ending}", &base[..kept]);
        number += 1;
    }
    name
}

/// Returns a valid stack name from `text`.
#[must_use]
pub fn stack_name(text: &str) -> String {
    let fit = fitting(text, "-_.");
    if fit.is_empty() {
        "stack".to_owned()
    } else {
        fit
    }
}

/// Keeps ASCII letters, digits and these marks, replaces others by `-`, and trims marks.
fn fitting(text: &str, marks: &str) -> String {
    let mut fit = String::new();
    for character in text.chars() {
        if character.is_ascii_alphanumeric() || marks.contains(character) {
            fit.push(character);
        } else if !fit.ends_with('-') {
            fit.push('-');
        }
    }
    let ends = |c: char| !c.is_ascii_alphanumeric();
    let fit = fit.trim_matches(ends);
    let cut = &fit[..fit.len().min(LONGEST_NAME)];
    cut.trim_end_matches(ends).to_owned()
}

/// Returns a TOML string, in single quotes if that avoids escapes.
pub(super) fn string(text: &str) -> String {
    let literal =
        text.contains(['"', '\\']) && !text.contains('\'') && !text.chars().any(char::is_control);
    if literal {
        return format!("'{text}'");
    }
    // A string of JSON is one of TOML, but for the character that JSON does not escape.
    let quoted = serde_json::Value::from(text).to_string();
    quoted.replace('\u{7f}', "\\u007f")
}

/// Returns a TOML key, in quotes if necessary.
pub(super) fn key(text: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if !text.is_empty() && text.chars().all(bare) {
        text.to_owned()
    } else {
        string(text)
    }
}

/// Returns a list on one line.
pub(super) fn list(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<String> = items.into_iter().collect();
    format!("[{}]", items.join(", "))
}

/// Returns a table on one line.
pub(super) fn inline(entries: &[(String, String)]) -> String {
    if entries.is_empty() {
        return "{}".to_owned();
    }
    let entries: Vec<String> = entries
        .iter()
        .map(|(name, value)| format!("{} = {value}", key(name)))
        .collect();
    format!("{{ {} }}", entries.join(", "))
}

/// Returns a command as a string if it splits into the same words, otherwise as a list.
pub(super) fn command(words: &[String]) -> String {
    let plain = |word: &String| {
        !word.is_empty()
            && !word
                .chars()
                .any(|c| c.is_whitespace() || c.is_control() || "'\"\\".contains(c))
    };
    if words.iter().all(plain) {
        string(&words.join(" "))
    } else {
        list(words.iter().map(|word| string(word)))
    }
}
