//! Parses JSON, JSON with comments, and JavaScript literals, without executing anything. Other code is kept as text.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

use super::{DEEPEST, Key, Lines, MOST_NODES, Node, Unreadable, Value, insert};
use crate::detect::pattern;

/// Parses JSON, also with comments and trailing commas.
pub(in crate::import) fn json(text: &str) -> Result<Node, Unreadable> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let node = Reader::new(text, 1).value(0)?;
    match node.value {
        Value::Code(code) => Err(Unreadable::new(
            node.line,
            format!("`{}` is not JSON", super::shorten(&code)),
        )),
        _ => Ok(node),
    }
}

/// A JavaScript module that exports an object.
#[derive(Debug)]
pub(in crate::import) struct Script {
    /// Its export.
    pub(in crate::import) exported: Node,
    /// Its constants that are literals.
    pub(in crate::import) constants: Vec<(String, Node)>,
}

/// Parses the export of a module: `module.exports = …`, `export default …`.
pub(in crate::import) fn script(text: &str) -> Result<Script, Unreadable> {
    let mut constants = Vec::new();
    let mut exported = None;
    let mut reader = Reader::new(text, 1);
    while let Some(token) = reader.next() {
        match token {
            "const" | "let" | "var" => {
                let name = reader.next().unwrap_or_default();
                if is_word(name) && reader.follows(&["="]) {
                    constants.push((name.to_owned(), reader.value(0)?));
                }
            }
            "module" if reader.follows(&[".", "exports", "="]) => {
                exported = Some(reader.value(0)?);
            }
            "export" if reader.follows(&["default"]) => exported = Some(reader.value(0)?),
            _ => {}
        }
    }
    let unknown = |line| Unreadable::new(line, "its export is known only when it is executed");
    let mut exported = exported.ok_or_else(|| unknown(1))?;
    if let Value::Code(code) = &exported.value {
        let inner = call_argument(code).unwrap_or(code).trim();
        let named = constants.iter().find(|(name, _)| name == inner);
        exported = match named {
            Some((_, node)) => node.clone(),
            None => Reader::new(inner, exported.line).value(0)?,
        };
    }
    if !matches!(exported.value, Value::Table(_) | Value::List(_)) {
        return Err(unknown(exported.line));
    }
    with_constants(&mut exported, &constants, 0);
    Ok(Script {
        exported,
        constants,
    })
}

/// Replaces constants in a tree by their values, also those that are spread into a table.
fn with_constants(node: &mut Node, constants: &[(String, Node)], depth: usize) {
    let known = |name: &str| {
        let found = constants.iter().find(|(other, _)| other == name)?;
        Some(found.1.clone())
    };
    if depth > 8 {
        return;
    }
    match &mut node.value {
        Value::Code(code) => {
            if let Some(found) = known(code).filter(|it| !matches!(it.value, Value::Code(_))) {
                node.value = found.value;
                with_constants(node, constants, depth + 1);
            }
        }
        Value::List(items) => {
            for item in items {
                with_constants(item, constants, depth + 1);
            }
        }
        Value::Table(entries) => {
            for (key, mut node) in std::mem::take(entries) {
                let spread = key.name.strip_prefix("...").and_then(known);
                if let Some(found) = spread.filter(|found| !found.table().is_empty()) {
                    for (key, node) in found.table() {
                        insert(entries, key.clone(), node.clone());
                    }
                } else {
                    with_constants(&mut node, constants, depth + 1);
                    insert(entries, key, node);
                }
            }
        }
        _ => {}
    }
}

/// Returns the only argument of a call like `defineConfig({ … })`.
fn call_argument(code: &str) -> Option<&str> {
    let (name, rest) = code.split_once('(')?;
    let is_name = name
        .trim()
        .chars()
        .all(|it| it.is_alphanumeric() || "_.$".contains(it));
    rest.trim_end().strip_suffix(')').filter(|_| is_name)
}

/// White space and comments, strings, words, numbers, and single characters. The end of the text closes a string.
pub(super) static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?xs) (?<space> \s+ | \A\#![^\n]* | //[^\n]* | /\*.*?(?:\*/|\z) )
        | "(?:\\.|[^"\\])*"? | '(?:\\.|[^'\\])*'? | `(?:\\.|[^`\\])*`?
        | [\p{Alphabetic}_$][\w$]* | [-+]?\.?[0-9](?:[eE][-+]|[\w.])* | ."#,
    )
});

fn is_word(token: &str) -> bool {
    token.starts_with(|it: char| it.is_alphanumeric() || it == '_' || it == '$')
}

