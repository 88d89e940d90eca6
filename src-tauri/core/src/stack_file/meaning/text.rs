//! Validates strings: replaces variables and checks placeholders.

use std::ops::Range;

use crate::{
    stack::{Command, Piece, ServiceName, Template},
    stack_file::{
        findings::{Read, Reported, all},
        forms::{CommandForm, TextOr},
        near::{nearest, shown},
        placeholder::{self, Part},
        problem::ProblemKind,
        reader::At,
        words,
    },
};

use super::{Declared, Meaning};

/// The scope of a string.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s> {
    /// The service of the string.
    pub(super) service: &'s ServiceName,
    /// Whether it is part of a check, which may use saved values.
    pub(super) in_check: bool,
}

impl<'s> Scope<'s> {
    pub(super) fn of(service: &'s ServiceName) -> Self {
        Self {
            service,
            in_check: false,
        }
    }
}

impl Meaning<'_, '_> {
    /// Converts a string that may contain ports.
    pub(super) fn template(&mut self, text: &At<String>, scope: Scope<'_>) -> Read<Template> {
        self.fill(text, Some(scope))
    }

    /// Converts a string that may contain variables only.
    pub(super) fn plain(&mut self, text: &At<String>) -> Read<String> {
        self.fill(text, None).map(|filled| filled.to_string())
    }

    /// Converts a plain string that must not be empty.
    pub(super) fn plain_not_empty(
        &mut self,
        text: &At<String>,
        what: &'static str,
    ) -> Read<String> {
        let filled = self.plain(text)?;
        if filled.trim().is_empty() {
            return self.wrong(text, ProblemKind::Empty(what));
        }
        Ok(filled)
    }

    fn fill(&mut self, text: &At<String>, scope: Option<Scope<'_>>) -> Read<Template> {
        if self.problems.is_full() {
            return Err(Reported);
        }
        if text.value.contains('\0') {
            return self.wrong(text, ProblemKind::Nul);
        }
        let parts = match placeholder::parts(&text.value) {
            Ok(parts) => parts,
            Err(brace) => return self.wrong(text, ProblemKind::LoneBrace(brace)),
        };
        let pieces: Vec<Piece> = all(parts.into_iter().map(|part| {
            let (written, piece) = match part {
                Part::Text(literal) => return Ok(Piece::Text(literal.to_owned())),
                Part::Variable { name, default } => {
                    (format!("${{{name}"), self.variable(name, default))
                }
                Part::Name(name) => (format!("{{{name}}}"), self.piece(name, scope)),
            };
            piece.map_err(|kind| {
                let place = self.place_of(&written, &text.span);
                self.problems.add(place, kind)
            })
        }))?;
        Ok(Template::new(joined(pieces)))
    }

    /// Returns the value of a variable. As in a shell, the default of `${NAME:-default}` also
    /// replaces an empty value.
    fn variable(&self, name: &str, default: Option<&str>) -> Result<Piece, ProblemKind> {
        let set = self.environment.get(name);
        let text = match (set, default) {
            (Some(value), Some(default)) if value.is_empty() => default,
            (Some(value), _) => value
                .to_str()
                .ok_or_else(|| ProblemKind::VariableNotText(shown(name)))?,
            (None, Some(default)) => default,
            (None, None) => return Err(ProblemKind::UnsetVariable(shown(name))),
        };
        Ok(Piece::Text(text.to_owned()))
    }

    fn piece(&self, name: &str, scope: Option<Scope<'_>>) -> Result<Piece, ProblemKind> {
        let Some(scope) = scope else {
            return Err(ProblemKind::UnknownPlaceholder {
                name: shown(name),
                suggestion: None,
            });
        };
        let piece = placeholder::piece(name);
        let service = match &piece {
            Piece::OwnPort => scope.service,
            Piece::PortOf(service) | Piece::Published(service, _) => service,
            Piece::NamedPort(service, port) => {
                let service = service.as_ref().unwrap_or(scope.service);
                return self.named_port(service, port, name, scope);
            }
            Piece::Host(service) => {
                let service = service.as_ref().unwrap_or(scope.service);
                return match self.services.get(service.as_str()) {
                    Some(_) => Ok(piece),
                    None => Err(self.unknown_placeholder(name, scope)),
                };
            }
            Piece::Saved(saved) if scope.in_check && self.saved.contains(saved) => {
                return Ok(piece);
            }
            Piece::Saved(_) | Piece::Text(_) => return Err(self.unknown_placeholder(name, scope)),
        };
        match self.services.get(service.as_str()) {
            Some(declared) if declared.contained => Ok(piece),
            // A service that is not chosen only has its declared port.
            Some(Declared {
                port: Some(port),
                chosen: false,
                ..
            }) => Ok(Piece::Text(port.to_string())),
            Some(declared) if declared.port.is_some() && !is_published(&piece) => Ok(piece),
            Some(_) => Err(ProblemKind::NoPort(service.clone())),
            None => Err(self.unknown_placeholder(name, scope)),
        }
    }

