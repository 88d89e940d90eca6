//! How long to leave a growing file alone before the next look.

use std::time::{Duration, Instant};

/// The longest pause, and so how far off the time of a line can be.
const LONGEST: Duration = Duration::from_millis(20);
/// Silence that makes the next line a first one again.
const CALM: Duration = Duration::from_millis(100);

/// The first lines after a silence are seen at once; while more keep coming the looks get rarer,
/// so that a flood costs the writer and us next to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    last_growth: Option<Instant>,
    pause: Duration,
}

impl Pace {
    /// The pause to make now that growth was seen.
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