/// Reads values from the tokens of a text.
struct Reader<'a> {
    text: &'a str,
    tokens: Vec<Range<usize>>,
    /// The number of the next token.
    at: usize,
    lines: Lines,
    /// The line of the start of the text.
    first_line: usize,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, first_line: usize) -> Self {
        let tokens = TOKEN.captures_iter(text);
        let tokens = tokens.filter(|found| found.name("space").is_none());
        Self {
            text,
            tokens: tokens.map(|found| found.get_match().range()).collect(),
            at: 0,
            lines: Lines::of(text),
            first_line,
            nodes: 0,
        }
    }

    fn peek(&self) -> Option<&'a str> {
        let token = self.tokens.get(self.at)?;
        Some(&self.text[token.clone()])
    }

    fn next(&mut self) -> Option<&'a str> {
        let token = self.peek()?;
        self.at += 1;
        Some(token)
    }

    /// Skips these tokens if they come next.
    fn follows(&mut self, tokens: &[&str]) -> bool {
        let before = self.at;
        let all = tokens.iter().all(|token| self.next() == Some(token));
        if !all {
            self.at = before;
        }
        all
    }

    /// Returns the line of the next token.
    fn line(&self) -> usize {
        let token = self.tokens.get(self.at);
        let start = token.map_or(self.text.len(), |token| token.start);
        self.lines.at(start) + self.first_line - 1
    }

    /// Returns the text from a token to the last one that was read.
    fn since(&self, from: usize) -> String {
        let read = self.tokens[from..self.at].iter();
        let (start, end) = (read.clone().next(), read.last());
        let whole = start.zip(end).map(|(start, end)| start.start..end.end);
        self.text[whole.unwrap_or_default()].to_owned()
    }

    fn value(&mut self, depth: usize) -> Result<Node, Unreadable> {
        let (from, line) = (self.at, self.line());
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(Unreadable::too_many(line));
        }
        if depth >= DEEPEST {
            return Err(Unreadable::too_deep(line));
        }
        let Some(token) = self.next() else {
            return Err(Unreadable::new(line, "the file is incomplete"));
        };
        let value = match token {
            "{" => Some(self.object(line, depth)?),
            "[" => Some(self.array(line, depth)?),
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            "null" | "undefined" => Some(Value::Null),
            _ if token.starts_with(['"', '\'', '`']) => string(token).map(Value::Text),
            _ if token.contains(|it: char| it.is_ascii_digit()) => {
                let number = token.replace('_', "");
                number
                    .parse::<f64>()
                    .is_ok()
                    .then_some(Value::Number(number))
            }
            _ => None,
        };
        // A new line ends a declaration without a semicolon, unless an operator continues it.
        let goes_on = |next: &str| next.starts_with(|it| "+-*/%.?|&=<>([`:".contains(it));
        match value {
            Some(value) if !self.peek().is_some_and(goes_on) => Ok(Node::new(line, value)),
            value => {
                if value.is_none() && !is_word(token) && !token.starts_with('`') {
                    self.at = from;
                }
                self.expression();
                Ok(Node::new(line, Value::Code(self.since(from))))
            }
        }
    }

    /// Skips to the end of an expression: a comma, a semicolon or a closing bracket.
    fn expression(&mut self) {
        let mut open = 0_usize;
        while let Some(next) = self.peek() {
            match next {
                "(" | "[" | "{" => open += 1,
                ")" | "]" | "}" | "," | ";" if open == 0 => return,
                ")" | "]" | "}" => open -= 1,
                "module" | "export" | "const" | "let" | "var" if open == 0 => {
                    // A statement on a line of its own.
                    let end = self.at.checked_sub(1).map(|last| self.tokens[last].end);
                    let start = self.tokens[self.at].start;
                    if end.is_some_and(|end| self.text[end..start].contains('\n')) {
                        return;
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    fn object(&mut self, opened: usize, depth: usize) -> Result<Value, Unreadable> {
        let mut entries = Vec::new();
        loop {
            let (from, line) = (self.at, self.line());
            let name = match self.next() {
                None => return Err(Unreadable::new(opened, "a `{` is not closed")),
                Some("}") => return Ok(Value::Table(entries)),
                Some(",") => continue,
                Some(token) if token.starts_with(['"', '\'']) => string(token).unwrap_or_default(),
                Some(token) if is_word(token) => token.to_owned(),
                Some(_) => {
                    self.at = from;
                    String::new()
                }
            };
            let (name, node) = if !name.is_empty() && self.follows(&[":"]) {
                (name, self.value(depth + 1)?)
            } else {
                // A spread, a computed key, a method, or a shorthand property.
                self.expression();
                self.at = self.at.max(from + 1);
                self.nodes += 1;
                let code = self.since(from);
                let name = if name.is_empty() { code.clone() } else { name };
                (name, Node::new(line, Value::Code(code)))
            };
            insert(&mut entries, Key { line, name }, node);
            if self.nodes > MOST_NODES {
                return Err(Unreadable::too_many(line));
            }
        }
    }

    fn array(&mut self, opened: usize, depth: usize) -> Result<Value, Unreadable> {
        let mut items = Vec::new();
        loop {
            match self.peek() {
                None => return Err(Unreadable::new(opened, "a `[` is not closed")),
                Some("]") => {
                    self.at += 1;
                    return Ok(Value::List(items));
                }
                Some(",") => self.at += 1,
                // A bracket of another kind.
                Some("}" | ")" | ";") => {
                    return Err(Unreadable::new(self.line(), "a `[` is not closed"));
                }
                Some(_) => items.push(self.value(depth + 1)?),
            }
        }
    }
}

/// Returns the text of a string; `None` if it is a template with expressions.
fn string(token: &str) -> Option<String> {
    let (quote, inner) = token.split_at(1);
    let inner = inner.strip_suffix(quote).unwrap_or(inner);
    let mut text = String::new();
    let mut rest = inner.chars();
    while let Some(next) = rest.next() {
        match next {
            '\\' => escaped(&mut rest, &mut text),
            '$' if quote == "`" && rest.as_str().starts_with('{') => return None,
            _ => text.push(next),
        }
    }
    Some(text)
}

/// Reads an escape sequence after its backslash.
fn escaped(rest: &mut std::str::Chars<'_>, text: &mut String) {
    match rest.next() {
        Some('n') => text.push('\n'),
        Some('t') => text.push('\t'),
        Some('r') => text.push('\r'),
        Some('b') => text.push('\u{8}'),
        Some('f') => text.push('\u{c}'),
        Some('u') => {
            let after = rest.as_str();
            let braced = after.strip_prefix('{').and_then(|it| it.split_once('}'));
            let (digits, length) = match braced {
                Some((digits, _)) => (digits, digits.len() + 2),
                None => (after.get(..4).unwrap_or_default(), 4),
            };
            if let Ok(code) = u32::from_str_radix(digits, 16) {
                *rest = after[length..].chars();
                text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
        }
        Some('\n') | None => {}
        Some(other) => text.push(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_with_comments_and_commas_knows_its_lines() {
        let tree =
            json("// x\n{\n  \"a\": [1, 'two', /* three */ true,],\n  \"b\\u0041\": null,\n}")
                .unwrap();
        let items = tree.get("a").unwrap().list();
        assert_eq!(items[1].text(), Some("two"));
        assert_eq!(items[0].line, 3);
        assert_eq!(tree.table()[1].0.name, "bA");
    }

    #[test]
    fn the_export_of_a_module_is_read_without_executing_it() {
        let script = script(
            "#!/usr/bin/env node\nconst path = require('path');\nconst port = 3000;\n\
             module.exports = {\n  apps: [{\n    name: \"api\",\n    script: `./server.js`,\n\
             instances: -1, env: { PORT: port, HOME: process.env.HOME || '/x', URL: `http://${h}/` },\n\
             ...shared, cwd: path.join(__dirname, 'api'), shorthand, run() { return { a: 1 }; }\n  }],\n};\n",
        )
        .unwrap();
        let app = &script.exported.get("apps").unwrap().list()[0];
        assert_eq!(app.get("name").unwrap().text(), Some("api"));
        assert_eq!(app.get("script").unwrap().text(), Some("./server.js"));
        assert_eq!(
            app.get("instances").unwrap().scalar().as_deref(),
            Some("-1")
        );
        let code = |name: &str| app.at(&["env", name]).unwrap().shown();
        assert_eq!(code("PORT"), "3000");
        assert_eq!(code("HOME"), "process.env.HOME || '/x'");
        assert_eq!(code("URL"), "`http://${h}/`");
        let keys: Vec<&str> = app.table().iter().map(|(key, _)| &*key.name).collect();
        assert_eq!(
            keys,
            [
                "name",
                "script",
                "instances",
                "env",
                "...shared",
                "cwd",
                "shorthand",
                "run"
            ]
        );
        let port = script.constants.iter().find(|(name, _)| name == "port");
        assert_eq!(port.unwrap().1.number(), Some(3000));
    }

    #[test]
    fn an_export_may_be_a_constant_or_the_argument_of_a_call() {
        for text in [
            "const config = { apps: [] }\nmodule.exports = config",
            "export default { apps: [] };",
            "const { a } = require('b')\nmodule.exports = defineConfig({ apps: [] })\n",
            "/** @type {x} */\nmodule.exports = {\n  apps : [],\n}\n",
        ] {
            let read = script(text).unwrap();
            assert!(read.exported.get("apps").is_some(), "{text}: {read:?}");
        }
        for text in [
            "",
            "module.exports = require('./x')",
            "module.exports = () => ({})",
        ] {
            assert!(script(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hostile_nesting_is_refused() {
        assert!(json(&"[".repeat(100_000)).is_err());
        assert!(json(&"{a:".repeat(100_000)).is_err());
        assert!(json("{").is_err());
        assert!(json("[}").is_err());
        assert!(json("").is_err());
    }
}
