//! `log`: a line of this run's log matches a regular expression.

use std::future::{Future, pending};

use regex::Regex;
use tokio::sync::mpsc;

use crate::effects::log::without_ansi;

/// The lines of the log of a run, from its first one on, as they come.
pub trait Lines: Send {
    /// The next line, without its end; `None` when no more will come. Dropping the future loses
    /// no line.
    fn next(&mut self) -> impl Future<Output = Option<String>> + Send;
}

impl Lines for mpsc::Receiver<String> {
    fn next(&mut self) -> impl Future<Output = Option<String>> + Send {
        self.recv()
    }
}

/// What a log has yet to say.
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

    /// The first pattern that no line has matched yet.
    pub(super) fn first_missing(&self) -> Option<&Regex> {
        self.missing.first()
    }

    /// Ends with a line that matches one of the missing patterns, or more. It never ends if the
    /// lines do so first: then the process has ended too, and that says it all. Dropping the
    /// future loses nothing.
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
