//! The timers of all services in one queue: a task for each would cost much more.

use std::{
    collections::BTreeMap,
    future::pending,
    time::{Duration, Instant},
};

use super::{Origin, Supervisor};
use crate::{
    host::clock,
    model::effect::{Report, Timer},
};

/// The pending timers, ordered by time and then by when they were set.
#[derive(Debug, Default)]
pub(super) struct Timers {
    queue: BTreeMap<(Instant, u64), (Origin, Timer)>,
    set: u64,
    /// The number of pending [`Timer::Schedule`]s.
    schedules: usize,
}

impl Timers {
    /// Sets a timer.
    pub(super) fn set(&mut self, due: Instant, origin: Origin, timer: Timer) {
        self.set += 1;
        self.schedules += usize::from(timer == Timer::Schedule);
        self.queue.insert((due, self.set), (origin, timer));
    }

    /// Returns whether a schedule is pending.
    pub(super) fn has_schedule(&self) -> bool {
        self.schedules > 0
    }

    /// Moves the schedules forward by the time that the machine has slept: the clock of the timers
    /// stopped.
    pub(super) fn hurry(&mut self, slept: Duration) {
        let is_schedule = |_: &_, (_, timer): &mut (Origin, Timer)| *timer == Timer::Schedule;
        let schedules: Vec<_> = self.queue.extract_if(.., is_schedule).collect();
        for ((due, number), timer) in schedules {
            let due = due.checked_sub(slept).unwrap_or(due);
            self.queue.insert((due, number), timer);
        }
    }

    /// Waits until the next timer is due; forever if there is none. Cancel-safe.
    pub(super) async fn due(&self) {
        match self.queue.first_key_value() {
            Some(((due, _), _)) => tokio::time::sleep_until((*due).into()).await,
            None => pending().await,
        }
    }

    /// Removes and returns a timer that is due.
    fn take_due(&mut self, now: Instant) -> Option<(Origin, Timer)> {
        let next = self.queue.first_entry()?;
        let (origin, timer) = (next.key().0 <= now).then(|| next.remove())?;
        self.schedules -= usize::from(timer == Timer::Schedule);
        Some((origin, timer))
    }
}

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
    use super::*;
    use crate::model::facts::{RunId, StackId};

    #[test]
    fn timers_fire_by_time_and_then_in_the_order_in_which_they_were_set() {
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
