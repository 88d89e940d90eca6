//! Patterns for the form of a log: traces, headings, source locations. The messages of programs are in
//! [`crate::knowledge`].
//!
//! They know only ASCII: what programs write around an error is, and the tables of Unicode would
//! make the first look at a log take ten times as long.

use regex::bytes::{Captures, Regex, RegexBuilder};

/// What a pattern has found in a text.
pub(super) struct Found<'t> {
    text: &'t str,
    captures: Captures<'t>,
}

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
        all.map(move |captures| Found { text, captures })
    }
}

impl<'t> Found<'t> {
    /// What a group holds.
    pub(super) fn group(&self, name: &str) -> Option<&'t str> {
        self.text.get(self.captures.name(name)?.range())
    }
}

#[expect(
    clippy::expect_used,
    reason = "the patterns are constants; a test compiles them"
)]
fn compile(pattern: &str) -> Regex {
    let built = RegexBuilder::new(pattern).unicode(false).build();
    built.expect("the pattern is valid")
}
