//! Terminal sequences in text.

use std::{borrow::Cow, fmt::Write as _};

const ESCAPE: char = '\u{1b}';
const BELL: char = '\u{7}';

/// Returns the text without terminal sequences (ECMA-48: CSI, OSC and two-character ones), for
/// matching patterns.
#[must_use]
pub fn without_ansi(text: &str) -> Cow<'_, str> {
    if !text.contains(ESCAPE) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(escape) = rest.find(ESCAPE) {
        plain.push_str(&rest[..escape]);
        rest = &rest[escape..];
        rest = &rest[sequence_length(rest)..];
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// Returns the text in a form that is safe for a terminal: colours (ECMA-48, SGR), tabs and line
/// ends stay. Everything else that a terminal interprets (other sequences, C0 and C1 control
/// characters, bidirectional controls) is made visible, as `cat -v` does.
#[must_use]
pub fn with_colours(text: &str) -> Cow<'_, str> {
    visible(text, true)
}

/// Does the same and removes the colours.
#[must_use]
pub fn without_colours(text: &str) -> Cow<'_, str> {
    visible(text, false)
}

fn visible(text: &str, colours: bool) -> Cow<'_, str> {
    // The first bytes of all replaced sequences.
    let is_suspect = |byte: u8| {
        byte < b' ' && !matches!(byte, b'\t' | b'\n') || matches!(byte, 0x7f | 0xc2 | 0xe2)
    };
    if !text.bytes().any(is_suspect) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let mut length = character.len_utf8();
        match character {
            ESCAPE if colour_length(rest) > 0 => {
                length = colour_length(rest);
                if colours {
                    shown.push_str(&rest[..length]);
                }
            }
            '\t' | '\n' => shown.push(character),
            '\0'..' ' | '\u{7f}' => {
                // Control characters are shown as `^` and the character 0x40 above.
                shown.push('^');
                shown.push(char::from(character as u8 ^ 0x40));
            }
            '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                // Writing to a String cannot fail.
                let _ = write!(shown, "<U+{:04X}>", u32::from(character));
            }
            other => shown.push(other),
        }
        rest = &rest[length..];
    }
    Cow::Owned(shown)
}

/// Returns the length in bytes of the colour sequence that `text` begins with; 0 if there is none.
fn colour_length(text: &str) -> usize {
    let Some(parameters) = text.strip_prefix("\u{1b}[") else {
        return 0;
    };
    let length = parameters
        .bytes()
        .take_while(|byte| byte.is_ascii_digit() || matches!(byte, b';' | b':'))
        .count();
    if parameters.as_bytes().get(length) == Some(&b'm') {
        "\u{1b}[".len() + length + 1
    } else {
        0
    }
}

/// Returns the length in bytes of the sequence that `text` begins with.
fn sequence_length(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    let end = match characters.next() {
        // CSI: parameters, then one character from @ to ~.
        Some((_, '[')) => characters.find(|(_, character)| matches!(character, '@'..='~')),
        // OSC and the other strings: up to BEL or ST (ESC \).
        Some((_, ']' | 'P' | 'X' | '^' | '_')) => {
            let mut before = ' ';
            characters.find(|&(_, character)| {
                let ends = character == BELL || (before == ESCAPE && character == '\\');
                before = character;
                ends
            })
        }
        // A character set: one more character.
        Some((_, '(' | ')' | '*' | '+')) => characters.next(),
        other => other,
    };
    end.map_or(text.len(), |(at, character)| at + character.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_pass_and_other_sequences_are_made_visible() {
        let cases = [
            ("plain é\ttext\n", "plain é\ttext\n"),
            (
                "\u{1b}[1;38:2::1:2:3mred\u{1b}[m",
                "\u{1b}[1;38:2::1:2:3mred\u{1b}[m",
            ),
            ("\u{1b}]52;c;cm0=\u{7}", "^[]52;c;cm0=^G"),
            ("\u{1b}]0;title\u{1b}\\", "^[]0;title^[\\"),
            (
                "\u{1b}[2J\u{1b}[H\u{1b}[6n\u{1b}[>4;2m",
                "^[[2J^[[H^[[6n^[[>4;2m",
            ),
            ("\u{1b}P$q\u{1b}", "^[P$q^["),
            ("\u{9b}2J\u{9d}0;x\u{9c}", "<U+009B>2J<U+009D>0;x<U+009C>"),
            ("\u{e}\u{f}\u{8}\r\u{7f}\0", "^N^O^H^M^?^@"),
            ("\u{202e}cba\u{2066}", "<U+202E>cba<U+2066>"),
            ("cut off \u{1b}[3", "cut off ^[[3"),
        ];
        for (text, shown) in cases {
            assert_eq!(with_colours(text), shown, "{text:?}");
            assert_eq!(with_colours(shown), shown, "twice: {text:?}");
        }
        assert_eq!(without_colours("\u{1b}[31mred\u{1b}[0m\u{7}"), "red^G");
    }

    #[test]
    fn colours_titles_and_links_are_removed_and_text_stays() {
        let cases = [
            ("plain", "plain"),
            ("\u{1b}[32mINFO\u{1b}[0m: ready", "INFO: ready"),
            ("\u{1b}[38;5;214mé\u{1b}[m", "é"),
            ("\u{1b}]0;title\u{7}text", "text"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\!", "link!"),
            ("\u{1b}(Bascii", "ascii"),
            ("a\u{1b}7b", "ab"),
            ("cut off \u{1b}[3", "cut off "),
            ("\u{1b}", ""),
        ];
        for (text, plain) in cases {
            assert_eq!(without_ansi(text), plain, "{text:?}");
        }
    }
}
