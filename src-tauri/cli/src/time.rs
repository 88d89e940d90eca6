//! Times in formats for people.

use std::{
    str::FromStr,
    time::{Duration, SystemTime},
};

use jiff::{SignedDuration, SpanRelativeTo, Timestamp, Zoned, civil, tz::TimeZone};
use pilotlight::host::clock;

/// Returns the current time.
pub(crate) fn now() -> Timestamp {
    clock::timestamp()
}

/// Returns a time of the system as a timestamp.
pub(crate) fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or_default()
}

/// Returns the time since `then`; zero if it is in the future.
pub(crate) fn since(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or_default()
}

/// Formats the duration of an action: `240 ms`, `1.2 s`, `12 s`, `3 m 5 s`.
pub(crate) fn took(duration: Duration) -> String {
    match duration.as_secs() {
        0 => format!("{} ms", duration.as_millis()),
        1..10 => format!(
            "{}.{} s",
            duration.as_secs(),
            duration.subsec_millis() / 100
        ),
        seconds @ 10..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} m {} s", seconds / 60, seconds % 60),
        seconds => age(Duration::from_secs(seconds)),
    }
}

/// Formats the age of something that continues, in whole units that rarely change: `12 s`, `12 m`, `3 h`.
pub(crate) fn age(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} m", seconds / 60),
        seconds @ 3_600..86_400 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// Formats the time of a line in the local time zone: `10:30:00.123`.
pub(crate) fn of_day(time: SystemTime) -> String {
    let local = timestamp(time).to_zoned(TimeZone::system());
    local.strftime("%H:%M:%S%.3f").to_string()
}

/// Parses a time in the past: a duration until now, a date, a time, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Since(pub(crate) SystemTime);

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let now = now().to_zoned(TimeZone::system());
        let time = moment(text.trim(), &now).ok_or(
            "a time is an age (`90s`, `10m`, `2h`, `1d`), or `10:30`, `2026-11-20`, `2026-11-20T10:30`",
        )?;
        Ok(Self(time.into()))
    }
}

fn moment(text: &str, now: &Zoned) -> Option<Timestamp> {
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp);
    }
    let zoned = |date: civil::DateTime| date.to_zoned(now.time_zone().clone()).ok();
    // Before durations, which may contain colons, too.
    if text.contains(':')
        && let Ok(time) = text.parse::<civil::Time>()
    {
        let today = zoned(now.date().to_datetime(time))?;
        // A time later than now means yesterday.
        let meant = if today > *now {
            zoned(now.date().yesterday().ok()?.to_datetime(time))?
        } else {
            today
        };
        return Some(meant.timestamp());
    }
    if let Ok(date) = text.parse::<civil::DateTime>() {
        return Some(zoned(date)?.timestamp());
    }
    let span: jiff::Span = text.parse().ok()?;
    let relative = SpanRelativeTo::days_are_24_hours();
    let ago: SignedDuration = span.to_duration(relative).ok()?.abs();
    now.timestamp().checked_sub(ago).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_can_have_several_formats() {
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        let now = now.to_zoned(TimeZone::UTC);
        for (text, expected) in [
            ("90s", "2026-11-20T11:58:30Z"),
            ("10m", "2026-11-20T11:50:00Z"),
            ("2h", "2026-11-20T10:00:00Z"),
            ("1h30m", "2026-11-20T10:30:00Z"),
            ("1d", "2026-11-19T12:00:00Z"),
            ("10 minutes", "2026-11-20T11:50:00Z"),
            ("10:30", "2026-11-20T10:30:00Z"),
            ("10:30:15", "2026-11-20T10:30:15Z"),
            ("13:00", "2026-11-19T13:00:00Z"),
            ("2026-11-20", "2026-11-20T00:00:00Z"),
            ("2026-11-20T10:00", "2026-11-20T10:00:00Z"),
            ("2026-11-20 10:00", "2026-11-20T10:00:00Z"),
            ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"),
            ("2026-11-20T10:00:00+02:00", "2026-11-20T08:00:00Z"),
        ] {
            let moment = moment(text, &now).map(|moment| moment.to_string());
            assert_eq!(moment.as_deref(), Some(expected), "{text}");
        }
        for text in ["", "soon", "10", "25:00", "2026-13-01", "99999999999d"] {
            assert_eq!(moment(text, &now), None, "{text}");
        }
    }

    #[test]
    fn durations_have_one_or_two_units() {
        for (milliseconds, long, short) in [
            (0, "0 ms", "0 s"),
            (240, "240 ms", "0 s"),
            (1_290, "1.2 s", "1 s"),
            (12_900, "12 s", "12 s"),
            (185_000, "3 m 5 s", "3 m"),
            (7_300_000, "2 h", "2 h"),
            (90_000_000, "1 d", "1 d"),
        ] {
            let duration = Duration::from_millis(milliseconds);
            assert_eq!(took(duration), long);
            assert_eq!(age(duration), short);
        }
    }
}
