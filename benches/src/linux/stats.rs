//! Statistics over several runs.

use std::{fmt, time::Duration};

/// The times of several runs. Never empty when shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs(Vec<Duration>);

impl Runs {
    pub(crate) fn add(&mut self, time: Duration) {
        let place = self.0.partition_point(|other| *other < time);
        self.0.insert(place, time);
    }

    /// Returns the middle time, or the lower of the two.
    pub(crate) fn median(&self) -> Duration {
        self.0
            .get(self.0.len().saturating_sub(1) / 2)
            .copied()
            .unwrap_or_default()
    }

    pub(crate) fn best(&self) -> Duration {
        self.0.first().copied().unwrap_or_default()
    }

    /// Returns the times without the time of the work itself.
    pub(crate) fn over(&self, work: Duration) -> Self {
        Self(
            self.0
                .iter()
                .map(|time| time.saturating_sub(work))
                .collect(),
        )
    }

    /// Returns its median divided by the median of the other.
    pub(crate) fn ratio(&self, other: &Self) -> f64 {
        self.median().as_secs_f64() / other.median().as_secs_f64()
    }
}

impl FromIterator<Duration> for Runs {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Self {
        let mut runs = Self::default();
        times.into_iter().for_each(|time| runs.add(time));
        runs
    }
}

/// The median, and the best in brackets.
impl fmt::Display for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} (best {})",
            milliseconds(self.median()),
            milliseconds(self.best())
        )
    }
}

/// Formats a time in milliseconds, with about three digits.
pub(crate) fn milliseconds(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1000.0;
    let digits = match milliseconds {
        _ if milliseconds < 10.0 => 2,
        _ if milliseconds < 100.0 => 1,
        _ => 0,
    };
    format!("{milliseconds:.digits$} ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(milliseconds: &[u64]) -> Runs {
        milliseconds
            .iter()
            .copied()
            .map(Duration::from_millis)
            .collect()
    }

    #[test]
    fn one_slow_run_does_not_move_the_median() {
        let runs = runs(&[900, 12, 10, 11, 13]);
        assert_eq!(runs.median(), Duration::from_millis(12));
        assert_eq!(runs.best(), Duration::from_millis(10));
        assert_eq!(runs.to_string(), "12.0 ms (best 10.0 ms)");
    }

    #[test]
    fn the_time_of_the_work_is_subtracted() {
        let over = runs(&[1030, 1010]).over(Duration::from_secs(1));
        assert_eq!(over.median(), Duration::from_millis(10));
    }
}
