//! Colours and other terminal sequences in text.

use std::borrow::Cow;

const ESCAPE: char = '\u{1b}';
const BELL: char = '\u{7}';

/// The text as a person reads it: without terminal sequences (ECMA-48: CSI, OSC and the two-character
/// ones), which is what patterns are matched against.
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

/// Bytes of the sequence that `text` begins with.
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
        // A character set: one more.
        Some((_, '(' | ')' | '*' | '+')) => characters.next(),
        other => other,
    };
    end.map_or(text.len(), |(at, character)| at + character.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_titles_and_links_are_taken_out_and_text_stays() {
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
