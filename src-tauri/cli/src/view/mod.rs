//! What a person sees. All but [`show`] and [`screen`] turns a snapshot into text and does nothing
//! else, so that its tests need no daemon.

mod card;
mod columns;
mod difference;
mod found;
mod frame;
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
pub(crate) use report::report;
pub(crate) use screen::{Screen, size_of_errors, size_of_output};
pub(crate) use show::{Over, Show, Subject};
pub(crate) use table::table;
pub(crate) use words::path;

use crate::paint::Signs;

/// What a text is drawn for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) signs: Signs,
    /// In columns; `None` if what is written is not drawn on a terminal.
    pub(crate) width: Option<usize>,
}
