//! The clock that all processes of a run share.

use std::{ops::Add, time::Duration};

use rustix::time::{ClockId, clock_gettime};

/// The time limit for anything that the bench waits for.
pub(crate) const DEADLINE: Duration = Duration::from_mins(2);

/// A point on `CLOCK_MONOTONIC`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimePoint(Duration);

impl TimePoint {
    pub(crate) fn now() -> Self {
        let now = clock_gettime(ClockId::Monotonic);
        let part = |number: i64| u64::try_from(number).unwrap_or_default();
        Self(Duration::from_secs(part(now.tv_sec)) + Duration::from_nanos(part(now.tv_nsec)))
    }

    pub(crate) fn from_nanoseconds(nanoseconds: u64) -> Self {
        Self(Duration::from_nanos(nanoseconds))
    }

    /// Returns the time since another point; zero if the other is later.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    pub(crate) fn elapsed(self) -> Duration {
        Self::now().since(self)
    }

    pub(crate) fn has_passed(self) -> bool {
        Self::now() > self
    }
}

impl Add<Duration> for TimePoint {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        Self(self.0 + time)
    }
}
