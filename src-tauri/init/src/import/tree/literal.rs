//! Parses JSON, JSON with comments, and JavaScript literals, without executing anything. Other code is kept as text.

use super::{DEEPEST, Key, MOST_NODES, Node, Unreadable, Value, insert};

/// Parses JSON, also with comments and trailing commas.
pub(in crate::import) fn json(text: &str) -> Result<Node, Unreadable> {
    let mut reader = Reader::new(text.strip_prefix('\u{feff}').unwrap_or(text));
    reader.space();
    let node = reader.value()?;
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
    let mut reader = Reader::new(text);
    while let Some(token) = reader.token() {
        match token {
            "const" | "let" | "var" => {
                if let Some(constant) = reader.constant()? {
                    constants.push(constant);
                }
            }
            "module" if reader.follows(&[".", "exports", "="]) => {
                exported = Some(reader.value()?);
            }
            "export" if reader.follows(&["default"]) => exported = Some(reader.value()?),
            _ => {}
        }
    }
    let Some(mut exported) = exported else {
        return Err(Unreadable::new(
            1,
            "its export is known only when it is executed",
        ));
    };
    if let Value::Code(code) = &exported.value {
        let inner = call_argument(code).unwrap_or(code).trim();
        let named = constants.iter().find(|(name, _)| name == inner);
        let line = exported.line;
        exported = match named {
            Some((_, node)) => node.clone(),
            None => Reader {
                line,
                ..Reader::new(inner)
            }
            .value()?,
        };
    }
    if !matches!(exported.value, Value::Table(_) | Value::List(_)) {
        return Err(Unreadable::new(
            exported.line,
            "its export is known only when it is executed",
        ));
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

struct Reader<'a> {
    text: &'a str,
    /// In bytes.
    at: usize,
    line: usize,
    depth: usize,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
            depth: 0,
            nodes: 0,
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        self.line += usize::from(next == '\n');
        Some(next)
    }

    fn skip(&mut self, bytes: usize) {
        let end = self.at + bytes;
        while self.at < end && self.next().is_some() {}
    }

    fn take(&mut self, wanted: char) -> bool {
        let is_there = self.peek() == Some(wanted);
        if is_there {
            self.next();
        }
        is_there
    }

    /// Skips white space and comments.
    fn space(&mut self) {
        loop {
            let rest = self.rest();
            if rest.starts_with("//") || (self.at == 0 && rest.starts_with("#!")) {
                self.skip(rest.find('\n').unwrap_or(rest.len()));
            } else if rest.starts_with("/*") {
                let end = rest.find("*/").map_or(rest.len(), |end| end + 2);
                self.skip(end);
            } else if rest.starts_with(char::is_whitespace) {
                self.next();
            } else {
                return;
            }
        }
    }

    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let is_part = |it: char| it.is_alphanumeric() || it == '_' || it == '$';
        let end = rest.find(|it| !is_part(it)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Reads a word, a string or another character.
    fn token(&mut self) -> Option<&'a str> {
        self.space();
        let from = self.at;
        let first = self.peek()?;
        if matches!(first, '"' | '\'' | '`') {
            self.string();
        } else if self.word().is_empty() {
            self.next();
        }
        Some(&self.text[from..self.at])
    }

    /// Skips these tokens and the space after them if they come next.
    fn follows(&mut self, tokens: &[&str]) -> bool {
        let (at, line) = (self.at, self.line);
        let all = tokens.iter().all(|token| self.token() == Some(token));
        if all {
            self.space();
        } else {
            (self.at, self.line) = (at, line);
        }
        all
    }

    /// Reads `NAME = VALUE` of a declaration.
    fn constant(&mut self) -> Result<Option<(String, Node)>, Unreadable> {
        self.space();
        let name = self.word().to_owned();
        if name.is_empty() || !self.follows(&["="]) {
            return Ok(None);
        }
        Ok(Some((name, self.value()?)))
    }

    fn value(&mut self) -> Result<Node, Unreadable> {
        let (from, line) = (self.at, self.line);
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(Unreadable::too_many(line));
        }
        if self.depth >= DEEPEST {
            return Err(Unreadable::too_deep(line));
        }
        self.depth += 1;
        let value = match self.peek() {
            Some('{') => Some(self.object()?),
            Some('[') => Some(self.array()?),
            Some('"' | '\'' | '`') => self.string().map(Value::Text),
            Some(first) if first.is_ascii_digit() || "-+.".contains(first) => self.number(),
            Some(_) => match self.word() {
                "true" => Some(Value::Bool(true)),
                "false" => Some(Value::Bool(false)),
                "null" | "undefined" => Some(Value::Null),
                _ => None,
            },
            None => return Err(Unreadable::new(line, "the file is incomplete")),
        };
        self.depth -= 1;
        let end = self.at;
        self.space();
        let is_over = matches!(self.peek(), None | Some(',' | ';' | '}' | ']' | ')'));
        // A new line ends a declaration without a semicolon, unless an operator continues it.
        let goes_on = self
            .rest()
            .starts_with(|it| "+-*/%.?|&=<>([`:".contains(it));
        match value {
            Some(value) if is_over || !goes_on => Ok(Node::new(line, value)),
            _ => {
                self.at = end.max(from);
                self.line = line + self.text[from..self.at].matches('\n').count();
                self.expression();
                let code = self.text[from..self.at].trim().to_owned();
                self.space();
                Ok(Node::new(line, Value::Code(code)))
            }
        }
    }

    /// Skips to the end of an expression: a comma, a semicolon or a closing bracket.
    fn expression(&mut self) {
        let mut open = 0_usize;
        loop {
            let (at, line) = (self.at, self.line);
            self.space();
            let ended_line = self.line > line;
            let Some(next) = self.peek() else { return };
            match next {
                '(' | '[' | '{' => open += 1,
                ')' | ']' | '}' | ',' | ';' if open == 0 => break,
                ')' | ']' | '}' => open -= 1,
                '"' | '\'' | '`' => {
                    self.string();
                    continue;
                }
                _ => {
                    let begins = self.rest();
                    let statement = ["module.", "export ", "const ", "let ", "var "];
                    if open == 0
                        && ended_line
                        && statement.iter().any(|word| begins.starts_with(word))
                    {
                        (self.at, self.line) = (at, line);
                        return;
                    }
                    if !self.word().is_empty() {
                        continue;
                    }
                }
            }
            self.next();
        }
    }

    fn object(&mut self) -> Result<Value, Unreadable> {
        let opened = self.line;
        self.next();
        let mut entries = Vec::new();
        loop {
            self.space();
            if self.take('}') {
                return Ok(Value::Table(entries));
            }
            if self.take(',') {
                continue;
            }
            let line = self.line;
            let from = self.at;
            let name = match self.peek() {
                None => return Err(Unreadable::new(opened, "a `{` is not closed")),
                Some('"' | '\'') => self.string().unwrap_or_default(),
                Some(_) => self.word().to_owned(),
            };
            self.space();
            if !name.is_empty() && self.take(':') {
                self.space();
                let node = self.value()?;
                insert(&mut entries, Key { line, name }, node);
            } else {
                // A spread, a computed key, a method, or a shorthand property.
                self.expression();
                let code = self.text[from..self.at].trim().to_owned();
                if self.at == from && self.next().is_none() {
                    return Err(Unreadable::new(opened, "a `{` is not closed"));
                }
                self.nodes += 1;
                let name = if name.is_empty() { code.clone() } else { name };
                insert(
                    &mut entries,
                    Key { line, name },
                    Node::new(line, Value::Code(code)),
                );
            }
            if self.nodes > MOST_NODES {
                return Err(Unreadable::too_many(line));
            }
        }
    }

    fn array(&mut self) -> Result<Value, Unreadable> {
        let opened = self.line;
        self.next();
        let mut items = Vec::new();
        loop {
            self.space();
            if self.take(']') {
                return Ok(Value::List(items));
            }
            if self.take(',') {
                continue;
            }
            if self.peek().is_none() {
                return Err(Unreadable::new(opened, "a `[` is not closed"));
            }
            let from = self.at;
            items.push(self.value()?);
            if self.at == from {
                // A bracket of another kind.
                return Err(Unreadable::new(self.line, "a `[` is not closed"));
            }
        }
    }

    /// Reads a string; `None` if it is a template with expressions. The end of the text closes it.
    fn string(&mut self) -> Option<String> {
        let quote = self.next()?;
        let mut text = String::new();
        let mut is_literal = true;
        while let Some(next) = self.next() {
            match next {
                _ if next == quote => break,
                '\\' => self.escaped(&mut text),
                '$' if quote == '`' && self.peek() == Some('{') => {
                    is_literal = false;
                }
                _ => text.push(next),
            }
        }
        is_literal.then_some(text)
    }

    /// Reads an escape sequence after its backslash.
    fn escaped(&mut self, text: &mut String) {
        match self.next() {
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('b') => text.push('\u{8}'),
            Some('f') => text.push('\u{c}'),
            Some('u') => {
                let braced = self.take('{');
                let rest = self.rest();
                let digits = if braced {
                    rest.find('}').unwrap_or(0)
                } else {
                    4
                };
                let code = rest
                    .get(..digits)
                    .and_then(|hex| u32::from_str_radix(hex, 16).ok());
                if let Some(code) = code {
                    self.skip(digits + usize::from(braced));
                    text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
            }
            Some('\n') | None => {}
            Some(other) => text.push(other),
        }
    }

    fn number(&mut self) -> Option<Value> {
        let rest = self.rest();
        let is_part = |it: char| it.is_ascii_alphanumeric() || "+-._".contains(it);
        let end = rest.find(|it| !is_part(it)).unwrap_or(rest.len());
        let text: String = rest[..end].replace('_', "");
        text.parse::<f64>().ok()?;
        self.skip(end);
        Some(Value::Number(text))
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
