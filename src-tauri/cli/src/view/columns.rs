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

/// On which side of a column its texts stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// The lines of a table. A column in which only its title would stand is left out, unless it is to
/// be so wide `at_least`; each begins two blanks after the one before.
pub(super) fn lines<const N: usize>(
    titles: Option<[Cell; N]>,
    rows: Vec<[Cell; N]>,
    sides: [Side; N],
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
        let cells = row.into_iter().zip(columns).zip(sides);
        let shown = cells.filter(|((_, column), _)| *column > 0);
        let shown = shown.map(|((cell, column), side)| match side {
            Side::Left => pad(cell.style, &cell.text, column),
            Side::Right => pad_left(cell.style, &cell.text, column),
        });
        let line = shown.collect::<Vec<_>>().join("  ");
        line.trim_end().to_owned()
    };
    titles.into_iter().chain(rows).map(line).collect()
}
