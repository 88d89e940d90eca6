//! TOML.

use ::toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Key, Lines, Node, Unreadable, Value};
use pilotlight::stack_file;

pub(in crate::import) fn toml(text: &str) -> Result<Node, Unreadable> {
    let lines = Lines::of(text);
    if let Some(offset) = stack_file::too_deep(text) {
        return Err(Unreadable::too_deep(lines.at(offset)));
    }
    let table = DeTable::parse(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        Unreadable::new(lines.at(offset), error.message())
    })?;
    Ok(Node::new(1, lines.table(table.into_inner())))
}

impl Lines {
    fn node(&self, value: Spanned<DeValue<'_>>) -> Node {
        let line = self.at(value.span().start);
        let value = match value.into_inner() {
            DeValue::String(text) => Value::Text(text.into_owned()),
            DeValue::Integer(number) => Value::Number(number.to_string()),
            DeValue::Float(number) => Value::Number(number.to_string()),
            DeValue::Boolean(value) => Value::Bool(value),
            DeValue::Datetime(time) => Value::Text(time.to_string()),
            DeValue::Array(items) => {
                Value::List(items.into_iter().map(|item| self.node(item)).collect())
            }
            DeValue::Table(table) => self.table(table),
        };
        Node::new(line, value)
    }

    fn table(&self, table: DeTable<'_>) -> Value {
        let mut entries = Vec::with_capacity(table.len());
        for (key, value) in table {
            let line = self.at(key.span().start);
            let name = key.into_inner().into_owned();
            entries.push((Key { line, name }, self.node(value)));
        }
        // The parser sorts by name; users expect the order of the file.
        entries.sort_by_key(|(key, _)| key.line);
        Value::Table(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_knows_its_line() {
        let tree = toml("a = 1\n\n[z.y]\nb = [\n  'x',\n  2,\n]\n[c]\n").unwrap();
        let list = tree.at(&["z", "y", "b"]).unwrap();
        assert_eq!((list.list()[1].line, list.list()[0].line), (6, 5));
        let names: Vec<&str> = tree.table().iter().map(|(key, _)| &*key.name).collect();
        assert_eq!(names, ["a", "z", "c"]);
    }

    #[test]
    fn an_error_has_its_line() {
        assert_eq!(toml("a = 1\nb = = 2\n").unwrap_err().line, 2);
        assert!(toml(&"a.".repeat(5000)).is_err());
    }
}
