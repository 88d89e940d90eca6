//! The only place that reads the clock. Code that makes decisions takes a [`TimePoint`] instead.

use std::time::{Instant, SystemTime};

use jiff::Timestamp;

use crate::model::facts::TimePoint;

/// Returns the current time on both clocks.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the ban refers to this place")]
pub fn now() -> TimePoint {
    TimePoint {
        instant: Instant::now(),
        wall: SystemTime::now(),
    }
}

/// Returns the current time of the calendar.
#[must_use]
pub fn timestamp() -> Timestamp {
    Timestamp::try_from(now().wall).unwrap_or_default()
}
