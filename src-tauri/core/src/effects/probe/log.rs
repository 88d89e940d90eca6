//! `log`: a line of this run's log matches a regular expression.

use std::future::{Future, pending};

use regex::Regex;
use tokio::sync::mpsc;

use crate::effects::log::without_ansi;

/// The log lines of a run, from the first one, as they are written.
pub trait Lines: Send {
    /// Returns the next line, without its newline; `None` at the end. Cancel-safe.
    fn next(&mut self) -> impl Future<Output = Option<String>> + Send;
}

impl Lines for mpsc::Receiver<String> {
    fn next(&mut self) -> impl Future<Output = Option<String>> + Send {
        self.recv()
    }
}

/// Patterns that no log line has matched yet.
pub(super) struct Awaited<L> {
    missing: Vec<Regex>,
    lines: Option<L>,
}

impl<L: Lines> Awaited<L> {
    pub(super) fn new(patterns: Vec<Regex>, lines: Option<L>) -> Self {
        Self {
            missing: patterns,
            lines,
        }
    }

    /// Returns the first pattern without a match.
    pub(super) fn first_missing(&self) -> Option<&Regex> {
        self.missing.first()
    }

    /// Waits for a line that matches a missing pattern. Never returns if the lines end first: then
    /// the process has exited, which is reported separately. Cancel-safe.
    pub(super) async fn next_match(&mut self) {
        let before = self.missing.len();
        while self.missing.len() == before {
            let line = match &mut self.lines {
                Some(lines) => lines.next().await,
                None => None,
            };
            match line {
                Some(line) => {
                    let text = without_ansi(&line);
                    self.missing.retain(|pattern| !pattern.is_match(&text));
                }
                None => pending().await,
            }
        }
    }
}
