//! Patterns for the form of log lines: levels, traces, headings, source locations. The messages of
//! programs are in [`crate::knowledge`].
//!
//! They match only ASCII, which is enough for the text around an error: Unicode tables would make
//! the first read of a log take ten times as long.

use regex::bytes::Regex;

use crate::knowledge::{Found, compile};

/// A pattern that is used alone, not in a set.
pub(super) struct Pattern(Regex);

impl Pattern {
    /// Compiles a constant pattern of this program.
    pub(super) fn new(pattern: &str) -> Self {
        Self(compile(pattern))
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text.as_bytes())
    }

    /// Returns the end of the first match.
    pub(super) fn end(&self, text: &str) -> Option<usize> {
        let end = self.0.find(text.as_bytes())?.end();
        text.is_char_boundary(end).then_some(end)
    }

    /// Returns all matches.
    pub(super) fn all<'t>(&self, text: &'t str) -> impl Iterator<Item = Found<'t>> {
        let all = self.0.captures_iter(text.as_bytes());
        all.map(|captures| Found::new(text, Some(captures)))
    }
}
