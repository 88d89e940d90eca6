//! Evaluates simple JavaScript expressions without executing them.

use super::{Node, Value, literal::TOKEN};
use crate::import::text::{Piece, ROOT, Text, is_part};

/// Evaluates an expression of strings, constants of the file, environment variables, `__dirname` and joined paths.
pub(in crate::import) fn expression(code: &str, constants: &[(String, Node)]) -> Option<Text> {
    value(code.trim(), constants, 0)
}

fn value(code: &str, constants: &[(String, Node)], depth: usize) -> Option<Text> {
    if depth > 8 {
        return None;
    }
    let inner = |code: &str| value(code.trim(), constants, depth + 1);
    let parts = split(code, "||");
    let parts = if parts.len() == 1 {
        split(code, "??")
    } else {
        parts
    };
    if let [first, second] = parts[..] {
        let Text(pieces) = inner(first)?;
        let [Piece::Variable { name, .. }] = &pieces[..] else {
            return None;
        };
        let default = Some(inner(second)?.likely());
        return Some(Text::variable(name, default));
    }
    let parts = split(code, "+");
    if parts.len() > 1 {
        let mut sum = Text::default();
        for part in parts {
            sum.append(inner(part)?);
        }
        return Some(sum);
    }
    if code == "__dirname" || code == "process.cwd()" || code == "import.meta.dirname" {
        return Some(Text::plain(ROOT));
    }
    if code == "process.execPath" {
        return Some(Text::plain("node"));
    }
    if let Some(name) = code.strip_prefix("process.env.")
        && name.chars().all(is_part)
    {
        return Some(Text::variable(name, None));
    }
    for function in ["path.join(", "path.resolve(", "join(", "resolve("] {
        if let Some(arguments) = code.strip_prefix(function) {
            let mut path = Text::default();
            for (at, part) in split(arguments.strip_suffix(')')?, ",").iter().enumerate() {
                if at > 0 {
                    path.push("/");
                }
                path.append(inner(part)?);
            }
            return Some(path);
        }
    }
    if let Some(template) = code.strip_prefix('`').and_then(|it| it.strip_suffix('`')) {
        return filled(template, inner);
    }
    let node = match constants.iter().find(|(name, _)| name == code) {
        Some((_, node)) => node.clone(),
        None => super::json(code).ok()?,
    };
    match &node.value {
        Value::Code(code) => inner(code),
        _ => node.scalar().map(Text::plain),
    }
}

fn filled(template: &str, inner: impl Fn(&str) -> Option<Text>) -> Option<Text> {
    let mut text = Text::default();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("${") {
        text.push(before);
        let (code, after) = after.split_once('}')?;
        text.append(inner(code)?);
        rest = after;
    }
    text.push(rest);
    Some(text)
}

/// Splits an expression at an operator outside of strings and brackets.
fn split<'a>(code: &'a str, operator: &str) -> Vec<&'a str> {
    let (mut parts, mut from, mut open) = (Vec::new(), 0, 0_usize);
    for token in TOKEN.find_iter(code) {
        let at = token.start();
        match token.as_str() {
            "(" | "[" | "{" => open += 1,
            ")" | "]" | "}" => open = open.saturating_sub(1),
            _ if open == 0 && at >= from && code[at..].starts_with(operator) => {
                parts.push(&code[from..at]);
                from = at + operator.len();
            }
            _ => {}
        }
    }
    parts.push(&code[from..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_expressions_are_evaluated() {
        let constants = [
            (
                "port".to_owned(),
                Node::new(1, Value::Number("3000".into())),
            ),
            (
                "base".to_owned(),
                Node::new(1, Value::Code("path.join(__dirname, 'api')".into())),
            ),
        ];
        for (code, expected) in [
            ("port", Some("3000")),
            ("base + '/x'", Some("\u{2}/api/x")),
            ("process.env.PORT || 8080", Some("${PORT:-8080}")),
            ("process.env.HOME", Some("${HOME:-}")),
            (
                "`http://localhost:${port}/`",
                Some("http://localhost:3000/"),
            ),
            (
                "path.resolve(__dirname, \"..\", 'b+c')",
                Some("\u{2}/../b+c"),
            ),
            ("os.cpus().length", None),
            ("dev ? 1 : 2", None),
            ("`${", None),
            ("'é\\", Some("é")),
        ] {
            let known = expression(code, &constants).map(|text| text.in_stack_file());
            assert_eq!(known.as_deref(), expected, "{code}");
        }
    }
}
