//! Durations and signals in the notation of other tools.

use std::{sync::LazyLock, time::Duration};

use pilotlight::stack::Signal;
use regex::Regex;

use crate::detect::pattern;

/// Converts a duration of Go (`1m30s`, `1.5s`) or a number of seconds to the notation of a stack file.
pub(super) fn duration(text: &str) -> Option<String> {
    static PART: LazyLock<Regex> = LazyLock::new(|| pattern(r"([\d.]+)(h|ms|m|s|us|µs)"));
    if let Ok(seconds) = text.trim().parse::<f64>() {
        return written(Duration::try_from_secs_f64(seconds).ok()?);
    }
    let parts: Vec<_> = PART.captures_iter(text).collect();
    let length: usize = parts.iter().map(|part| part[0].len()).sum();
    if length != text.trim().len() {
        return None;
    }
    let seconds = parts.iter().map(|part| {
        let unit = match &part[2] {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            _ => 0.000_001,
        };
        Some(part[1].parse::<f64>().ok()? * unit)
    });
    written(Duration::try_from_secs_f64(seconds.sum::<Option<f64>>()?).ok()?)
}

fn written(duration: Duration) -> Option<String> {
    // The maximum in a stack file is a day; other tools use more for "never".
    let millis = duration.as_millis();
    if duration > Duration::from_hours(24) {
        return None;
    }
    Some(match (millis / 1000, millis % 1000) {
        (seconds, 0) => format!("{seconds}s"),
        _ => format!("{millis}ms"),
    })
}

/// Parses the name of a signal, with or without `SIG`, or its number.
pub(super) fn signal(text: &str) -> Option<Signal> {
    let upper = text.trim().to_uppercase();
    Some(match upper.strip_prefix("SIG").unwrap_or(&upper) {
        "TERM" | "15" => Signal::Terminate,
        "INT" | "2" => Signal::Interrupt,
        "QUIT" | "3" => Signal::Quit,
        "HUP" | "1" => Signal::HangUp,
        "USR1" | "10" => Signal::User1,
        "USR2" | "12" => Signal::User2,
        "KILL" | "9" => Signal::Kill,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_a_stack_file_has_them() {
        for (text, expected) in [
            ("10s", Some("10s")),
            ("1m30s", Some("90s")),
            ("90s", Some("90s")),
            ("1.5s", Some("1500ms")),
            ("500ms", Some("500ms")),
            ("5", Some("5s")),
            ("0", Some("0s")),
            ("1h", Some("3600s")),
            ("", Some("0s")),
            ("x", None),
            ("1y", None),
            ("-5", None),
            ("999999999h", None),
            ("nan", None),
        ] {
            assert_eq!(duration(text).as_deref(), expected, "{text}");
        }
    }
}
