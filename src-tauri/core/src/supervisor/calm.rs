//! Delays work until a start is over: preparing for the first crash and returning memory.

use std::{
    future::pending,
    time::{Duration, Instant},
};

use super::Supervisor;
use crate::host::{background, clock};

/// The time without another service becoming ready after which a start is over.
const CALM: Duration = Duration::from_millis(250);

/// The number of services that must become ready after the first time before the work is worth
/// repeating.
const MANY: usize = 64;

/// The services that have become ready since the work was last done.
#[derive(Debug, Default)]
pub(super) struct Calm {
    due: Option<Instant>,
    ready: usize,
    is_warm: bool,
}

impl Calm {
    /// Counts a service that has become ready, and postpones due work.
    pub(super) fn count_ready(&mut self, now: Instant) {
        self.ready += 1;
        if self.due.is_some() || !self.is_warm || self.ready >= MANY {
            self.due = Some(now + CALM);
        }
    }

    /// Waits until the work is due; forever if none is. Cancel-safe.
    pub(super) async fn due(&self) {
        match self.due {
            Some(due) => tokio::time::sleep_until(due.into()).await,
            None => pending().await,
        }
    }

    /// Returns whether the work is due now, and marks it as done.
    fn take_due(&mut self, now: Instant) -> bool {
        let is_due = self.due.is_some_and(|due| due <= now);
        if is_due {
            *self = Self {
                is_warm: true,
                ..Self::default()
            };
        }
        is_due
    }
}

impl Supervisor {
    /// Starts a task with the work, if it is due.
    pub(super) fn use_calm(&mut self) {
        if !self.calm.take_due(clock::now().instant) {
            return;
        }
        let processes = self.tools.processes.clone();
        self.tasks.spawn(async move {
            processes.warm_up().await;
            background::give_memory_back();
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_is_due_once_no_more_services_become_ready() {
        let start = clock::now().instant;
        let mut calm = Calm::default();
        assert!(!calm.take_due(start + CALM));
        calm.count_ready(start);
        calm.count_ready(start + CALM / 2);
        assert!(!calm.take_due(start + CALM));
        assert!(calm.take_due(start + CALM / 2 + CALM));
        assert!(!calm.take_due(start + CALM * 9), "once");
    }

    #[test]
    fn a_few_restarts_do_not_repeat_the_work() {
        let start = clock::now().instant;
        let mut calm = Calm::default();
        calm.count_ready(start);
        assert!(calm.take_due(start + CALM));
        for _ in 1..MANY {
            calm.count_ready(start + CALM);
            assert!(!calm.take_due(start + CALM * 3));
        }
        calm.count_ready(start + CALM);
        assert!(calm.take_due(start + CALM * 3));
    }
}
