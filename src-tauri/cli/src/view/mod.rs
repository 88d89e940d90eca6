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
pub(crate) use table::{problems, table};
pub(crate) use words::path;

use crate::paint::Signs;

/// The terminal that a text is drawn for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) signs: Signs,
    /// The width in columns; `None` if the output is not a terminal.
    pub(crate) width: Option<usize>,
}
