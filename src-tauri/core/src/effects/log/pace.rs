//! The pause between two reads of a growing file.

use std::time::{Duration, Instant};

/// The longest pause, and so the largest error of a line's time.
const LONGEST: Duration = Duration::from_millis(20);
/// The silence after which the next line is read at once.
const CALM: Duration = Duration::from_millis(100);

/// The first lines after a silence are read at once. While more keep coming, reads become rarer, so
/// that a flood costs little.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    last_growth: Option<Instant>,
    pause: Duration,
}

impl Pace {
    /// Returns the pause after growth was seen.
    pub(super) fn grew(&mut self, now: Instant) -> Duration {
        let silence = self
            .last_growth
            .is_none_or(|last| now.saturating_duration_since(last) > CALM);
        self.pause = if silence {
            Duration::ZERO
        } else {
            (self.pause * 2).clamp(Duration::from_millis(1), LONGEST)
        };
        self.last_growth = Some(now);
        self.pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::clock;

    #[test]
    fn a_first_line_is_seen_at_once_and_a_flood_fifty_times_a_second() {
        let mut pace = Pace::default();
        let mut now = clock::now().instant;
        assert_eq!(pace.grew(now), Duration::ZERO);
        for _ in 0..10 {
            now += Duration::from_millis(5);
            pace.grew(now);
        }
        assert_eq!(pace.grew(now), LONGEST);
        now += Duration::from_secs(1);
        assert_eq!(pace.grew(now), Duration::ZERO);
    }
}
