//! The timers of all services in one queue, since a task for each would cost much more.

use std::{cmp::Reverse, collections::BinaryHeap, future::pending, time::Instant};

use super::{Origin, Supervisor};
use crate::{
    host::clock,
    model::effect::{Report, Timer},
};

/// Timers that are not due yet, earliest first. The timer of a finished run still fires, and changes
/// nothing.
#[derive(Debug, Default)]
pub(super) struct Timers {
    queue: BinaryHeap<Reverse<Pending>>,
    /// The number of timers set so far: of two with the same time, the earlier one fires first.
    set: u64,
}

#[derive(Debug)]
struct Pending {
    due: Instant,
    number: u64,
    origin: Origin,
    timer: Timer,
}

impl Timers {
    /// Sets a timer.
    pub(super) fn set(&mut self, due: Instant, origin: Origin, timer: Timer) {
        self.set += 1;
        self.queue.push(Reverse(Pending {
            due,
            number: self.set,
            origin,
            timer,
        }));
    }

    /// Waits until a timer is due; never resolves if there is none. Cancel-safe.
    pub(super) async fn due(&self) {
        match self.queue.peek() {
            Some(Reverse(next)) => tokio::time::sleep_until(next.due.into()).await,
            None => pending().await,
        }
    }

    /// Removes and returns the next timer that is due now.
    fn take_due(&mut self, now: Instant) -> Option<(Origin, Timer)> {
        let next = self.queue.peek()?;
        if next.0.due > now {
            return None;
        }
        let Reverse(next) = self.queue.pop()?;
        Some((next.origin, next.timer))
    }
}

impl Ord for Pending {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}

impl PartialOrd for Pending {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pending {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Pending {}

impl Supervisor {
    /// Reports every due timer to the model.
    pub(super) fn fire_timers(&mut self) {
        let now = clock::now().instant;
        while let Some((origin, timer)) = self.timers.take_due(now) {
            self.report(&origin, Report::Elapsed(timer));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::facts::{RunId, StackId};

    #[test]
    fn timers_fire_in_the_order_of_their_times_and_then_of_their_setting() {
        let now = clock::now().instant;
        let origin = |run| Origin {
            stack: StackId("stack".to_owned()),
            service: "web".into(),
            run: RunId(run),
        };
        let mut timers = Timers::default();
        for (millis, run) in [(20, 1), (10, 2), (10, 3), (30, 4)] {
            let due = now + Duration::from_millis(millis);
            timers.set(due, origin(run), Timer::Check);
        }
        let at = now + Duration::from_millis(20);
        let fired = std::iter::from_fn(|| timers.take_due(at));
        let runs: Vec<u64> = fired.map(|(origin, _)| origin.run.0).collect();
        assert_eq!(runs, [2, 3, 1]);
    }
}
