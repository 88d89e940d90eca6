//! Source without its comments, so that a server that is commented out is not found. All other text keeps its place, and
//! with it its line.

use regex::Regex;
use serde::Deserialize;

/// How a language writes comments and strings, as far as telling them apart needs it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Syntax {
    /// `#`, and text over several lines between three quotes, which is most often documentation.
    Python,
    /// As [`Self::Slashes`], and `'` begins a character or a lifetime.
    Rust,
    /// `//` and `/* … */`: Go, Java, Kotlin, C#, JavaScript, PHP.
    #[default]
    Slashes,
    /// `#`: Ruby, Elixir, YAML, shells.
    Hash,
}

/// Returns the text with every comment replaced by blanks. Each byte keeps its place.
///
/// A string ends at the end of its line at the latest, so that a stray quote does not hide the rest of the file.
pub(super) fn without_comments(text: &str, syntax: Syntax) -> String {
    let mut code = text.as_bytes().to_vec();
    let is_hash = matches!(syntax, Syntax::Python | Syntax::Hash);
    let (line, quotes): (&[u8], &[u8]) = match syntax {
        Syntax::Python | Syntax::Hash => (b"#", b"\"'"),
        Syntax::Rust => (b"//", b"\""),
        Syntax::Slashes => (b"//", b"\"'`"),
    };
    let mut at = 0;
    while at < code.len() {
        let rest = &text.as_bytes()[at..];
        let end = if rest.starts_with(line) {
            blank(&mut code, at, at + line_length(rest))
        } else if !is_hash && rest.starts_with(b"/*") {
            let length = find(&rest[2..], b"*/").map_or(rest.len(), |inside| inside + 4);
            blank(&mut code, at, at + length)
        } else if syntax == Syntax::Python
            && (rest.starts_with(b"\"\"\"") || rest.starts_with(b"'''"))
        {
            let length = find(&rest[3..], &rest[..3]).map_or(rest.len(), |inside| inside + 6);
            blank(&mut code, at, at + length)
        } else if syntax == Syntax::Rust && rest[0] == b'\'' {
            at + character_length(rest)
        } else if quotes.contains(&rest[0]) {
            at + string_length(rest)
        } else {
            at + 1
        };
        at = end;
    }
    // Whole characters became blanks, so that the rest is still UTF-8.
    String::from_utf8(code).unwrap_or_default()
}

/// Returns the text of an XML file with its comments `<!-- … -->` replaced by blanks.
pub(super) fn without_xml_comments(text: &str) -> String {
    let mut code = text.as_bytes().to_vec();
    let mut at = 0;
    while let Some(start) = find(&text.as_bytes()[at..], b"<!--").map(|start| at + start) {
        let end = find(&text.as_bytes()[start..], b"-->").map_or(text.len(), |end| start + end + 3);
        at = blank(&mut code, start, end);
    }
    String::from_utf8(code).unwrap_or_default()
}

/// Compiles a pattern that is a constant of this program.
pub(crate) fn pattern(text: &str) -> Regex {
    #[expect(
        clippy::expect_used,
        reason = "the patterns are constants, and tests use each"
    )]
    Regex::new(text).expect("a pattern that is right")
}

/// Whether the line of a place begins as a comment.
pub(super) fn is_comment(text: &str, at: usize) -> bool {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let line = text[start..].trim_start();
    (line.starts_with('#') && !line.starts_with("#["))
        || ["//", "/*", "*"].iter().any(|mark| line.starts_with(mark))
}

/// Whether a path has this extension, given without the dot.
pub(super) fn has_extension(path: &str, extension: &str) -> bool {
    path.rsplit_once('.')
        .is_some_and(|(stem, last)| last.eq_ignore_ascii_case(extension) && !stem.is_empty())
}

