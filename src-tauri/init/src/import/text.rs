//! Text that other tools fill in when they read it: variables of the environment in it are kept apart,
//! since a stack file has a notation of its own for them.

use std::collections::BTreeMap;

/// A text, and the variables in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text(pub(super) Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Plain(String),
    Variable {
        name: String,
        /// What stands for it where it is not set, or empty.
        default: Option<String>,
    },
}

/// Stands for the folder of the file that a text comes from, until it is known where that text is used.
pub(super) const ROOT: &str = "\u{2}";

/// A text with [`ROOT`] in it, as it is right in `directory`; both are folders of the project.
pub(super) fn in_folder(text: &str, root: &str, directory: Option<&str>) -> String {
    if !text.contains(ROOT) {
        return text.to_owned();
    }
    let parts = |path: &str| -> Vec<String> {
        path.split('/')
            .filter(|it| !it.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let (root, here) = (parts(root), parts(directory.unwrap_or("")));
    let common = root
        .iter()
        .zip(&here)
        .take_while(|(one, other)| one == other)
        .count();
    let mut way: Vec<String> = vec!["..".to_owned(); here.len() - common];
    way.extend_from_slice(&root[common..]);
    let mut written = String::new();
    for (at, part) in text.split(ROOT).enumerate() {
        if at == 0 {
            written.push_str(part);
            continue;
        }
        // What is in this very folder has no need of the way up and down again.
        let down = format!("/{}/", here.join("/"));
        let short = (root.is_empty() && !here.is_empty())
            .then(|| part.strip_prefix(&down))
            .flatten();
        match short {
            Some(rest) => written.extend(["./", rest]),
            None if way.is_empty() => written.extend([".", part]),
            None => written.extend([way.join("/").as_str(), part]),
        }
    }
    written
}

/// What stands for a variable, if that is known: the `.env` file of a tool that reads one by itself.
pub(super) type Known = BTreeMap<String, String>;

impl Text {
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self(vec![Piece::Plain(text.into())])
    }

    /// A text in the notation of compose: `$NAME`, `${NAME}`, `${NAME:-default}`, `$$`.
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
                pieces.0.push(variable(inside));
                rest = after;
            } else {
                let end = rest.find(|it| !is_part(it)).unwrap_or(rest.len());
                if end == 0 || rest.starts_with(|first: char| first.is_ascii_digit()) {
                    pieces.push("$");
                } else {
                    let name = rest[..end].to_owned();
                    pieces.0.push(Piece::Variable {
                        name,
                        default: None,
                    });
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

    /// With what is known for a variable in the place of its default.
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

    /// Whether it has a variable whose value is not known.
    pub(super) fn has_unknown(&self) -> bool {
        let mut pieces = self.0.iter();
        pieces.any(|piece| matches!(piece, Piece::Variable { default: None, .. }))
    }

    /// What it is where nothing else is set: defaults, and nothing where there is none.
    pub(super) fn likely(&self) -> String {
        let likely = |piece: &Piece| match piece {
            Piece::Plain(text) => text.clone(),
            Piece::Variable { default, .. } => default.clone().unwrap_or_default(),
        };
        self.0.iter().map(likely).collect()
    }

    /// As it stands in a string of a stack file.
    pub(super) fn in_stack_file(&self) -> String {
        let mut written = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Plain(text) => written.push_str(&escape(text)),
                // A default is taken as it stands, up to the brace that ends it.
                Piece::Variable {
                    name,
                    default: Some(default),
                } if !default.contains(['{', '}']) => {
                    written.extend(["${", name, ":-", default, "}"]);
                }
                Piece::Variable {
                    default: Some(default),
                    ..
                } => written.push_str(&escape(default)),
                Piece::Variable {
                    name,
                    default: None,
                } => written.extend(["${", name, ":-}"]),
            }
        }
        written
    }
}

/// Whether a value is only a variable that may not be set: the program sees that variable anyway, and an empty
/// one would hide what a file of variables sets.
pub(super) fn is_unset(value: &str) -> bool {
    value.starts_with("${") && value.ends_with(":-}") && value.matches("${").count() == 1
}

/// Doubles what a stack file would fill in.
pub(super) fn escape(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

/// What stands in the braces at the beginning of a text, and what comes after them.
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
fn variable(inside: &str) -> Piece {
    let end = inside.find(|it| !is_part(it)).unwrap_or(inside.len());
    let (name, rest) = inside.split_at(end);
    let default = rest
        .strip_prefix(":-")
        .or_else(|| rest.strip_prefix('-'))
        // A default may have variables of its own.
        .map(|default| Text::interpolated(default).likely())
        .filter(|default| !default.is_empty());
    Piece::Variable {
        name: name.to_owned(),
        default,
    }
}

fn is_part(character: char) -> bool {
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
    fn what_is_known_stands_for_a_variable() {
        let known = Known::from([("PORT".to_owned(), "81".to_owned())]);
        let text = Text::interpolated("${PORT:-80}:80").knowing(&known);
        assert_eq!(text.likely(), "81:80");
        assert!(is_unset(&Text::interpolated("$X").in_stack_file()));
    }
}
