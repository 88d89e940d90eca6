//! Collects problems with their byte ranges in the text.

use std::ops::Range;

use super::problem::ProblemKind;

/// A problem with its byte range.
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

/// The problems found so far.
#[derive(Debug)]
pub(super) struct Problems<'a> {
    /// The text to which all spans refer.
    pub(super) text: &'a str,
    found: Vec<Finding>,
}

/// The maximum number of problems: more than a user reads at once, and few enough that hostile
/// files are rejected quickly.
pub(super) const MOST_PROBLEMS: usize = 20;

impl<'a> Problems<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            found: Vec::new(),
        }
    }

    /// Adds a problem and returns [`Reported`].
    pub(super) fn add(&mut self, span: Range<usize>, kind: ProblemKind) -> Reported {
        self.add_with(span, kind, Vec::new())
    }

    /// Adds a problem that refers to other places of the file.
    pub(super) fn add_with(
        &mut self,
        span: Range<usize>,
        kind: ProblemKind,
        others: Vec<(Range<usize>, String)>,
    ) -> Reported {
        // A value that several services extend is read once for each of them.
        let is_known = |found: &Finding| found.span == span && found.kind == kind;
        if !self.is_full() && !self.found.iter().any(is_known) {
            self.found.push(Finding { kind, span, others });
        }
        Reported
    }

    /// Returns whether the maximum is reached.
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

/// The absence of a value whose problem has been added to [`Problems`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Reported;

/// A value, or a reported problem.
pub(super) type Read<T> = Result<T, Reported>;

/// Returns all values if all are valid. Reports the problems of each value, not only of the first
/// invalid one.
pub(super) fn all<T, C: FromIterator<T>>(items: impl Iterator<Item = Read<T>>) -> Read<C> {
    let items: Vec<_> = items.collect();
    items.into_iter().collect()
}
