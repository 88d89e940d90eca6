//! The memory of a service over time, to detect steady growth.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// The interval of samples.
const PAUSE: Duration = Duration::from_mins(1);
/// The maximum number of samples: two hours.
const KEPT: usize = 120;
/// The minimum duration of steady growth.
const SHORTEST: Duration = Duration::from_mins(10);
/// The minimum growth that is worth a message.
const LEAST: u64 = 200_000_000;

/// The samples of one run.
#[derive(Clone, Debug, Default)]
pub struct Samples(VecDeque<(Instant, u64)>);

impl Samples {
    /// Adds a measurement. At most once a minute, returns a clause if the memory has grown
    /// steadily: it has at least doubled and has never shrunk between two samples.
    pub fn add(&mut self, now: Instant, bytes: u64) -> Option<String> {
        if let Some((last, _)) = self.0.back()
            && now.duration_since(*last) < PAUSE
        {
            return None;
        }
        // A sample below an earlier one ends a steady growth.
        if self.0.back().is_some_and(|(_, before)| bytes < *before) {
            self.0.clear();
        }
        self.0.push_back((now, bytes));
        if self.0.len() > KEPT {
            self.0.pop_front();
        }
        let (since, first) = *self.0.front()?;
        let time = now.duration_since(since);
        let grown = bytes.saturating_sub(first);
        let is_steady = time >= SHORTEST && grown >= LEAST && grown >= first;
        is_steady.then(|| {
            let minutes = time.as_secs() / 60;
            format!(
                "grew from {} to {} in {minutes} min",
                size(first),
                size(bytes)
            )
        })
    }
}

/// Formats a size for users: `300 MB`, `2.1 GB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    const GB: u64 = 1_000_000_000;
    const MB: u64 = 1_000_000;
    if bytes >= GB {
        format!("{}.{} GB", bytes / GB, bytes % GB / (GB / 10))
    } else if bytes >= MB {
        format!("{} MB", bytes / MB)
    } else {
        format!("{} KB", bytes / 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    /// Returns the message after each minute.
    fn said(megabytes: impl IntoIterator<Item = u64>) -> Vec<Option<String>> {
        let start = crate::host::clock::now().instant;
        let mut samples = Samples::default();
        let at = |minute: u32| start + PAUSE * minute;
        let samples = (0..).zip(megabytes).map(|(minute, megabytes)| {
            let said = samples.add(at(minute), megabytes * MB);
            let between = at(minute) + Duration::from_secs(2);
            assert_eq!(samples.add(between, 0), None, "not before the next minute");
            said
        });
        samples.collect()
    }

    #[test]
    fn memory_that_doubles_steadily_is_reported_with_its_sizes() {
        let said = said((0..=40).map(|minute| 300 + minute * 45));
        assert!(said[..10].iter().all(Option::is_none), "{said:?}");
        assert_eq!(
            said[40].as_deref(),
            Some("grew from 300 MB to 2.1 GB in 40 min")
        );
    }

    #[test]
    fn a_cache_that_fills_and_freed_memory_are_no_steady_growth() {
        let fills = said((0..60).map(|minute| if minute < 5 { 300 + minute } else { 310 }));
        let saws = said((0..60).map(|minute| 300 + minute % 8 * 200));
        let small = said((0..60).map(|minute| 10 + minute));
        assert!(fills.iter().chain(&saws).chain(&small).all(Option::is_none));
    }
}
