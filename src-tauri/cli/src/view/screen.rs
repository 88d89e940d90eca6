//! A few lines at the bottom of the terminal that are drawn over and over.

use std::io::{self, Write};

use pilotlight::effects::log::{with_colours, without_colours};
use terminal_size::{Height, Width};

use crate::paint::width;

/// Nothing is shown between the two, so that the picture changes as a whole (DEC private mode 2026; other
/// terminals ignore it).
const BEGIN: &str = "\u{1b}[?2026h";
const END: &str = "\u{1b}[?2026l";
const CLEAR_LINE: &str = "\u{1b}[K";
const CLEAR_BELOW: &str = "\u{1b}[J";

/// Lines that are drawn over each other. The cursor stays at the beginning of the line below them.
pub(crate) struct Screen<W> {
    out: W,
    coloured: bool,
    lines: Vec<String>,
    /// The number of columns when they were drawn.
    columns: usize,
}

impl<W: Write> Screen<W> {
    pub(crate) fn new(out: W, coloured: bool) -> Self {
        Self {
            out,
            coloured,
            lines: Vec::new(),
            columns: 0,
        }
    }

    /// Draws these lines in place of the earlier ones, unless they are the same. They must fit into the
    /// terminal, which has so many `columns`.
    pub(crate) fn draw(&mut self, lines: Vec<String>, columns: usize) -> io::Result<()> {
        self.draw_below(&[], lines, columns)
    }

    /// Prints the lines `above`, of any width, which then scroll away, and draws the others below them as
    /// [`Screen::draw`] does.
    pub(crate) fn draw_below(
        &mut self,
        above: &[String],
        lines: Vec<String>,
        columns: usize,
    ) -> io::Result<()> {
        if above.is_empty() && lines == self.lines && columns == self.columns {
            return Ok(());
        }
        let mut picture = String::from(BEGIN);
        let up = self.height(columns);
        if up > 0 {
            picture.extend(["\u{1b}[", &up.to_string(), "A"]);
        }
        picture.push('\r');
        if !above.is_empty() {
            // A line that wraps does not clear the rest of the rows that it takes.
            picture.push_str(CLEAR_BELOW);
        }
        for line in above.iter().chain(&lines) {
            // Escape sequences in names and paths must not move the cursor.
            if self.coloured {
                picture.push_str(&with_colours(line));
            } else {
                picture.push_str(&without_colours(line));
            }
            picture.push_str(CLEAR_LINE);
            picture.push_str("\r\n");
        }
        picture.push_str(CLEAR_BELOW);
        picture.push_str(END);
        self.out.write_all(picture.as_bytes())?;
        self.out.flush()?;
        self.lines = lines;
        self.columns = columns;
        Ok(())
    }

    /// Leaves the picture where it is; the next one is drawn below it.
    pub(crate) fn settle(&mut self) {
        self.lines.clear();
        self.columns = 0;
    }

    /// Returns the number of terminal lines that the picture takes. A terminal that has become narrower has
    /// wrapped long lines.
    fn height(&self, columns: usize) -> usize {
        let lines = self.lines.iter();
        lines
            .map(|line| {
                let taken = width(&without_colours(line));
                taken.div_ceil(columns.max(1)).max(1)
            })
            .sum()
    }
}

/// Returns the columns and lines of the terminal of the standard error.
pub(crate) fn size_of_errors() -> (usize, usize) {
    numbers(terminal_size::terminal_size_of(io::stderr()))
}

/// Returns those of the standard output.
pub(crate) fn size_of_output() -> (usize, usize) {
    numbers(terminal_size::terminal_size_of(io::stdout()))
}

/// Assumes the usual size for a terminal that does not report one.
fn numbers(size: Option<(Width, Height)>) -> (usize, usize) {
    let known = size.filter(|(width, height)| width.0 > 0 && height.0 > 0);
    known.map_or((80, 24), |(width, height)| {
        (width.0.into(), height.0.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(pictures: &[(&[&str], usize)]) -> Vec<String> {
        let mut screen = Screen::new(Vec::new(), true);
        let mut drawn = Vec::new();
        for (lines, columns) in pictures {
            screen.out.clear();
            let lines = lines.iter().map(ToString::to_string).collect();
            screen.draw(lines, *columns).unwrap();
            drawn.push(String::from_utf8(screen.out.clone()).unwrap());
        }
        drawn
    }

    #[test]
    fn a_picture_is_drawn_over_the_one_before() {
        let drawn = drawn(&[(&["one", "two"], 80), (&["three"], 80)]);
        assert!(!drawn[0].contains('A'), "{drawn:?}");
        assert!(
            drawn[1].contains("\u{1b}[2A\rthree\u{1b}[K\r\n\u{1b}[J"),
            "{drawn:?}"
        );
    }

    #[test]
    fn the_same_picture_is_not_drawn_twice() {
        let drawn = drawn(&[(&["one"], 80), (&["one"], 80)]);
        assert_eq!(drawn[1], "");
    }

    #[test]
    fn lines_above_the_picture_push_it_down() {
        let mut screen = Screen::new(Vec::new(), true);
        screen.draw(vec!["status".into()], 80).unwrap();
        screen.out.clear();
        screen
            .draw_below(&["log".into()], vec!["status".into()], 80)
            .unwrap();
        screen.draw(vec!["ready".into()], 80).unwrap();
        let drawn = String::from_utf8(screen.out).unwrap();
        assert!(
            drawn.contains("\u{1b}[1A\r\u{1b}[Jlog\u{1b}[K\r\nstatus\u{1b}[K\r\n"),
            "{drawn:?}"
        );
        assert!(drawn.contains("\u{1b}[1A\rready"), "{drawn:?}");
    }

    #[test]
    fn lines_that_a_narrower_terminal_has_wrapped_are_drawn_over_too() {
        let drawn = drawn(&[(&["0123456789", "x"], 10), (&["short"], 5)]);
        assert!(drawn[1].contains("\u{1b}[3A\r"), "{drawn:?}");
    }
}
