//! What changes in a file.

use pilotlight::effects::remedy::Line;

use crate::paint::{DIM, GREEN, RED, paint, tame};

/// The lines that change, with their numbers, and those around them.
pub(crate) fn difference(file: &str, lines: &[Line]) -> Vec<String> {
    let shown = lines.iter().map(|line| match line {
        Line::Same(number, text) => format!("{number:>5}   {}", tame(text)),
        Line::Old(number, text) => paint(RED, &format!("{number:>5} - {}", tame(text))),
        Line::New(text) => paint(GREEN, &format!("      + {}", tame(text))),
        Line::Gap => paint(DIM, "      :"),
    });
    std::iter::once(paint(DIM, file)).chain(shown).collect()
}
