//! The last error or line of a log, for a finding.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
};

use super::{Level, RunLog, level, line::shown, stamp, without_ansi};

/// The number of bytes searched at the end of a log.
const LOOKED_AT: u64 = 16 * 1024;
/// The maximum length in characters.
const LONGEST: usize = 500;

/// Returns the line that best explains why a run ended: its last error (the last line of a
/// traceback, `Error: …`, a panic with its message), or else its last line that is not empty.
/// Searches the last 16 KiB. `None` if the log is empty or cannot be read.
///
/// Without terminal sequences and at most 500 characters. Secrets are not redacted here.
#[must_use]
pub fn last_words(run: &RunLog) -> Option<String> {
    let mut log = File::open(run.log()).ok()?;
    let size = log.metadata().ok()?.len();
    let start = size.saturating_sub(LOOKED_AT);
    log.seek(SeekFrom::Start(start)).ok()?;
    let mut bytes = Vec::new();
    log.take(LOOKED_AT).read_to_end(&mut bytes).ok()?;
    if start > 0 {
        // The first line is incomplete, unless it is the only one.
        let whole = memchr::memchr(b'\n', &bytes).map(|end| end + 1);
        if let Some(whole) = whole.filter(|whole| *whole < bytes.len()) {
            bytes.drain(..whole);
        }
    }
    let is_stamped = run.is_stamped();
    let lines: Vec<String> = bytes
        .split(|byte| *byte == b'\n')
        .map(|line| {
            let rest = stamp::split(line).filter(|_| is_stamped);
            let line = rest.map_or(line, |(_, rest)| rest);
            let text = String::from_utf8_lossy(shown(line));
            // Discarded data reads as zeros.
            let text = without_ansi(&text).replace('\0', "");
            text.trim_end().to_owned()
        })
        .filter(|line| !line.trim().is_empty())
        .collect();
    choose(&lines)
}

fn choose(lines: &[String]) -> Option<String> {
    let is_error = |line: &&String| level::guess(line) == Some(Level::Error) && !is_aftermath(line);
    let at = lines
        .iter()
        .rposition(|line| is_error(&line))
        .or_else(|| lines.iter().rposition(|line| !is_aftermath(line)))
        .or((!lines.is_empty()).then_some(0))?;
    let mut words = lines[at].trim().to_owned();
    // Rust prints the location on one line and the message on the next.
    if words.contains(" panicked at ")
        && words.ends_with(':')
        && let Some(message) = lines.get(at + 1)
    {
        words = format!("{words} {}", message.trim());
    }
    if let Some((end, _)) = words.char_indices().nth(LONGEST) {
        words.truncate(end);
        words.push('…');
    }
    Some(words)
}

/// Returns whether a line follows an error and does not describe it.
fn is_aftermath(line: &str) -> bool {
    [
        "npm ERR!",
        "npm error",
        "Node.js v",
        "note: run with `RUST_BACKTRACE",
    ]
    .iter()
    .any(|start| line.starts_with(start))
        || line == "Traceback (most recent call last):"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Option<String> {
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        choose(&lines)
    }

    #[test]
    fn the_error_is_chosen_instead_of_its_consequences() {
        let cases = [
            (
                "INFO: starting\nTraceback (most recent call last):\n  File \"main.py\", line 1\n    import fastapi\nModuleNotFoundError: No module named 'fastapi'",
                "ModuleNotFoundError: No module named 'fastapi'",
            ),
            (
                "ERROR:    [Errno 98] address already in use\nINFO:     Application shutdown complete.",
                "ERROR:    [Errno 98] address already in use",
            ),
            (
                "/app/a.js:3\n    throw new Error('boom')\n    ^\nError: boom\n    at Object.<anonymous> (/app/a.js:3)\nNode.js v20.1.0",
                "Error: boom",
            ),
            (
                "thread 'main' panicked at src/main.rs:2:5:\nno such file\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
                "thread 'main' panicked at src/main.rs:2:5: no such file",
            ),
            (
                "npm ERR! Missing script: \"dev\"\nnpm ERR! A complete log of this run can be found in: /x",
                "npm ERR! Missing script: \"dev\"",
            ),
            ("one\n two \nNode.js v20.1.0", "two"),
        ];
        for (text, chosen) in cases {
            assert_eq!(words(text).as_deref(), Some(chosen), "{text}");
        }
        assert_eq!(words(""), None);
    }
}
