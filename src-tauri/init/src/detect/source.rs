//! Source without its comments, so that a server that is commented out is not found. All other text keeps its place, and
//! with it its line.

use std::sync::LazyLock;

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
    /// `<!-- … -->`
    Xml,
}

/// A string, which ends at the end of its line at the latest, so that a stray quote does not hide the rest of the file.
const STRING: &str = r#""(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?"#;

impl Syntax {
    /// Matches comments, and the strings and characters in which no comment begins.
    fn pattern(self) -> &'static Regex {
        static PYTHON: LazyLock<Regex> = LazyLock::new(|| {
            pattern(&format!(
                r#"(?s)#[^\n]*|""".*?(?:"""|\z)|'''.*?(?:'''|\z)|{STRING}"#
            ))
        });
        static RUST: LazyLock<Regex> = LazyLock::new(|| {
            pattern(r#"(?s)//[^\n]*|/\*.*?(?:\*/|\z)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\])'"#)
        });
        static SLASHES: LazyLock<Regex> =
            LazyLock::new(|| pattern(&format!(r"(?s)//[^\n]*|/\*.*?(?:\*/|\z)|{STRING}|`[^`]*`")));
        static HASH: LazyLock<Regex> = LazyLock::new(|| pattern(&format!("(?s)#[^\n]*|{STRING}")));
        static XML: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?s)<!--.*?(?:-->|\z)"));
        match self {
            Self::Python => &PYTHON,
            Self::Rust => &RUST,
            Self::Slashes => &SLASHES,
            Self::Hash => &HASH,
            Self::Xml => &XML,
        }
    }
}

/// Returns the text with every comment replaced by blanks. Each byte keeps its place.
pub(super) fn without_comments(text: &str, syntax: Syntax) -> String {
    let marks = ["#", "//", "/*", "\"\"\"", "'''", "<!--"];
    let mut code = String::with_capacity(text.len());
    for found in syntax.pattern().find_iter(text) {
        if marks.iter().any(|mark| found.as_str().starts_with(mark)) {
            code.push_str(&text[code.len()..found.start()]);
            let blanks = found.as_str().bytes();
            code.extend(blanks.map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        }
    }
    code.push_str(&text[code.len()..]);
    code
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

/// Returns the brackets and commas of code outside of its strings, with their places.
fn marks(code: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut quote, mut is_escaped) = (None, false);
    code.char_indices().filter(move |(_, c)| match quote {
        None => {
            quote = Some(*c).filter(|c| matches!(c, '"' | '\''));
            "()[]{},".contains(*c)
        }
        Some(open) => {
            let ends = (*c == open || *c == '\n') && !is_escaped;
            quote = quote.filter(|_| !ends);
            is_escaped = *c == '\\' && !is_escaped;
            false
        }
    })
}

/// Returns the text between the parenthesis at `open` and its partner, at most 8 KiB.
pub(super) fn arguments(code: &str, open: usize) -> &str {
    let inside = &code[open + 1..];
    let inside = &inside[..inside.floor_char_boundary(8 << 10)];
    let mut depth = 0_usize;
    for (at, mark) in marks(inside) {
        match mark {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => return &inside[..at],
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
    }
    inside
}

/// Splits arguments at the commas between them.
pub(super) fn split_arguments(arguments: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (at, mark) in marks(arguments) {
        match mark {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ if depth == 0 => {
                parts.push(arguments[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(arguments[start..].trim());
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
    let words = expression.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '.');
    let numbers = words.filter(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    let mut ports = numbers.filter_map(|number| port_of(&number.replace('_', "")));
    ports.next_back()
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
