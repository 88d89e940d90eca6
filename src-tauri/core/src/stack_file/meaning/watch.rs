//! Validates the files that a service watches.

use std::{slice, time::Duration};

use globset::Glob;

use crate::{
    stack::{Reaction, Signal, Watch},
    stack_file::{
        findings::{Read, all},
        forms::WatchForm,
        near::shown,
        problem::ProblemKind,
        reader::{At, choose},
    },
};

use super::Meaning;

const DEBOUNCE: Duration = Duration::from_millis(200);

impl Meaning<'_, '_> {
    pub(super) fn watch(&mut self, watch: &At<WatchForm>) -> Read<Watch> {
        let (paths, table) = match &watch.value {
            WatchForm::One(path) => (slice::from_ref(path), None),
            WatchForm::List(paths) => (paths.as_slice(), None),
            WatchForm::Table(table) => (table.paths.as_slice(), Some(table)),
        };
        if paths.is_empty() {
            return self.wrong(watch, ProblemKind::Empty("the list of watched files"));
        }
        let ignore = table.and_then(|table| table.ignore.as_deref());
        let debounce = table.and_then(|table| table.debounce.as_ref());
        let reaction = table.and_then(|table| table.reaction.as_ref());
        let paths = self.patterns(paths);
        let ignore = self.patterns(ignore.unwrap_or_default());
        let debounce = self.positive_or(debounce, DEBOUNCE);
        let reaction = self.maybe(reaction, Self::reaction);
        Ok(Watch {
            paths: paths?,
            ignore: ignore?,
            debounce: debounce?,
            reaction: reaction?.unwrap_or(Reaction::Restart),
            cascade: table.and_then(|table| table.cascade).unwrap_or_default(),
        })
    }

    /// Validates patterns of files.
    pub(super) fn patterns(&mut self, patterns: &[At<String>]) -> Read<Vec<String>> {
        all(patterns.iter().map(|pattern| {
            // Braces are part of the pattern, not placeholders.
            let text = &pattern.value;
            let wrong = match Glob::new(text) {
                Ok(_) if text.trim().is_empty() => ProblemKind::Empty("a pattern"),
                Ok(_) => return Ok(text.clone()),
                Err(error) => ProblemKind::BadPattern(error.kind().to_string()),
            };
            self.wrong(pattern, wrong)
        }))
    }

    fn reaction(&mut self, word: &At<String>) -> Read<Reaction> {
        let text = word.value.as_str();
        if let Some(task) = text.strip_prefix("task:") {
            let name = At::new(task.to_owned(), word.span.clone());
            return match self.reference(&name)? {
                (task, declared) if declared.task => Ok(Reaction::Task(task)),
                _ => self.wrong(word, ProblemKind::NoTask(shown(task))),
            };
        }
        match text {
            "restart" => Ok(Reaction::Restart),
            "signal" => Ok(Reaction::Signal(Signal::HangUp)),
            _ => choose(text).map(Reaction::Signal).or_else(|_| {
                let known = vec!["restart", "signal", "SIGHUP", "task:NAME"];
                self.wrong(word, ProblemKind::unknown_value(text, known))
            }),
        }
    }
}
