//! The output for people. All modules but [`show`] and [`screen`] only turn a snapshot into text, so
//! that their tests need no daemon.

mod card;
mod columns;
mod difference;
mod found;
mod frame;
mod log;
mod plain;
mod report;
mod screen;
mod show;
mod table;
mod tails;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use card::card;
pub(crate) use difference::difference;
pub(crate) use found::found;
pub(crate) use log::origin;
pub(crate) use report::report;
pub(crate) use screen::{Screen, size_of_errors, size_of_output};
pub(crate) use show::{Over, Show, Subject};
pub(crate) use table::{failures, problems, table};

use crate::paint::{self, Signs};

/// The terminal that a text is drawn for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) signs: Signs,
    /// The width in columns; `None` if the output is not a terminal.
    pub(crate) width: Option<usize>,
}

impl Look {
    /// Returns the terminal of the standard output.
    pub(crate) fn of_output() -> Self {
        Self {
            width: paint::output_is_drawn().then(|| size_of_output().0),
            ..Self::unlimited()
        }
    }

    /// Returns the terminal of the standard error.
    pub(crate) fn of_errors() -> Self {
        Self {
            width: paint::errors_are_drawn().then(|| size_of_errors().0),
            ..Self::unlimited()
        }
    }

    /// Returns this terminal for lines of any width.
    pub(crate) fn unlimited() -> Self {
        Self {
            signs: Signs::of_this_terminal(),
            width: None,
        }
    }
}
