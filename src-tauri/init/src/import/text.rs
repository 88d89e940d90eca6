//! Text with environment variables in the notation of another tool. A stack file has its own notation for them.

use std::collections::BTreeMap;

use crate::draft::plain;

/// A text, and the variables in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text(pub(super) Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Plain(String),
    Variable {
        name: String,
        /// The value if it is not set or empty.
        default: Option<String>,
    },
}

/// A placeholder for the project's folder, until the working folder is known.
pub(super) const ROOT: &str = "\u{2}";

/// Replaces [`ROOT`] by the path from `directory`, which is relative to the project.
pub(super) fn in_folder(text: &str, directory: &str) -> String {
    let depth = directory.split('/').filter(|it| !it.is_empty()).count();
    let up = match depth {
        0 => ".".to_owned(),
        _ => vec![".."; depth].join("/"),
    };
    // A path within this folder needs no `..`.
    let text = match depth {
        0 => text.to_owned(),
        _ => text.replace(&format!("{ROOT}/{directory}/"), "./"),
    };
    text.replace(ROOT, &up)
}

/// Known values of variables: the `.env` file that a tool reads by itself.
pub(super) type Known = BTreeMap<String, String>;

impl Text {
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self(vec![Piece::Plain(text.into())])
    }

    pub(super) fn variable(name: &str, default: Option<String>) -> Self {
        let name = name.to_owned();
        Self(vec![Piece::Variable { name, default }])
    }

    /// Parses the notation of compose: `$NAME`, `${NAME}`, `${NAME:-default}`, `$$`.
    pub(super) fn interpolated(text: &str) -> Self {
        let mut pieces = Self::default();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            pieces.push(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('$') {
                pieces.push("$");
                rest = after;
            } else if let Some((inside, after)) = braced(rest) {
                pieces.append(variable(inside));
                rest = after;
            } else {
                let end = rest.find(|it| !is_part(it)).unwrap_or(rest.len());
                if end == 0 || rest.starts_with(|first: char| first.is_ascii_digit()) {
                    pieces.push("$");
                } else {
                    pieces.append(Self::variable(&rest[..end], None));
                    rest = &rest[end..];
                }
            }
        }
        pieces.push(rest);
        pieces
    }

    pub(super) fn push(&mut self, text: &str) {
        match self.0.last_mut() {
            Some(Piece::Plain(last)) => last.push_str(text),
            _ if text.is_empty() => {}
            _ => self.0.push(Piece::Plain(text.to_owned())),
        }
    }

    pub(super) fn append(&mut self, other: Self) {
        for piece in other.0 {
            match piece {
                Piece::Plain(text) => self.push(&text),
                Piece::Variable { .. } => self.0.push(piece),
            }
        }
    }

    /// Replaces the defaults of variables by their known values.
    pub(super) fn knowing(mut self, known: &Known) -> Self {
        for piece in &mut self.0 {
            if let Piece::Variable { name, default } = piece
                && let Some(value) = known.get(name).filter(|value| !value.is_empty())
            {
                *default = Some(value.clone());
            }
        }
        self
    }

    /// Returns whether the value of a variable is not known.
    pub(super) fn has_unknown(&self) -> bool {
        let mut pieces = self.0.iter();
        pieces.any(|piece| matches!(piece, Piece::Variable { default: None, .. }))
    }

    /// Returns the text if no variable is set: defaults, or nothing.
    pub(super) fn likely(&self) -> String {
        let likely = |piece: &Piece| match piece {
            Piece::Plain(text) => text.clone(),
            Piece::Variable { default, .. } => default.clone().unwrap_or_default(),
        };
        self.0.iter().map(likely).collect()
    }

    /// Returns the text in the notation of a stack file.
    pub(super) fn in_stack_file(&self) -> String {
        self.written(plain)
    }

    /// Returns the text in the notation of a shell.
    pub(super) fn in_shell(&self) -> String {
        self.written(str::to_owned)
    }

    fn written(&self, escape: fn(&str) -> String) -> String {
        let written = self.0.iter().map(|piece| match piece {
            Piece::Plain(text) => escape(text),
            Piece::Variable { name, default } => match default {
                None => format!("${{{name}:-}}"),
                // A default ends at the first brace.
                Some(default) if !default.contains(['{', '}']) => format!("${{{name}:-{default}}}"),
                Some(default) => escape(default),
            },
        });
        written.collect()
    }
}

/// Parses the notation of VS Code. `None` if only VS Code knows one of the variables.
pub(super) fn vs_code(text: &str) -> Option<Text> {
    let mut filled = Text::default();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        filled.push(before);
        let (name, after) = after.split_once('}')?;
        match name.split_once(':').unwrap_or((name, "")) {
            ("workspaceFolder" | "workspaceRoot" | "cwd" | "fileWorkspaceFolder", _) => {
                filled.push(ROOT);
            }
            ("env", name) => filled.append(Text::variable(name, None)),
            ("pathSeparator" | "/", _) => filled.push("/"),
            ("userHome", _) => filled.append(Text::variable("HOME", None)),
            _ => return None,
        }
        rest = after;
    }
    filled.push(rest);
    Some(filled)
}

/// Returns whether a value is a single variable without a default: the program inherits that variable anyway, and
/// an empty value would hide the value in a `.env` file.
pub(super) fn is_unset(value: &str) -> bool {
    value.starts_with("${") && value.ends_with(":-}") && value.matches("${").count() == 1
}

/// Splits a text after the braces at its start, without the braces.
fn braced(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('{')?;
    let mut depth = 1_usize;
    for (at, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((&text[..at], &text[at + 1..]));
        }
    }
    None
}

/// `NAME`, `NAME:-default`, `NAME-default`, `NAME:?message`, `NAME:+other`.
fn variable(inside: &str) -> Text {
    let end = inside.find(|it| !is_part(it)).unwrap_or(inside.len());
    let (name, rest) = inside.split_at(end);
    let default = rest
        .strip_prefix(":-")
        .or_else(|| rest.strip_prefix('-'))
        // A default may contain variables.
        .map(|default| Text::interpolated(default).likely())
        .filter(|default| !default.is_empty());
    Text::variable(name, default)
}

pub(super) fn is_part(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_compose_become_those_of_a_stack_file() {
        let text = |text: &str| Text::interpolated(text).in_stack_file();
        assert_eq!(
            text("a $$b ${C:-d}/$E ${F:?no}"),
            "a $b ${C:-d}/${E:-} ${F:-}"
        );
        assert_eq!(text("{x}"), "{{x}}");
        assert_eq!(text("${A:-${B:-c}}"), "${A:-c}");
        assert_eq!(text("$1 $ ${"), "$1 $ ${{");
    }

    #[test]
    fn a_known_value_replaces_a_variable() {
        let known = Known::from([("PORT".to_owned(), "81".to_owned())]);
        let text = Text::interpolated("${PORT:-80}:80").knowing(&known);
        assert_eq!(text.likely(), "81:80");
        assert!(is_unset(&Text::interpolated("$X").in_stack_file()));
    }
}
