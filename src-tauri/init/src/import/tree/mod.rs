//! The content of a JSON, YAML, TOML or JavaScript file as a tree with line numbers.

mod expression;
mod literal;
mod toml;
mod yaml;

pub(super) use expression::expression;
pub(super) use literal::{json, script};
pub(super) use toml::toml;
pub(super) use yaml::yaml;

/// The maximum nesting; no real file needs more.
const DEEPEST: usize = 64;
/// The maximum number of nodes, including copies by aliases: nine lines of nested aliases can make a billion.
const MOST_NODES: usize = 20_000;

/// A value and its first line, from 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// As it was written.
    Number(String),
    Text(String),
    List(Vec<Node>),
    /// In the order of the file, each key once.
    Table(Vec<(Key, Node)>),
    /// Code that would have to be executed.
    Code(String),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    pub(super) line: usize,
    pub(super) name: String,
}

/// The reason why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub(super) line: usize,
    pub(super) reason: String,
}

impl Unreadable {
    fn new(line: usize, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { line, reason }
    }

    fn too_deep(line: usize) -> Self {
        Self::new(line, format!("it nests deeper than {DEEPEST} levels"))
    }

    fn too_many(line: usize) -> Self {
        Self::new(line, format!("it expands to more than {MOST_NODES} values"))
    }
}

impl Node {
    fn new(line: usize, value: Value) -> Self {
        Self { line, value }
    }

    /// Returns the value of a key.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        let entry = self.table().iter().find(|(key, _)| key.name == name);
        entry
            .map(|(_, node)| node)
            .filter(|node| node.value != Value::Null)
    }

    /// Returns the value at a path of keys.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, name| node.get(name))
    }

    /// Returns the entries of a table; empty for other values.
    pub(super) fn table(&self) -> &[(Key, Self)] {
        match &self.value {
            Value::Table(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the items of a list; empty for other values.
    pub(super) fn list(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// Returns the items of a list, or the value itself as a list of one.
    pub(super) fn one_or_more(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            Value::Null => &[],
            _ => std::slice::from_ref(self),
        }
    }

    /// Returns the entries of a table, or of a list of `NAME=VALUE` or `NAME`.
    pub(super) fn pairs(&self) -> Vec<(Key, Self)> {
        if let Value::Table(entries) = &self.value {
            return entries.clone();
        }
        let listed = self.one_or_more().iter().filter_map(|item| {
            let text = item.scalar()?;
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name.to_owned(), Value::Text(value.to_owned())),
                None => (text, Value::Null),
            };
            let line = item.line;
            Some((Key { line, name }, Self { line, value }))
        });
        listed.collect()
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns a text, number or boolean as text.
    pub(super) fn scalar(&self) -> Option<String> {
        match &self.value {
            Value::Text(text) | Value::Number(text) => Some(text.clone()),
            Value::Bool(value) => Some(value.to_string()),
            _ => None,
        }
    }

    pub(super) fn flag(&self) -> Option<bool> {
        match &self.value {
            Value::Bool(value) => Some(*value),
            Value::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Returns a number that is not negative.
    pub(super) fn number(&self) -> Option<u64> {
        match &self.value {
            Value::Number(text) | Value::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// Returns a TCP port.
    pub(super) fn port(&self) -> Option<u16> {
        self.number()
            .and_then(|number| u16::try_from(number).ok())
            .filter(|port| *port > 0)
    }

    /// Returns the value in short, for messages.
    pub(super) fn shown(&self) -> String {
        match &self.value {
            Value::Null => "null".to_owned(),
            Value::Code(code) => shorten(code),
            Value::List(items) => {
                let items: Vec<String> = items.iter().take(4).map(Self::shown).collect();
                shorten(&format!("[{}]", items.join(", ")))
            }
            Value::Table(entries) => {
                let keys = entries.iter().take(4).map(|(key, _)| key.name.as_str());
                shorten(&format!("{{ {} }}", keys.collect::<Vec<_>>().join(", ")))
            }
            _ => shorten(&self.scalar().unwrap_or_default()),
        }
    }

    /// Returns the number of its nodes, including itself.
    fn size(&self) -> usize {
        match &self.value {
            Value::List(items) => 1 + items.iter().map(Self::size).sum::<usize>(),
            Value::Table(entries) => 1 + entries.iter().map(|(_, node)| node.size()).sum::<usize>(),
            _ => 1,
        }
    }

    /// Returns the number of its levels.
    fn depth(&self) -> usize {
        let below = match &self.value {
            Value::List(items) => items.iter().map(Self::depth).max(),
            Value::Table(entries) => entries.iter().map(|(_, node)| node.depth()).max(),
            _ => None,
        };
        1 + below.unwrap_or(0)
    }
}

/// Adds an entry, which replaces one with the same key.
fn insert(entries: &mut Vec<(Key, Node)>, key: Key, node: Node) {
    match entries.iter_mut().find(|(other, _)| other.name == key.name) {
        Some(entry) => *entry = (key, node),
        None => entries.push((key, node)),
    }
}

fn shorten(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = words.char_indices().nth(LONGEST) {
        words.truncate(end);
        words.push('…');
    }
    words
}

/// The ends of the lines of a text.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(memchr::memchr_iter(b'\n', text.as_bytes()).collect())
    }

    /// Returns the line of a byte, from 1.
    fn at(&self, offset: usize) -> usize {
        self.0.partition_point(|end| *end < offset) + 1
    }
}
