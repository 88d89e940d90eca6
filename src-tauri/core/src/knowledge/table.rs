//! Tables of entries, and the search for those that match a line.
//!
//! Patterns are ASCII only, like the fixed text of error messages: Unicode tables would make the
//! first read of a log take ten times as long.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::bytes::{Captures, Regex, RegexBuilder};

/// Entries that are searched together, in order of precedence.
pub(super) struct Table<M: 'static> {
    pub(super) entries: &'static [Entry<M>],
    /// The prefixes of the literals, in lower case.
    pub(super) beginnings: &'static [&'static str],
    /// The literals with each prefix.
    pub(super) literals: &'static [&'static [Literal]],
}

pub(super) struct Entry<M: 'static> {
    pub(super) id: &'static str,
    /// The name of its file: the ecosystem.
    pub(super) file: &'static str,
    /// The patterns of the entry.
    pub(super) says: &'static [&'static str],
    pub(super) meaning: M,
}

/// A literal that leads to an entry, matched case-insensitively.
pub(super) struct Literal {
    /// In lower case.
    pub(super) text: &'static str,
    /// The index of the entry.
    pub(super) entry: usize,
    /// Whether the literal alone is sufficient, without a pattern.
    pub(super) suffices: bool,
}

/// A table with its compiled patterns.
pub(super) struct Known<M: 'static> {
    table: &'static Table<M>,
    beginnings: AhoCorasick,
    /// The compiled patterns of each entry, filled on first use.
    compiled: Vec<OnceLock<Vec<Regex>>>,
}

/// A match in a text.
pub(crate) struct Found<'t> {
    text: &'t str,
    /// `None` if a sufficient literal matched.
    captures: Option<Captures<'t>>,
}

impl<M> Table<M> {
    /// Returns the patterns and the sufficient literals of an entry.
    pub(super) fn says(&self, place: usize) -> Vec<&'static str> {
        let literals = self.literals.iter().copied().flatten();
        let own = literals.filter(|literal| literal.entry == place && literal.suffices);
        let patterns = self.entries[place].says.iter().copied();
        patterns.chain(own.map(|literal| literal.text)).collect()
    }
}

impl<M> Known<M> {
    #[expect(clippy::expect_used, reason = "a test builds it")]
    pub(super) fn new(table: &'static Table<M>) -> Self {
        let beginnings = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(table.beginnings)
            .expect("literals that are short and few");
        Self {
            table,
            beginnings,
            compiled: table.entries.iter().map(|_| OnceLock::new()).collect(),
        }
    }

    /// Returns all matches in the order of the entries.
    pub(super) fn matches<'t>(
        &'static self,
        text: &'t str,
    ) -> impl Iterator<Item = (&'static Entry<M>, Found<'t>)> {
        let mut candidates: Vec<(usize, bool)> = Vec::new();
        for found in self.beginnings.find_overlapping_iter(text) {
            let rest = &text.as_bytes()[found.start()..];
            for literal in self.table.literals[found.pattern().as_usize()] {
                let there = rest.get(..literal.text.len());
                if there.is_some_and(|there| there.eq_ignore_ascii_case(literal.text.as_bytes())) {
                    candidates.push((literal.entry, !literal.suffices));
                }
            }
        }
        candidates.sort_unstable();
        candidates.dedup();
        candidates.into_iter().flat_map(move |(place, by_pattern)| {
            let patterns = if by_pattern {
                self.patterns(place)
            } else {
                &[]
            };
            let by_pattern_all = patterns
                .iter()
                .flat_map(|regex| regex.captures_iter(text.as_bytes()));
            let by_itself = (!by_pattern).then_some(None);
            let all = by_itself.into_iter().chain(by_pattern_all.map(Some));
            let entry = &self.table.entries[place];
            all.map(move |captures| (entry, Found::new(text, captures)))
        })
    }

    fn patterns(&self, place: usize) -> &[Regex] {
        self.compiled[place].get_or_init(|| {
            let says = self.table.entries[place].says.iter();
            says.copied().map(compile).collect()
        })
    }
}

impl<'t> Found<'t> {
    pub(crate) fn new(text: &'t str, captures: Option<Captures<'t>>) -> Self {
        Self { text, captures }
    }

    /// Returns the value of a group.
    pub(crate) fn group(&self, name: &str) -> Option<&'t str> {
        let captures = self.captures.as_ref()?;
        self.text.get(captures.name(name)?.range())
    }

    /// Fills the values of the groups into a template. `{service}` stays. Returns `None` if a group
    /// has no value.
    pub(crate) fn fill(&self, template: &str) -> Option<String> {
        let mut filled = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}')?;
            filled.push_str(before);
            match name {
                "service" => filled.push_str("{service}"),
                name => filled.push_str(self.group(name)?),
            }
            rest = after;
        }
        Some(filled + rest)
    }
}

/// Compiles a constant pattern of this program.
#[expect(clippy::expect_used, reason = "a test compiles all of them")]
pub(crate) fn compile(pattern: &str) -> Regex {
    let built = RegexBuilder::new(pattern).unicode(false).build();
    built.expect("the pattern is valid")
}