    /// Returns the piece for a named port. If it is the service's main port too, it follows changes
    /// of that.
    fn named_port(
        &self,
        service: &ServiceName,
        port: &str,
        written: &str,
        scope: Scope<'_>,
    ) -> Result<Piece, ProblemKind> {
        let Some(declared) = self.services.get(service.as_str()) else {
            return Err(self.unknown_placeholder(written, scope));
        };
        let mut named = declared.named.iter();
        let Some((_, found)) = named.find(|(name, _)| name.value == port) else {
            let known = declared.named.iter().map(|(name, _)| &*name.value);
            return Err(ProblemKind::unknown("port", port, known.collect()));
        };
        let found = found.value.0;
        Ok(if !declared.chosen {
            Piece::Text(found.to_string())
        } else if declared.port != Some(found) {
            Piece::NamedPort(Some(service.clone()), port.to_owned())
        } else if service == scope.service {
            Piece::OwnPort
        } else {
            Piece::PortOf(service.clone())
        })
    }

    fn unknown_placeholder(&self, name: &str, scope: Scope<'_>) -> ProblemKind {
        let suggestion = match name.strip_suffix(".port") {
            Some(service) => self
                .nearest_service(service)
                .map(|near| format!("{near}.port")),
            None if self.services.contains_key(name) => Some(format!("{name}.port")),
            None => {
                let saved = self.saved.iter().filter(|_| scope.in_check);
                nearest(name, saved.map(String::as_str).chain(["port"]))
            }
        };
        ProblemKind::UnknownPlaceholder {
            name: shown(name),
            suggestion,
        }
    }

    /// Returns its position in the string if it appears there without escapes.
    fn place_of(&self, written: &str, string: &Range<usize>) -> Range<usize> {
        let found = self
            .problems
            .text
            .get(string.clone())
            .and_then(|source| source.find(written));
        match found {
            Some(offset) => string.start + offset..string.start + offset + written.len(),
            None => string.clone(),
        }
    }

    /// Converts a program and its arguments.
    pub(super) fn command(&mut self, form: &At<CommandForm>, scope: Scope<'_>) -> Read<Command> {
        let words = self.argv(form)?;
        let words: Vec<Template> = all(words.iter().map(|word| self.template(word, scope)))?;
        match words.first() {
            Some(program) if !program.pieces().is_empty() => Ok(Command::Argv(words)),
            _ => self.wrong(form, ProblemKind::Empty("a command")),
        }
    }

    /// Returns the words of a command before placeholders are filled.
    pub(super) fn argv(&mut self, form: &At<CommandForm>) -> Read<Vec<At<String>>> {
        let line = match &form.value {
            TextOr::Text(line) => line,
            TextOr::Full(words) => return Ok(words.to_vec()),
        };
        let at_line = |word| At::new(word, line.span.clone());
        match words::split(&line.value) {
            Some(words) => Ok(words.into_iter().map(at_line).collect()),
            None => self.wrong(line, ProblemKind::OpenQuote),
        }
    }
}

fn is_published(piece: &Piece) -> bool {
    matches!(piece, Piece::Published(..))
}

/// Joins adjacent texts and removes empty ones.
fn joined(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (joined.last_mut(), piece) {
            (_, Piece::Text(text)) if text.is_empty() => {}
            (Some(Piece::Text(before)), Piece::Text(text)) => before.push_str(&text),
            (_, piece) => joined.push(piece),
        }
    }
    joined
}
