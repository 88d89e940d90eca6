//! Line changes and their diff.

use crate::model::finding::LineChange;

/// A changed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The whole text.
    pub text: String,
    /// The changed lines, with up to three lines of context.
    pub difference: Vec<Line>,
}

/// A line of a diff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Unchanged, with its number in the old text, from 1.
    Same(usize, String),
    /// Removed.
    Old(usize, String),
    /// Added.
    New(String),
    /// Omitted lines between two changes.
    Gap,
}

/// The number of context lines.
const AROUND: usize = 3;

/// Applies changes from top to bottom. Line ends stay unchanged.
///
/// # Errors
///
/// The number of the first line, from 1, that differs from what a change expects.
pub fn change(text: &str, changes: &[LineChange]) -> Result<Changed, usize> {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let lines: Vec<&str> = text.lines().collect();
    let mut kept: Vec<&str> = Vec::new();
    let mut difference = Vec::new();
    let mut at = 0;
    for change in changes {
        let from = change.line.saturating_sub(1);
        if from < at || from > lines.len() {
            return Err(change.line);
        }
        show_same(&mut difference, &lines, at, from);
        kept.extend(&lines[at..from]);
        for (offset, old) in change.old.iter().enumerate() {
            if lines.get(from + offset) != Some(&old.as_str()) {
                return Err(change.line + offset);
            }
            difference.push(Line::Old(from + offset + 1, old.clone()));
        }
        kept.extend(change.new.iter().map(String::as_str));
        difference.extend(change.new.iter().cloned().map(Line::New));
        at = from + change.old.len();
    }
    show_same(&mut difference, &lines, at, lines.len());
    kept.extend(&lines[at..]);
    let mut text = kept.join(end);
    text.push_str(end);
    Ok(Changed { text, difference })
}

/// Adds the unchanged lines near a change.
fn show_same(difference: &mut Vec<Line>, lines: &[&str], from: usize, to: usize) {
    let after = if difference.is_empty() { 0 } else { AROUND };
    let before = if to == lines.len() { 0 } else { AROUND };
    let same = |at: usize| Line::Same(at + 1, lines[at].to_owned());
    if to - from <= after + before {
        difference.extend((from..to).map(same));
        return;
    }
    difference.extend((from..from + after).map(same));
    if after > 0 && before > 0 {
        difference.push(Line::Gap);
    }
    difference.extend((to - before..to).map(same));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(line: usize, old: &[&str], new: &[&str]) -> LineChange {
        let owned = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect();
        LineChange {
            line,
            old: owned(old),
            new: owned(new),
        }
    }

    #[test]
    fn lines_change_only_if_they_are_as_expected() {
        let text = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n";
        let both = [changes(2, &["2"], &["two"]), changes(12, &[], &["new"])];
        let changed = change(text, &both).unwrap();
        assert_eq!(
            changed.text,
            "1\ntwo\n3\n4\n5\n6\n7\n8\n9\n10\n11\nnew\n12\n"
        );
        let same = |number: usize| Line::Same(number, number.to_string());
        assert_eq!(
            changed.difference,
            [
                same(1),
                Line::Old(2, "2".into()),
                Line::New("two".into()),
                same(3),
                same(4),
                same(5),
                Line::Gap,
                same(9),
                same(10),
                same(11),
                Line::New("new".into()),
                same(12),
            ]
        );
        assert_eq!(change(text, &[changes(2, &["x"], &[])]), Err(2));
        assert_eq!(change(text, &[changes(14, &[], &["x"])]), Err(14));
    }

    #[test]
    fn lines_are_added_at_the_end_and_keep_their_ends() {
        let changed = change("a\r\nb\r\n", &[changes(3, &[], &["c"])]).unwrap();
        assert_eq!(changed.text, "a\r\nb\r\nc\r\n");
        let changed = change("a", &[changes(2, &[], &["b"])]).unwrap();
        assert_eq!(changed.text, "a\nb\n");
    }
}
