//! Tasks: commands that run to their end, on request, for a service, or by a schedule. Hooks:
//! commands that run when the state of a service changes.

use std::{collections::BTreeMap, time::Duration};

use jiff::{Span, Timestamp, Zoned, civil::Time, tz::TimeZone};

use super::{Command, Template};

/// The inputs and the schedule of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// Patterns of its input files, relative to its folder. If there are any, it runs again only
    /// after a change of one of them, the command or its environment.
    pub inputs: Vec<String>,
    /// When it runs automatically, while its stack is up.
    pub schedule: Option<Schedule>,
}

/// When a task runs automatically.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// At this interval between two starts.
    Every(Duration),
    /// At these times of day.
    Cron(Box<Cron>),
}

impl Schedule {
    /// Returns when the task is due next, if it was last due at `last`.
    #[must_use]
    pub fn after(&self, last: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Every(pause) => last.checked_add(*pause).ok(),
            Self::Cron(cron) => cron.after(&last.to_zoned(zone.clone())),
        }
    }
}

/// The times of a cron expression: minute, hour, day of the month, month and day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cron {
    /// The allowed values of each field, as bits.
    fields: [u64; 5],
    /// Whether the field for days of the month or of the week begins with `*`: then only the other
    /// field decides, as in every cron. Otherwise either of them is sufficient.
    any_day: bool,
}

/// The name, the minimum and the maximum of each field.
const FIELDS: [(&str, u8, u8); 5] = [
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of the month", 1, 31),
    ("month", 1, 12),
    ("day of the week", 0, 7),
];
const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// The number of days in which the next time is searched: 29 February occurs within 8 years.
const DAYS_AHEAD: i32 = 8 * 366;

impl Cron {
    /// Parses five fields, or one of `@hourly`, `@daily`, `@weekly` and `@monthly`.
    ///
    /// # Errors
    ///
    /// A message that names the invalid field.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = match text.trim() {
            "@hourly" => "0 * * * *",
            "@daily" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            fields => fields,
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        if words.len() != FIELDS.len() {
            return Err(format!("it has {} fields instead of five", words.len()));
        }
        let mut fields = [0; 5];
        for (place, word) in words.iter().enumerate() {
            let name = FIELDS[place].0;
            fields[place] = bits(place, word).ok_or_else(|| format!("`{word}` is no {name}"))?;
        }
        // Sunday is both 0 and 7.
        fields[4] |= fields[4] >> 7 & 1;
        let any_day = words[2].starts_with('*') || words[4].starts_with('*');
        let cron = Self { fields, any_day };
        let sample = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        cron.after(&sample).ok_or("there is no such day")?;
        Ok(cron)
    }

    fn has(&self, field: usize, value: i8) -> bool {
        u32::try_from(value).is_ok_and(|value| self.fields[field] >> value & 1 == 1)
    }

    /// Returns the first matching time after `last`. A time that is skipped by a clock change
    /// occurs an hour later; one that occurs twice counts once.
    fn after(&self, last: &Zoned) -> Option<Timestamp> {
        for ahead in 0..DAYS_AHEAD {
            let date = last.date().checked_add(Span::new().days(ahead)).ok()?;
            let weekday = date.weekday().to_sunday_zero_offset();
            let (in_month, in_week) = (self.has(2, date.day()), self.has(4, weekday));
            let is_day = if self.any_day {
                in_month && in_week
            } else {
                in_month || in_week
            };
            if !is_day || !self.has(3, date.month()) {
                continue;
            }
            let hours = (0..24).filter(|hour| self.has(1, *hour));
            let times = hours.flat_map(|hour| (0..60).map(move |minute| (hour, minute)));
            let mut times = times.filter(|(_, minute)| self.has(0, *minute));
            let due = times.find_map(|(hour, minute)| {
                let time = Time::new(hour, minute, 0, 0).ok()?;
                let due = date.to_datetime(time).to_zoned(last.time_zone().clone());
                due.ok().filter(|due| due > last)
            });
            if let Some(due) = due {
                return Some(due.timestamp());
            }
        }
        None
    }
}

