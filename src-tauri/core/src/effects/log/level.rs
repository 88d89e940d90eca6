//! The level of a log line: a guess from the formats of common programs.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::pattern::Pattern;

/// The level of a log line, least severe first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Very detailed.
    Trace,
    /// For debugging.
    Debug,
    /// Normal operation.
    Info,
    /// Something may be wrong.
    Warn,
    /// Something is wrong. Includes critical and fatal.
    Error,
}

/// The number of bytes at the beginning of a line that are searched for a level.
const WHERE: usize = 256;

/// Words that mark a level anywhere in capitals (`INFO:     Started`, `2024-01-09 10:00:00,123
/// ERROR [main]`), and in any case with punctuation (`[error]`, `<warn>`, `error:`, `level=info`,
/// `"level":"warn"`); the numbers of pino and bunyan; the letters of Redis (`1:M 09 Jan 2024
/// 10:00:00.000 * Ready`) and glog (`E0109 10:00:00`). The first one in the line counts.
static MARK: LazyLock<Pattern> = LazyLock::new(|| {
    Pattern::new(
        r#"(?x)
        \b(?<capitals>TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|CRITICAL|FATAL|SEVERE|PANIC)\b
      | (?:^|[\[<(\s])(?i:(?<word>trace|debug|info|notice|warn|warning|error|err|critical|fatal|panic))
            (?:[\]>):]|\[(?u:[^\]])*\]:)
      | (?i:["\s]|^)(?:level|lvl|severity|levelname)"?\s*[=:]\s*"?(?<field>[A-Za-z]+|[1-6]0)\b
      | ^\d+:[A-Z]\ \d\d\ \w{3}\ \d{4}\ [\d:.]+\ (?<redis>[.\-*\#])\s
      | ^(?<glog>[IWEF])\d{4}\s\d\d:
        "#,
    )
});

/// Lines that are errors without a level: the first and the last of a traceback, a panic, an
/// uncaught exception.
static ERROR: LazyLock<Pattern> = LazyLock::new(|| {
    Pattern::new(
        r"(?x)
        ^Traceback\ \(most\ recent\ call\ last\)
      | ^(?:[A-Za-z_][\w.]*\.)?[A-Z]\w*(?:Error|Exception|Interrupt|Exit)\b(?::|$|\ \[)
      | ^(?:Uncaught|Unhandled|Exception\ in)\b
      | ^thread\ '(?u:[^'])*'\ (?:\(\d+\)\ )?panicked\ at
      | ^npm\ (?:ERR!|error)
      | ^error\ when\ starting\b
      | ^Segmentation\ fault
        ",
    )
});

/// Returns the level of a line without terminal sequences.
pub(super) fn guess(text: &str) -> Option<Level> {
    let head = &text[..text.floor_char_boundary(WHERE)];
    if ERROR.is_match(head) {
        return Some(Level::Error);
    }
    let found = MARK.all(head).next()?;
    let word = ["capitals", "word", "field", "redis", "glog"]
        .iter()
        .find_map(|name| found.group(name))?;
    named(&word.to_ascii_lowercase())
}

fn named(word: &str) -> Option<Level> {
    match word {
        "trace" | "10" => Some(Level::Trace),
        "debug" | "verbose" | "20" | "." | "-" => Some(Level::Debug),
        "info" | "information" | "notice" | "30" | "*" | "i" => Some(Level::Info),
        "warn" | "warning" | "40" | "#" | "w" => Some(Level::Warn),
        "error" | "err" | "critical" | "fatal" | "severe" | "panic" | "crit" | "alert"
        | "emergency" | "50" | "60" | "e" | "f" => Some(Level::Error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_of_common_programs_are_recognized() {
        use Level::{Debug, Error, Info, Trace, Warn};
        let cases = [
            (
                "INFO:     Uvicorn running on http://127.0.0.1:8001",
                Some(Info),
            ),
            (
                "INFO:     127.0.0.1:5000 - \"GET / HTTP/1.1\" 500 Internal Server Error",
                Some(Info),
            ),
            (
                "ERROR:    [Errno 98] error while attempting to bind",
                Some(Error),
            ),
            ("WARNING:root:careful", Some(Warn)),
            (
                "2024-01-09 10:00:00,123 - app - DEBUG - details",
                Some(Debug),
            ),
            (
                "2024-01-09 10:00:00,123 ERROR [main] c.e.App: boom",
                Some(Error),
            ),
            ("2024-01-09T10:00:00Z  WARN hyper::proto: slow", Some(Warn)),
            (
                "[2024-01-09 10:00:00 +0000] [7] [CRITICAL] WORKER TIMEOUT",
                Some(Error),
            ),
            (
                "{\"level\":30,\"time\":1704794400000,\"msg\":\"an error\"}",
                Some(Info),
            ),
            ("{\"level\":50,\"msg\":\"x\"}", Some(Error)),
            ("{\"time\":\"…\", \"severity\": \"WARNING\"}", Some(Warn)),
            ("time=2024-01-09 level=trace msg=\"x\"", Some(Trace)),
            (
                "1:M 09 Jan 2024 10:00:00.000 * Ready to accept connections",
                Some(Info),
            ),
            (
                "1:M 09 Jan 2024 10:00:00.000 # Warning: no config file",
                Some(Warn),
            ),
            ("E0109 10:00:00.000000    1 main.go:1] boom", Some(Error)),
            (
                "10:00:00 AM [vite] (client) Internal server error: x",
                Some(Error),
            ),
            ("error when starting dev server:", Some(Error)),
            ("error: could not compile `x`", Some(Error)),
            ("error[E0308]: mismatched types", Some(Error)),
            ("warning: unused variable", Some(Warn)),
            (
                "Error: listen EADDRINUSE: address already in use :::3000",
                Some(Error),
            ),
            ("Traceback (most recent call last):", Some(Error)),
            (
                "ModuleNotFoundError: No module named 'fastapi'",
                Some(Error),
            ),
            (
                "sqlalchemy.exc.OperationalError: no such table",
                Some(Error),
            ),
            ("TypeError [ERR_INVALID_ARG]: x", Some(Error)),
            ("KeyboardInterrupt", Some(Error)),
            ("thread 'main' panicked at src/main.rs:2:5:", Some(Error)),
            ("npm ERR! missing script: dev", Some(Error)),
            ("  VITE v7.0.0  ready in 120 ms", None),
            ("0 errors, 2 warnings", None),
            ("Errors are handled", None),
            ("information wants to be free", None),
            ("", None),
        ];
        for (text, level) in cases {
            assert_eq!(guess(text), level, "{text}");
        }
    }

    #[test]
    fn a_long_line_with_any_characters_is_handled() {
        assert_eq!(guess(&"é€😀".repeat(10_000)), None);
    }
}
