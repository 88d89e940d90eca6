//! Text in columns.

use anstyle::Style;

use crate::paint::{PLAIN, pad, pad_left, width};

/// A text in a style.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) style: Style,
}

impl Cell {
    pub(super) fn new(style: Style, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { text, style }
    }

    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self::new(PLAIN, text)
    }
}

/// The number of columns that are aligned left: the sign, the name and the state of a service.
const LEFT: usize = 3;

/// Returns the lines of a table. A column without texts is left out, unless it has a width of
/// `at_least`. Two blanks separate columns.
pub(super) fn lines<const N: usize>(
    titles: Option<[Cell; N]>,
    rows: Vec<[Cell; N]>,
    at_least: [usize; N],
) -> Vec<String> {
    let mut columns = at_least;
    for row in &rows {
        for (column, cell) in columns.iter_mut().zip(row) {
            *column = (*column).max(width(&cell.text));
        }
    }
    for (column, title) in columns.iter_mut().zip(titles.iter().flatten()) {
        if *column > 0 {
            *column = (*column).max(width(&title.text));
        }
    }
    let line = |row: [Cell; N]| {
        let cells = row.into_iter().zip(columns).enumerate();
        let shown = cells.filter(|(_, (_, column))| *column > 0);
        let shown = shown.map(|(place, (cell, column))| {
            let pad = if place < LEFT { pad } else { pad_left };
            pad(cell.style, &cell.text, column)
        });
        let line = shown.collect::<Vec<_>>().join("  ");
        line.trim_end().to_owned()
    };
    titles.into_iter().chain(rows).map(line).collect()
}
