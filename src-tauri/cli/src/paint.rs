//! Colours and signs. Lights differ in shape as well as in colour, so that they can be read without
//! colours.

use std::{
    env,
    io::{self, IsTerminal, StderrLock, StdoutLock, Write},
};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Effects, Style};
use pilotlight::{
    effects::log::{with_colours, without_colours},
    model::view::Light,
};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

pub(crate) const PLAIN: Style = Style::new();
pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().effects(Effects::DIMMED);
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
pub(crate) const AMBER: Style = AnsiColor::Yellow.on_default();
pub(crate) const RED: Style = AnsiColor::Red.on_default();

/// The colours of service names in merged logs, without those that have a meaning elsewhere.
const NAMES: [Style; 5] = [
    AnsiColor::Cyan.on_default(),
    AnsiColor::Magenta.on_default(),
    AnsiColor::Blue.on_default(),
    AnsiColor::BrightCyan.on_default(),
    AnsiColor::BrightMagenta.on_default(),
];

/// The signs that a terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signs {
    Unicode,
    Ascii,
}

impl Signs {
    /// Returns the signs for the terminal that the environment describes.
    pub(crate) fn of_this_terminal() -> Self {
        if supports_unicode::supports_unicode() {
            Self::Unicode
        } else {
            Self::Ascii
        }
    }

    fn choose(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        match self {
            Self::Unicode => unicode,
            Self::Ascii => ascii,
        }
    }

    pub(crate) fn light(self, light: Light) -> &'static str {
        match light {
            Light::Off => self.choose("○", "-"),
            Light::Green => self.choose("●", "*"),
            Light::Amber => self.choose("▲", "~"),
            Light::Red => self.choose("✖", "x"),
        }
    }

    /// Returns the mark of a text that was cut.
    pub(crate) fn ellipsis(self) -> &'static str {
        self.choose("…", "...")
    }

    /// Returns the mark before a line of a card.
    pub(crate) fn bar(self) -> &'static str {
        self.choose("┃", "|")
    }

    /// Returns the mark before a fix.
    pub(crate) fn arrow(self) -> &'static str {
        self.choose("→", "->")
    }

    /// Returns the marks before a branch of a tree, and before the lines below it.
    pub(crate) fn branch(self, last: bool) -> (&'static str, &'static str) {
        if last {
            (self.choose("└─ ", "`- "), "   ")
        } else {
            (self.choose("├─ ", "|- "), self.choose("│  ", "|  "))
        }
    }

    /// Returns the mark between two remarks on a line.
    pub(crate) fn dot(self) -> &'static str {
        self.choose("·", "-")
    }
}

pub(crate) fn light(light: Light) -> Style {
    match light {
        Light::Off => DIM,
        Light::Green => GREEN,
        Light::Amber => AMBER,
        Light::Red => RED,
    }
}

/// Returns the colour of the service at this position.
pub(crate) fn name(place: usize) -> Style {
    NAMES[place % NAMES.len()]
}

/// Returns the text in this style.
pub(crate) fn paint(style: Style, text: &str) -> String {
    if text.is_empty() || style == PLAIN {
        text.to_owned()
    } else {
        format!("{style}{text}{style:#}")
    }
}

/// Returns the number of columns of a text without colours.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Pads the text with spaces at the end.
pub(crate) fn pad(style: Style, text: &str, columns: usize) -> String {
    let blanks = columns.saturating_sub(width(text));
    format!("{}{:blanks$}", paint(style, text), "")
}

/// Pads the text with spaces at the beginning.
pub(crate) fn pad_left(style: Style, text: &str, columns: usize) -> String {
    let blanks = columns.saturating_sub(width(text));
    format!("{:blanks$}{}", "", paint(style, text))
}

/// Returns the beginning of a text that fits in this number of columns.
pub(crate) fn cut(text: &str, columns: usize, signs: Signs) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut room = columns.saturating_sub(width(signs.ellipsis()));
    let mut shown: String = text
        .chars()
        .take_while(|character| {
            let taken = character.width().unwrap_or(0);
            let fits = taken <= room;
            room = room.saturating_sub(taken);
            fits
        })
        .collect();
    shown.truncate(shown.trim_end().len());
    if columns >= width(signs.ellipsis()) {
        shown.push_str(signs.ellipsis());
    }
    shown
}

/// Wraps a text at spaces. Splits words that are wider than `columns`.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(2);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let is_first = line.is_empty() && lines.is_empty();
        let taken = width(&line) + usize::from(!line.is_empty());
        if is_first || taken + width(word) <= columns {
            if !line.is_empty() {
                line.push(' ');
            }
        } else {
            lines.push(std::mem::take(&mut line));
        }
        for character in word.chars() {
            if width(&line) + character.width().unwrap_or(0) > columns {
                lines.push(std::mem::take(&mut line));
            }
            line.push(character);
        }
    }
    lines.push(line);
    lines
}

