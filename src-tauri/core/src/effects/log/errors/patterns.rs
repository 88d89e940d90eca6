//! Patterns that are looked for together.
//!
//! They know only ASCII: what programs write around an error is, and the tables of Unicode would
//! make the first look at a log take ten times as long.

use regex::bytes::{Captures, Regex, RegexBuilder, RegexSet, RegexSetBuilder};

/// Patterns, each with what it means, in the order in which they count.
pub(super) struct Patterns<M> {
    set: RegexSet,
    each: Vec<(Regex, M)>,
}

/// What a pattern has found in a text.
pub(super) struct Found<'t> {
    text: &'t str,
    captures: Captures<'t>,
}

/// A pattern that stands alone.
pub(super) struct Pattern(Regex);

impl<M> Patterns<M> {
    /// Patterns that are constants of this program.
    pub(super) fn new(patterns: impl IntoIterator<Item = (&'static str, M)>) -> Self {
        let each: Vec<(Regex, M)> = patterns
            .into_iter()
            .map(|(pattern, meaning)| (compile(pattern), meaning))
            .collect();
        let set = RegexSetBuilder::new(each.iter().map(|(regex, _)| regex.as_str()))
            .unicode(false)
            .build();
        #[expect(clippy::expect_used, reason = "each of them compiles")]
        let set = set.expect("patterns that compile");
        Self { set, each }
    }

    /// All that match, the first pattern first.
    pub(super) fn matches<'p, 't>(
        &'p self,
        text: &'t str,
    ) -> impl Iterator<Item = (Found<'t>, &'p M)> + use<'p, 't, M> {
        let found: Vec<usize> = self.set.matches(text.as_bytes()).into_iter().collect();
        found.into_iter().flat_map(move |at| {
            let (regex, meaning) = &self.each[at];
            let all = regex.captures_iter(text.as_bytes());
            all.map(move |captures| (Found { text, captures }, meaning))
        })
    }
}

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

    /// The whole of it.
    pub(super) fn whole(&self) -> &'t str {
        let range = self.captures.get(0).map(|whole| whole.range());
        range
            .and_then(|range| self.text.get(range))
            .unwrap_or_default()
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
