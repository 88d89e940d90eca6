//! What is wrong, while it is being found: bytes of the text, not yet a place for a person.

use std::ops::Range;

use super::problem::ProblemKind;

/// A problem as it is found: bytes of the text, not yet a place.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) kind: ProblemKind,
    pub(super) span: Range<usize>,
    pub(super) others: Vec<(Range<usize>, String)>,
}

impl Finding {
    pub(super) fn new(span: Range<usize>, kind: ProblemKind) -> Self {
        Self {
            kind,
            span,
            others: Vec::new(),
        }
    }
}

/// What has been found wrong so far.
#[derive(Debug)]
pub(super) struct Problems<'a> {
    /// The text that all spans point into.
    pub(super) text: &'a str,
    found: Vec<Finding>,
}

/// More problems than a person reads at once, and few enough that hostile files are refused quickly.
pub(super) const MOST_PROBLEMS: usize = 20;

impl<'a> Problems<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            found: Vec::new(),
        }
    }

    /// Says what is wrong at this place, for the caller to hand on that it is said.
    pub(super) fn add(&mut self, span: Range<usize>, kind: ProblemKind) -> Told {
        self.add_with(span, kind, Vec::new())
    }

    /// A problem that other places of the file have a part in.
    pub(super) fn add_with(
        &mut self,
        span: Range<usize>,
        kind: ProblemKind,
        others: Vec<(Range<usize>, String)>,
    ) -> Told {
        if !self.is_full() {
            self.found.push(Finding { kind, span, others });
        }
        Told
    }

    /// Whether looking for more would be in vain.
    pub(super) fn is_full(&self) -> bool {
        self.found.len() >= MOST_PROBLEMS
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.found
    }
}

/// What is wrong has been told to [`Problems`]; there is nothing to go on with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told;

/// What was read, unless something is wrong with it.
pub(super) type Read<T> = Result<T, Told>;

/// All of them, if all are right. What is wrong with any is told, not only with the first.
pub(super) fn all<T, C: FromIterator<T>>(items: impl Iterator<Item = Read<T>>) -> Read<C> {
    let items: Vec<_> = items.collect();
    items.into_iter().collect()
}
