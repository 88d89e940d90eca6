//! The placeholders in strings of a stack file: `{port}`, `{port.name}`, `{service.port}`,
//! `{service.port.name}`, `{service.port.5432}`, `{saved}`, `${NAME}`,
//! `${NAME:-default}`, and `{{` and `}}` for literal braces.

use serde_json::Value;

use crate::stack::{Piece, Port, Template};

/// A part of a string.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'t> {
    /// Literal text.
    Text(&'t str),
    /// `${NAME}` or `${NAME:-default}`
    Variable {
        name: &'t str,
        default: Option<&'t str>,
    },
    /// `{name}`
    Name(&'t str),
}

/// Returns the parts of a string, or the unmatched brace.
pub(super) fn parts(text: &str) -> Result<Vec<Part<'_>>, char> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(brace) = rest.find(['{', '}']) {
        let (before, from_brace) = rest.split_at(brace);
        if from_brace.starts_with("{{") || from_brace.starts_with("}}") {
            parts.extend([Part::Text(before), Part::Text(&from_brace[..1])]);
            rest = &from_brace[2..];
            continue;
        }
        if from_brace.starts_with('}') {
            return Err('}');
        }
        let end = from_brace.find('}').ok_or('{')?;
        let inside = &from_brace[1..end];
        if let Some(before) = before.strip_suffix('$') {
            let (name, default) = match inside.split_once(":-") {
                Some((name, default)) => (name, Some(default)),
                None => (inside, None),
            };
            parts.extend([Part::Text(before), Part::Variable { name, default }]);
        } else {
            parts.extend([Part::Text(before), Part::Name(inside)]);
        }
        rest = &from_brace[end + 1..];
    }
    parts.push(Part::Text(rest));
    Ok(parts)
}

/// Returns the piece for a name in braces.
pub(super) fn piece(name: &str) -> Piece {
    if let Some(service) = name.strip_suffix(".port") {
        return Piece::PortOf(service.into());
    }
    if let Some(service) = name.strip_suffix(".host") {
        return Piece::Host(Some(service.into()));
    }
    let inside = |port: &str| port.parse().ok().and_then(Port::new);
    match (name.strip_prefix("port."), name.split_once(".port.")) {
        (Some(port), _) => Piece::NamedPort(None, port.to_owned()),
        (None, Some((service, port))) => match inside(port) {
            Some(inside) => Piece::Published(service.into(), inside),
            None => Piece::NamedPort(Some(service.into()), port.to_owned()),
        },
        (None, None) if name == "port" => Piece::OwnPort,
        (None, None) if name == "host" => Piece::Host(None),
        (None, None) => Piece::Saved(name.to_owned()),
    }
}

/// Formats a template as text for [`change_json`]. Variables are already replaced; braces in their
/// values are escaped.
pub(crate) fn written(template: &Template) -> String {
    let write = |piece: &Piece| match piece {
        Piece::Text(text) => text.replace('{', "{{").replace('}', "}}"),
        piece => piece.to_string(),
    };
    template.pieces().iter().map(write).collect()
}

/// Returns a JSON value with changed strings. Each string is the text of a template.
pub(crate) fn change_json(value: &Value, change: &impl Fn(&Template) -> String) -> Value {
    let change_item = |item: &Value| change_json(item, change);
    match value {
        Value::String(text) => Value::String(change(&read_again(text))),
        Value::Array(items) => items.iter().map(change_item).collect(),
        Value::Object(items) => {
            let items = items.iter();
            items
                .map(|(key, item)| (key.clone(), change_item(item)))
                .collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn read_again(text: &str) -> Template {
    let Ok(parts) = parts(text) else {
        return Template::text(text);
    };
    let pieces = parts.into_iter().flat_map(|part| match part {
        Part::Text(text) => vec![Piece::Text(text.to_owned())],
        Part::Name(name) => vec![piece(name)],
        // All variables are already replaced: this is a value that ends with `$`, followed by a
        // placeholder.
        Part::Variable { name, .. } => vec![Piece::Text("$".to_owned()), piece(name)],
    });
    Template::new(pieces.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubled_braces_are_literal() {
        assert_eq!(
            parts("a{{b}}{port}"),
            Ok(vec![
                Part::Text("a"),
                Part::Text("{"),
                Part::Text("b"),
                Part::Text("}"),
                Part::Text(""),
                Part::Name("port"),
                Part::Text(""),
            ])
        );
        assert_eq!(parts("awk {print"), Err('{'));
        assert_eq!(parts("a}"), Err('}'));
    }

    #[test]
    fn a_doubled_brace_after_a_dollar_keeps_a_variable_for_the_shell() {
        let kept = parts("${{HOME}}").unwrap();
        assert!(
            kept.iter().all(|part| matches!(part, Part::Text(_))),
            "{kept:?}"
        );
        assert!(parts("${HOME}").unwrap().contains(&Part::Variable {
            name: "HOME",
            default: None
        }));
    }

    #[test]
    fn a_formatted_template_is_parsed_to_the_same_template() {
        let template = Template::new(vec![
            Piece::Text("{port} $".to_owned()),
            Piece::OwnPort,
            Piece::Text("}".to_owned()),
            Piece::PortOf("redis".into()),
        ]);
        let again = read_again(&written(&template));
        assert_eq!(again.to_string(), template.to_string());
        let names = |template: &Template| {
            let texts = |piece: &&Piece| matches!(piece, Piece::Text(_));
            template.pieces().iter().filter(texts).count()
        };
        assert_eq!(again.pieces().len() - names(&again), 2, "{again:?}");
    }
}