/// Returns the text between the parenthesis at `open` and its partner, at most 8 KiB.
pub(super) fn arguments(code: &str, open: usize) -> &str {
    let start = open + 1;
    let bytes = code.as_bytes();
    let limit = bytes.len().min(start + (8 << 10));
    let mut depth = 0_usize;
    let mut at = start;
    while at < limit {
        match bytes[at] {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' if depth == 0 => return slice(code, start, at),
            b')' | b']' | b'}' => depth -= 1,
            b'"' | b'\'' => {
                at += string_length(&bytes[at..]);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    slice(code, start, limit)
}

/// Splits arguments at the commas between them.
pub(super) fn split_arguments(arguments: &str) -> Vec<&str> {
    let bytes = arguments.as_bytes();
    let (mut parts, mut depth, mut start, mut at) = (Vec::new(), 0_usize, 0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.push(arguments[start..at].trim());
                start = at + 1;
            }
            b'"' | b'\'' => {
                at += string_length(&bytes[at..]);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    parts.push(arguments.get(start..).unwrap_or_default().trim());
    parts.retain(|part| !part.is_empty());
    parts
}

/// Returns the value of `name=value` among arguments.
pub(super) fn keyword<'a>(arguments: &'a str, name: &str) -> Option<&'a str> {
    split_arguments(arguments).into_iter().find_map(|argument| {
        let value = argument
            .strip_prefix(name)?
            .trim_start()
            .strip_prefix('=')?;
        (!value.starts_with('=')).then(|| value.trim())
    })
}

/// Returns the text of an expression that is a quoted literal.
pub(super) fn literal(value: &str) -> Option<&str> {
    let value = value.trim();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inside = value[1..].strip_suffix(quote)?;
    (!inside.contains(['"', '\'', '\n', '\\'])).then_some(inside)
}

/// Parses a TCP port.
pub(crate) fn port_of(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port > 0)
}

/// Returns the last port that is a literal in an expression: `int(os.getenv("PORT", "8000"))` is 8000.
pub(super) fn port_in(expression: &str) -> Option<u16> {
    let mut found = None;
    let mut number = String::new();
    let mut word = false;
    for c in expression.chars().chain([' ']) {
        if c.is_ascii_digit() && !word {
            number.push(c);
        } else if c == '_' && !number.is_empty() {
            // `8_000`.
        } else {
            let part_of_word = c.is_alphanumeric() || c == '_';
            if !number.is_empty() && !part_of_word && c != '.' {
                found = port_of(&number).or(found);
            }
            number.clear();
            word = part_of_word;
        }
    }
    found
}

fn slice(code: &str, start: usize, end: usize) -> &str {
    let mut end = end;
    while !code.is_char_boundary(end) {
        end -= 1;
    }
    code.get(start..end).unwrap_or_default()
}

fn blank(code: &mut [u8], start: usize, end: usize) -> usize {
    for byte in &mut code[start..end] {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
    end
}

fn find(within: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(within, what)
}

fn line_length(rest: &[u8]) -> usize {
    memchr::memchr(b'\n', rest).unwrap_or(rest.len())
}

/// Returns the length of a string with both its quotes. A string in backticks may have several lines, and no escapes.
fn string_length(rest: &[u8]) -> usize {
    let quote = rest[0];
    if quote == b'`' {
        return memchr::memchr(b'`', &rest[1..]).map_or(1, |inside| inside + 2);
    }
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'\n' => return at,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Returns the length of `'x'` or `'\n'`; for a lifetime, that of its tick.
fn character_length(rest: &[u8]) -> usize {
    match rest {
        [_, b'\\', _, b'\'', ..] => 4,
        [_, _, b'\'', ..] => 3,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_become_blanks_and_all_else_stays_where_it_is() {
        let text = "a = 1 # app = FastAPI()\nb = \"#x\"\n";
        let code = without_comments(text, Syntax::Python);
        assert_eq!(code, "a = 1                  \nb = \"#x\"\n");
    }

    #[test]
    fn documentation_is_no_code() {
        let text = "\"\"\"\napp = FastAPI()\n\"\"\"\nx = 1\n";
        let code = without_comments(text, Syntax::Python);
        assert!(!code.contains("FastAPI"), "{code}");
        assert!(code.ends_with("x = 1\n"));
        assert_eq!(code.len(), text.len());
    }

    #[test]
    fn an_address_in_a_string_is_no_comment() {
        let text = "let a = \"http://localhost\"; // not\n/* nor\nthis é */ x";
        let code = without_comments(text, Syntax::Rust);
        assert!(code.contains("\"http://localhost\";"));
        assert!(!code.contains("not") && !code.contains("this"));
        assert_eq!(code.find('x'), text.find(" x").map(|at| at + 1));
    }

    #[test]
    fn a_lifetime_does_not_hide_what_follows() {
        let code = without_comments(
            "fn f<'a>(x: &'a str) {} // gone\nlet q = '\"'; g()",
            Syntax::Rust,
        );
        assert!(code.contains("let q = '\"'; g()"), "{code}");
        assert!(!code.contains("gone"));
    }

    #[test]
    fn a_stray_quote_ends_with_its_line() {
        let code = without_comments("it's\nx # gone\n", Syntax::Hash);
        assert_eq!(code, "it's\nx       \n");
    }

    #[test]
    fn arguments_go_to_the_matching_parenthesis() {
        let code = "run(app, port=int(env(\"P)\", 8001)), reload=True) + (2)";
        let inside = arguments(code, 3);
        assert_eq!(inside, "app, port=int(env(\"P)\", 8001)), reload=True");
        assert_eq!(split_arguments(inside).len(), 3);
        assert_eq!(keyword(inside, "port"), Some("int(env(\"P)\", 8001))"));
        assert_eq!(keyword(inside, "host"), None);
        assert_eq!(keyword("port == 3", "port"), None);
    }

    #[test]
    fn the_last_port_of_an_expression_is_its_default() {
        assert_eq!(port_in("int(os.getenv(\"PORT\", \"8000\"))"), Some(8000));
        assert_eq!(port_in("8_080"), Some(8080));
        assert_eq!(port_in("config.port2"), None);
        assert_eq!(port_in("70000"), None);
        assert_eq!(port_in("0"), None);
        assert_eq!(port_in("\"127.0.0.1:3000\""), Some(3000));
    }
}
