//! Detects that the machine has slept. Events just before or after do not count as failures.

use std::time::Duration;

use super::Supervisor;
use crate::{model::stack::Event, platform::host};

/// The minimum length of a sleep, since the two clocks are not read at the same moment.
const LEAST: Duration = Duration::from_secs(2);

/// The interval in which the clocks are compared if a schedule is waiting and nothing else happens:
/// the clock of its timer stops during a sleep. Otherwise the next probe, timer or request is early
/// enough.
pub(super) const LOOK: Duration = Duration::from_secs(10);

/// The time that the machine has slept since its boot, as last noticed.
#[derive(Debug)]
pub(super) struct Sleep(Duration);

impl Default for Sleep {
    fn default() -> Self {
        Self(host::slept())
    }
}

impl Sleep {
    /// Returns the length of a sleep since the last call, if there was one.
    fn take(&mut self, slept: Duration) -> Option<Duration> {
        let since = slept.saturating_sub(self.0);
        (since > LEAST).then(|| {
            self.0 = slept;
            since
        })
    }
}

impl Supervisor {
    /// Handles a sleep: informs every stack and probes its services at once. Called before messages
    /// are handled, which may report failures caused by the sleep.
    pub(super) fn notice_sleep(&mut self) {
        if let Some(slept) = self.sleep.take(host::slept()) {
            self.wake_up(slept);
        }
    }

    pub(super) fn wake_up(&mut self, slept: Duration) {
        tracing::info!(seconds = slept.as_secs(), "the machine has slept");
        self.timers.hurry(slept);
        for index in 0..self.stacks.len() {
            self.step(index, Event::Awake);
            self.stacks[index].probe_now();
        }
    }

    /// Returns whether a schedule of an active stack is waiting, which may be due after a sleep.
    pub(super) fn minds_sleep(&self) -> bool {
        self.timers.has_schedule() && self.stacks.iter().any(|stack| stack.model.is_alive())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_is_noticed_once_and_a_difference_of_the_clocks_is_ignored() {
        let seconds = Duration::from_secs;
        let mut sleep = Sleep(seconds(100));
        assert_eq!(sleep.take(seconds(101)), None);
        assert_eq!(sleep.take(seconds(3700)), Some(seconds(3600)));
        assert_eq!(sleep.take(seconds(3700)), None);
    }
}
