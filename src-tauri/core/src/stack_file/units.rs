//! Durations and sizes in stack files.

use std::{borrow::Cow, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{
    findings::{Problems, Read},
    near::shown,
    problem::ProblemKind,
    reader::{FromToml, Value, wrong_type},
};

/// A duration: `"500ms"`, `"2s"`, `"1m30s"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time(pub(super) Duration);

/// A size in bytes: `"256MB"`, `"64 KiB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size(pub(super) u64);

impl FromToml for Time {
    const EXPECTED: &'static str = "a duration";

    fn from_toml(value: &Value<'_>, problems: &mut Problems<'_>) -> Read<Self> {
        let Some(text) = value.get_ref().as_str() else {
            return wrong_type(value, Self::EXPECTED, problems);
        };
        duration(text).map(Self).map_err(|reason| {
            let value_shown = shown(text);
            problems.add(
                value.span(),
                ProblemKind::BadDuration {
                    value: value_shown,
                    reason,
                },
            )
        })
    }
}

impl FromToml for Size {
    const EXPECTED: &'static str = "a size";

    fn from_toml(value: &Value<'_>, problems: &mut Problems<'_>) -> Read<Self> {
        let Some(text) = value.get_ref().as_str() else {
            return wrong_type(value, Self::EXPECTED, problems);
        };
        bytes(text).map(Self).map_err(|reason| {
            let value_shown = shown(text);
            problems.add(
                value.span(),
                ProblemKind::BadSize {
                    value: value_shown,
                    reason,
                },
            )
        })
    }
}

/// The maximum duration, which cannot overflow a clock.
const LONGEST: Duration = Duration::from_hours(365 * 24);

fn duration(text: &str) -> Result<Duration, &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    let mut rest = text;
    let mut sum = Duration::ZERO;
    let mut last_unit = Duration::MAX;
    while !rest.is_empty() {
        let (number, after) = leading_number(rest)?;
        let unit_length = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_length);
        let unit = match unit {
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_mins(1),
            "h" => Duration::from_hours(1),
            "" => return Err("it has no unit"),
            _ => return Err("the units are ms, s, m and h"),
        };
        if unit >= last_unit {
            return Err("larger units come first, and each once");
        }
        last_unit = unit;
        sum = u32::try_from(number)
            .ok()
            .and_then(|times| unit.checked_mul(times))
            .and_then(|part| sum.checked_add(part))
            .filter(|sum| *sum <= LONGEST)
            .ok_or("it is longer than a year")?;
        rest = after;
    }
    Ok(sum)
}

fn bytes(text: &str) -> Result<u64, &'static str> {
    let (number, unit) = leading_number(text)?;
    let unit = match unit.trim_start() {
        "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "" => return Err("it has no unit"),
        _ => return Err("the units are B, KB, MB, GB, KiB, MiB and GiB"),
    };
    match number.checked_mul(unit) {
        None => Err("it is too large"),
        Some(0) => Err("it is nothing"),
        Some(bytes) => Ok(bytes),
    }
}

fn leading_number(text: &str) -> Result<(u64, &str), &'static str> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if digits.is_empty() {
        return Err("a whole number comes before the unit");
    }
    digits
        .parse()
        .map(|number| (number, rest))
        .map_err(|_| "it is too large")
}

impl JsonSchema for Time {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^(\d+(h|m|s|ms))+$",
            "examples": ["500ms", "2s", "1m30s"],
        })
    }
}

impl JsonSchema for Size {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^\d+ *(B|kB|[KMG]B|[KMG]iB)$",
            "examples": ["64 KiB", "256MB"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units_the_larger_first() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1h"), Ok(Duration::from_hours(1)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        for wrong in [
            "",
            "5",
            "5 s",
            "-5s",
            "1.5s",
            "5d",
            "5s1m",
            "5s5s",
            "s",
            "9999999h",
            "99999999999999999999s",
            "٣s",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_distinguish_powers_of_ten_and_of_two() {
        assert_eq!(bytes("256MB"), Ok(256_000_000));
        assert_eq!(bytes("64 KiB"), Ok(65_536));
        assert_eq!(bytes("1B"), Ok(1));
        for wrong in ["", "64", "0MB", "64 kib", "64 K", "99999999999 GiB", "MB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
