//! Patterns for the form of a log: levels, traces, headings, source locations. The messages of programs
//! are in [`crate::knowledge`].
//!
//! They know only ASCII: what programs write around an error is, and the tables of Unicode would
//! make the first look at a log take ten times as long.

use regex::bytes::Regex;

use crate::knowledge::{Found, compile};

/// A pattern that stands alone.
pub(super) struct Pattern(Regex);

impl Pattern {
    /// A pattern that is a constant of this program.
    pub(super) fn new(pattern: &str) -> Self {
        Self(compile(pattern))
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text.as_bytes())
    }

    /// Where the first match ends.
    pub(super) fn end(&self, text: &str) -> Option<usize> {
        let end = self.0.find(text.as_bytes())?.end();
        text.is_char_boundary(end).then_some(end)
    }

    /// All matches.
    pub(super) fn all<'t>(&self, text: &'t str) -> impl Iterator<Item = Found<'t>> {
        let all = self.0.captures_iter(text.as_bytes());
        all.map(|captures| Found::new(text, Some(captures)))
    }
}
