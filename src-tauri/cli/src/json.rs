//! JSON output without characters that terminals interpret.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
};

use serde::Serialize;

/// Returns a value on a line of its own.
pub(crate) fn line(value: &impl Serialize) -> io::Result<String> {
    Ok(escaped(&serde_json::to_string(value)?))
}

/// Returns a value with indentation, for people.
pub(crate) fn pretty(value: &impl Serialize) -> io::Result<String> {
    Ok(escaped(&serde_json::to_string_pretty(value)?))
}

/// Prints a value with indentation on the standard output.
pub(crate) fn print(value: &impl Serialize) -> io::Result<()> {
    io::stdout().write_all(pretty(value)?.as_bytes())
}

/// Returns whether a terminal interprets this character instead of showing it.
pub(crate) fn is_obeyed(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Escapes the control characters that JSON permits, which only occur in strings. Keeps the line ends.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 1);
    for character in text.chars() {
        if character != '\n' && is_obeyed(character) {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "\\u{:04x}", u32::from(character));
        } else {
            escaped.push(character);
        }
    }
    escaped.push('\n');
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_json_has_the_same_content_and_no_control_characters() {
        let text = "a\u{9b}2J\u{1b}\u{7f}\u{202e}é\n";
        let written = line(&text).unwrap();
        assert_eq!(written, "\"a\\u009b2J\\u001b\\u007f\\u202eé\\n\"\n");
        let read: String = serde_json::from_str(&written).unwrap();
        assert_eq!(read, text);
    }
}
