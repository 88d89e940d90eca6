//! One line of a log, and the search for line ends in bytes.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    time::SystemTime,
};

use super::{Level, level, without_ansi};
use crate::model::facts::RunId;

/// The number of bytes read at once.
pub(super) const BLOCK: usize = 64 * 1024;

/// The maximum length of a line that is returned as one.
pub(super) const LONGEST: usize = 64 * 1024;

/// A log line, or a part of one that is longer than 64 KiB or was returned before it was complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The run that wrote it.
    pub run: RunId,
    /// When its end was written; `None` if unknown.
    pub time: Option<SystemTime>,
    /// The text without the newline. Terminal sequences stay; invalid UTF-8 is replaced (U+FFFD).
    /// Of text that overwrites itself with carriage returns (a progress bar), only the last version
    /// is kept.
    pub text: String,
    /// Whether it continues the previous part.
    pub continues: bool,
    /// Whether it is complete. Otherwise the next part, if any, continues it.
    pub complete: bool,
    /// The number of bytes of the line that are left out after this text.
    pub left_out: u64,
}

impl Line {
    /// Guesses its level from its text.
    #[must_use]
    pub fn level(&self) -> Option<Level> {
        level::guess(&without_ansi(&self.text))
    }

    /// Returns the note that replaces the omitted bytes.
    #[must_use]
    pub fn remark(&self) -> Option<String> {
        const MIB: u64 = 1 << 20;
        match self.left_out {
            0 => None,
            bytes @ 1..=MIB => Some(format!(" [{} KiB more]", bytes.div_ceil(1024))),
            bytes => Some(format!(" [{} MiB more]", bytes / MIB)),
        }
    }
}

/// Returns the offset after the first newline between two offsets; `None` if there is none.
pub(super) fn after_newline(log: &mut File, from: u64, to: u64) -> io::Result<Option<u64>> {
    let mut at = from;
    log.seek(SeekFrom::Start(at))?;
    let mut log = log.take(to.saturating_sub(from));
    let mut block = vec![0; BLOCK];
    loop {
        let read = log.read(&mut block)?;
        if read == 0 {
            return Ok(None);
        }
        if let Some(newline) = memchr::memchr(b'\n', &block[..read]) {
            return Ok(Some(at + newline as u64 + 1));
        }
        at += read as u64;
    }
}

/// Returns the part of a line that a terminal would show.
pub(super) fn shown(mut bytes: &[u8]) -> &[u8] {
    while let Some(rest) = bytes.strip_suffix(b"\r") {
        bytes = rest;
    }
    match memchr::memrchr(b'\r', bytes) {
        Some(at) => &bytes[at + 1..],
        None => bytes,
    }
}

/// Returns the number of bytes of an incomplete line that can be returned now: no partial
/// character, and no carriage return that may belong to the line end.
pub(super) fn whole_part(bytes: &[u8]) -> usize {
    let mut end = bytes.len();
    if bytes.ends_with(b"\r") {
        end -= 1;
    }
    // A character has up to four bytes; the first one determines the number.
    let last = bytes[..end].len().saturating_sub(3)..end;
    let begun = bytes[last.clone()]
        .iter()
        .rposition(|byte| byte >> 6 == 0b11);
    if let Some(at) = begun.map(|at| last.start + at) {
        let length = bytes[at].leading_ones() as usize;
        if at + length > end && length <= 4 {
            end = at;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_progress_bar_shows_its_last_version() {
        for (bytes, text) in [
            (&b"10%\r20%\r100%"[..], &b"100%"[..]),
            (b"10%\r20%\r", b"20%"),
            (b"text\r\r", b"text"),
            (b"\r", b""),
            (b"", b""),
        ] {
            assert_eq!(shown(bytes), text);
        }
    }

    #[test]
    fn a_part_ends_before_an_incomplete_character() {
        let text = "aé€😀".as_bytes();
        let ends: Vec<_> = (0..=text.len())
            .map(|end| whole_part(&text[..end]))
            .collect();
        assert_eq!(ends, [0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10]);
        assert_eq!(whole_part(b"text\r"), 4);
        assert_eq!(whole_part(b"\xff\xff\xff\xff"), 4, "not UTF-8 at all");
        assert_eq!(whole_part(b"\x80\x80\x80\x80"), 4);
    }
}