/// Makes foreign text safe to print: nothing in it moves the cursor or changes a colour.
pub(crate) fn tame(text: &str) -> String {
    let plain = without_colours(text.trim_end());
    plain.replace(['\t', '\n'], " ")
}

/// A writer of whole lines that passes colours and makes every other control sequence visible: names
/// and paths can contain any character. An incomplete line is written on flush or drop.
pub(crate) struct Harmless<W: Write> {
    out: W,
    line: Vec<u8>,
}

/// Returns the standard output for everything except logs and drawn views.
pub(crate) fn out() -> Harmless<AutoStream<StdoutLock<'static>>> {
    Harmless::new(anstream::stdout().lock())
}

/// Returns the standard error.
pub(crate) fn err() -> Harmless<AutoStream<StderrLock<'static>>> {
    Harmless::new(anstream::stderr().lock())
}

impl<W: Write> Harmless<W> {
    fn new(out: W) -> Self {
        let line = Vec::new();
        Self { out, line }
    }

    fn pass(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line);
        self.out.write_all(with_colours(&text).as_bytes())
    }
}

impl<W: Write> Write for Harmless<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        if bytes.contains(&b'\n') {
            let rest = self.line.iter().rposition(|byte| *byte == b'\n');
            let rest = self.line.split_off(rest.map_or(0, |end| end + 1));
            self.pass()?;
            self.line = rest;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass()?;
        self.out.flush()
    }
}

impl<W: Write> Drop for Harmless<W> {
    fn drop(&mut self) {
        // The error cannot be reported anywhere.
        drop(self.pass());
    }
}

/// Writes lines.
pub(crate) fn print(
    out: &mut impl Write,
    lines: impl IntoIterator<Item = String>,
) -> io::Result<()> {
    let mut lines = lines.into_iter();
    lines.try_for_each(|line| writeln!(out, "{line}"))
}

/// Prints a remark with an arrow on the standard error.
pub(crate) fn remark(style: Style, text: &str) -> io::Result<()> {
    let arrow = Signs::of_this_terminal().arrow();
    let line = paint(style, &format!("{arrow} {}", tame(text)));
    writeln!(err(), "{line}")
}

/// Returns whether the standard error is a terminal that can be redrawn.
pub(crate) fn errors_are_drawn() -> bool {
    io::stderr().is_terminal() && can_move()
}

/// Returns whether the standard output is a terminal that can be redrawn.
pub(crate) fn output_is_drawn() -> bool {
    io::stdout().is_terminal() && can_move()
}

fn can_move() -> bool {
    env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// Returns whether the standard error gets colours.
pub(crate) fn errors_are_coloured() -> bool {
    AutoStream::choice(&io::stderr()) != ColorChoice::Never
}

/// Returns whether the standard output gets colours.
pub(crate) fn output_is_coloured() -> bool {
    AutoStream::choice(&io::stdout()) != ColorChoice::Never
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_by_columns_not_by_characters() {
        let unicode = |text, columns| cut(text, columns, Signs::Unicode);
        assert_eq!(unicode("redis", 5), "redis");
        assert_eq!(unicode("redis", 4), "red…");
        assert_eq!(unicode("日本語", 5), "日本…");
        assert_eq!(unicode("日本語", 4), "日…");
        assert_eq!(unicode("redis", 0), "");
        assert_eq!(cut("backend", 6, Signs::Ascii), "bac...");
    }

    #[test]
    fn a_text_is_wrapped_at_its_words() {
        assert_eq!(wrap("port 8001 is in use", 9), ["port 8001", "is in use"]);
        assert_eq!(
            wrap("see /a/very/long/path", 8),
            ["see", "/a/very/", "long/pat", "h"]
        );
        assert_eq!(wrap("", 8), [""]);
        assert_eq!(wrap("日本語", 4), ["日本", "語"]);
        assert_eq!(wrap("one  two", usize::MAX), ["one  two"]);
    }

    #[test]
    fn output_of_services_cannot_move_the_cursor() {
        let hostile = "\u{1b}[2J\u{1b}[31mred\u{1b}[0m\ttab\u{7}bell \u{1b}]0;title\u{7}";
        assert_eq!(tame(hostile), "^[[2Jred tab^Gbell ^[]0;title^G");
    }

    #[test]
    fn a_sequence_written_in_pieces_is_harmless() {
        let mut out = Vec::new();
        let mut harmless = Harmless::new(&mut out);
        for piece in [
            "\u{1b}[3",
            "1mred\u{1b}",
            "[0m \u{1b}",
            "]52;c;x\u{7}\nnext \u{1b}",
            "[2J",
        ] {
            harmless.write_all(piece.as_bytes()).unwrap();
        }
        drop(harmless);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "\u{1b}[31mred\u{1b}[0m ^[]52;c;x^G\nnext ^[[2J");
    }
}
