//! Parses YAML with anchors, aliases and merge keys. The tree is built from the parser's events, so that copies by
//! aliases are counted before they are made.

use std::{borrow::Cow, collections::HashMap};

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::{DEEPEST, Key, MOST_NODES, Node, Unreadable, Value, insert};

/// Parses the first document of a text.
pub(in crate::import) fn yaml(text: &str) -> Result<Node, Unreadable> {
    parsed(text).or_else(|error| {
        // Other parsers accept a closing bracket below the beginning of its line.
        let lines = text.lines().map(|line| {
            let is_close = line.trim_start().starts_with([']', '}']);
            let indent = if is_close {
                " ".repeat(DEEPEST)
            } else {
                String::new()
            };
            indent + line + "\n"
        });
        parsed(&lines.collect::<String>()).map_err(|_| error)
    })
}

fn parsed(text: &str) -> Result<Node, Unreadable> {
    let mut parser = Parser::new_from_str(text);
    let mut tree = Tree::default();
    while let Some(event) = parser.next_event() {
        let (event, span) =
            event.map_err(|error| Unreadable::new(error.marker().line(), error.info()))?;
        let line = span.start.line();
        match event {
            Event::DocumentEnd | Event::StreamEnd => break,
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => {}
            Event::Alias(anchor) => tree.alias(line, anchor)?,
            Event::Scalar(text, style, anchor, tag) => {
                tree.add(Node::new(line, scalar(text, style, tag)), anchor)?;
            }
            Event::SequenceStart(anchor, tag) => {
                tree.open(line, Value::List(vec![]), anchor, tag.as_deref())?;
            }
            Event::MappingStart(anchor, tag) => {
                tree.open(line, Value::Table(vec![]), anchor, tag.as_deref())?;
            }
            Event::SequenceEnd | Event::MappingEnd => tree.close()?,
        }
    }
    Ok(tree.root.unwrap_or(Node::new(1, Value::Null)))
}

#[derive(Default)]
struct Tree {
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

/// An unfinished list or table.
struct Open {
    node: Node,
    anchor: usize,
    /// In a table: the key of the next value.
    key: Option<Key>,
    /// Compose's `!reset`: removes the value of the overridden file.
    is_reset: bool,
}

impl Tree {
    fn open(
        &mut self,
        line: usize,
        value: Value,
        anchor: usize,
        tag: Option<&Tag>,
    ) -> Result<(), Unreadable> {
        if self.open.len() >= DEEPEST {
            return Err(Unreadable::too_deep(line));
        }
        self.open.push(Open {
            node: Node::new(line, value),
            anchor,
            key: None,
            is_reset: is_reset(tag),
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Unreadable> {
        let Some(mut open) = self.open.pop() else {
            return Ok(());
        };
        merge(&mut open.node);
        if open.is_reset {
            open.node.value = Value::Null;
        }
        self.add(open.node, open.anchor)
    }

    fn alias(&mut self, line: usize, anchor: usize) -> Result<(), Unreadable> {
        let node = self.anchors.get(&anchor).cloned();
        let node = node.ok_or_else(|| Unreadable::new(line, "it refers to itself"))?;
        if self.open.len() + node.depth() > DEEPEST {
            return Err(Unreadable::too_deep(line));
        }
        self.nodes += node.size();
        self.add(node, 0)
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Unreadable> {
        self.nodes += 1;
        if anchor > 0 {
            self.nodes += node.size();
            self.anchors.insert(anchor, node.clone());
        }
        if self.nodes > MOST_NODES {
            return Err(Unreadable::too_many(node.line));
        }
        let Some(open) = self.open.last_mut() else {
            self.root.get_or_insert(node);
            return Ok(());
        };
        match (&mut open.node.value, open.key.take()) {
            (Value::Table(entries), Some(key)) => {
                if key.name == "<<" {
                    // A table may have several; `merge` removes them.
                    entries.push((key, node));
                } else {
                    insert(entries, key, node);
                }
            }
            (Value::Table(_), None) => {
                open.key = Some(Key {
                    line: node.line,
                    name: node.scalar().unwrap_or_else(|| node.shown()),
                });
            }
            (Value::List(items), _) => items.push(node),
            _ => {}
        }
        Ok(())
    }
}

/// Copies the entries of merge keys that the table does not have.
fn merge(node: &mut Node) {
    let Value::Table(entries) = &mut node.value else {
        return;
    };
    if !entries.iter().any(|(key, _)| key.name == "<<") {
        return;
    }
    let (merged, own): (Vec<_>, Vec<_>) = std::mem::take(entries)
        .into_iter()
        .partition(|(key, _)| key.name == "<<");
    *entries = own;
    for (_, from) in merged {
        for (key, node) in from.one_or_more().iter().flat_map(Node::table) {
            if !entries.iter().any(|(own, _)| own.name == key.name) {
                entries.push((key.clone(), node.clone()));
            }
        }
    }
}

fn is_reset(tag: Option<&Tag>) -> bool {
    tag.is_some_and(|tag| tag.handle == "!" && tag.suffix == "reset")
}

/// Returns a scalar by the core schema of YAML 1.2.
fn scalar(text: Cow<'_, str>, style: ScalarStyle, tag: Option<Cow<'_, Tag>>) -> Value {
    if is_reset(tag.as_deref()) {
        return Value::Null;
    }
    let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
    if is_text || style != ScalarStyle::Plain {
        return Value::Text(text.into_owned());
    }
    match &*text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if is_number(&text) => Value::Number(text.into_owned()),
        _ => Value::Text(text.into_owned()),
    }
}

fn is_number(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first))
        && text.parse::<f64>().is_ok()
        && text.ends_with(|last: char| last.is_ascii_digit() || last == '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_knows_its_line_and_its_kind() {
        let tree = yaml("# one\na: 1\nb:\n  - x\n  - 'y'\nc: {d: true, e: ~}\n").unwrap();
        assert_eq!(tree.get("a").unwrap().number(), Some(1));
        assert_eq!(tree.at(&["c", "d"]).unwrap().flag(), Some(true));
        assert_eq!(tree.at(&["c", "e"]), None);
        let items = tree.get("b").unwrap().list();
        assert_eq!((items[1].line, items[1].text()), (5, Some("y")));
        assert_eq!(tree.table()[2].0.line, 6);
    }

    #[test]
    fn anchors_and_merge_keys_are_expanded() {
        let tree = yaml(
            "x: &base\n  image: a\n  tty: true\ny: &more {dns: z}\nservice:\n  <<: [*base, *more]\n  image: b\n",
        )
        .unwrap();
        let service = tree.get("service").unwrap();
        assert_eq!(service.get("image").unwrap().text(), Some("b"));
        assert_eq!(service.get("tty").unwrap().flag(), Some(true));
        assert_eq!(service.get("dns").unwrap().text(), Some("z"));
    }

    #[test]
    fn a_billion_laughs_are_cut_short() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..10 {
            let before = level - 1;
            let items = vec![format!("*a{before}"); 9].join(", ");
            text = [text, format!("a{level}: &a{level} [{items}]\n")].concat();
        }
        let error = yaml(&text).unwrap_err();
        assert!(error.reason.contains("more than"), "{error:?}");
        let deep = "[".repeat(100);
        assert!(yaml(&deep).unwrap_err().reason.contains("deeper"));
        assert!(yaml("a: &a [*a]").is_err());
    }

    #[test]
    fn an_error_has_its_line() {
        assert_eq!(yaml("a: b\nc: [\n").unwrap_err().line, 3);
    }
}