/// Returns the values of a field: `*`, `5`, `1-5`, `mon`, `*/15`, `1-30/2`, or a list of these.
fn bits(place: usize, word: &str) -> Option<u64> {
    let (_, least, most) = FIELDS[place];
    let mut bits = 0;
    for part in word.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (least, most),
            Some((from, to)) => (value(place, from)?, value(place, to)?),
            None if part.contains('/') => (value(place, range)?, most),
            None => (value(place, range)?, value(place, range)?),
        };
        if from < least || to > most || from > to {
            return None;
        }
        for value in (from..=to).step_by(step) {
            bits |= 1 << value;
        }
    }
    Some(bits)
}

fn value(place: usize, word: &str) -> Option<u8> {
    let (names, first): (&[&str], u8) = match place {
        3 => (&MONTHS, 1),
        4 => (&WEEKDAYS, 0),
        _ => (&[], 0),
    };
    let mut known = names.iter().zip(first..);
    known
        .find(|(name, _)| word.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
        .or_else(|| word.parse().ok())
}

/// The commands that run when the state of a service changes.
pub type Hooks = BTreeMap<HookEvent, Hook>;

/// A change of state that triggers a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HookEvent {
    /// It is ready for the first time since it was requested.
    Ready,
    /// It fails, and its cause is known.
    Failed,
    /// It has stopped, as requested.
    Stopped,
    /// It is ready again after a failure.
    Recovered,
}

/// The action of a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hook {
    /// Opens an address in the browser.
    Open(Template),
    /// Runs a command in the folder and with the environment of the service. Its standard input
    /// contains the finding as JSON, if there is one.
    Run(Command),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(text: &str, after: &str) -> String {
        let cron = Cron::parse(text).unwrap();
        let after: Timestamp = after.parse().unwrap();
        let next = cron.after(&after.to_zoned(TimeZone::UTC)).unwrap();
        next.to_string()
    }

    #[test]
    fn a_cron_expression_gives_the_next_minute_that_matches_all_fields() {
        for (text, after, expected) in [
            ("0 3 * * *", "2026-11-30T02:59:59Z", "2026-11-30T03:00:00Z"),
            ("0 3 * * *", "2026-11-30T03:00:00Z", "2026-12-01T03:00:00Z"),
            (
                "*/15 * * * *",
                "2026-11-30T03:50:00Z",
                "2026-11-30T04:00:00Z",
            ),
            (
                "30 9 * * mon-fri",
                "2026-11-27T09:30:00Z",
                "2026-11-30T09:30:00Z",
            ),
            (
                "0 0 1 jan *",
                "2026-11-30T00:00:00Z",
                "2027-01-01T00:00:00Z",
            ),
            ("0 0 29 2 *", "2096-11-30T00:00:00Z", "2104-02-29T00:00:00Z"),
            // Either day is sufficient if both fields are restricted.
            ("0 0 13 * 5", "2026-11-30T00:00:00Z", "2026-12-04T00:00:00Z"),
            ("@hourly", "2026-11-30T00:00:00Z", "2026-11-30T01:00:00Z"),
            ("0 0 * * 7", "2026-11-30T00:00:00Z", "2026-12-06T00:00:00Z"),
        ] {
            assert_eq!(next(text, after), expected, "{text} after {after}");
        }
    }

    #[test]
    fn an_invalid_or_never_matching_cron_expression_is_rejected() {
        for text in [
            "",
            "* * * *",
            "60 * * * *",
            "0 0 31 2 *",
            "0 0 * * 8",
            "*/0 * * * *",
            "5-1 * * * *",
            "x * * * *",
        ] {
            assert!(Cron::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_skipped_by_a_clock_change_occurs_once_and_later() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let cron = Cron::parse("30 2 * * *").unwrap();
        let before: Timestamp = "2026-03-28T23:00:00Z".parse().unwrap();
        let first = cron.after(&before.to_zoned(zone.clone())).unwrap();
        assert_eq!(first.to_string(), "2026-03-29T01:30:00Z");
        let second = cron.after(&first.to_zoned(zone)).unwrap();
        assert_eq!(second.to_string(), "2026-03-30T00:30:00Z");
    }
}
