//! Work that waits until a start is over: it prepares for the first crash and returns memory.

use std::{
    future::pending,
    time::{Duration, Instant},
};

use super::Supervisor;
use crate::host::{background, clock};

/// How long no further service has become ready.
const CALM: Duration = Duration::from_millis(250);

/// After the first calm, this many services must become ready before there is memory worth returning.
const MANY: usize = 64;

/// The services that have become ready since the last calm.
#[derive(Debug, Default)]
pub(super) struct Calm {
    due: Option<Instant>,
    ready: usize,
    is_warm: bool,
}

impl Calm {
    /// Counts a service that has become ready, and postpones the work that is due.
    pub(super) fn count_ready(&mut self, now: Instant) {
        self.ready += 1;
        if self.due.is_some() || !self.is_warm || self.ready >= MANY {
            self.due = Some(now + CALM);
        }
    }

    /// Waits until the work is due; never resolves if none is. Cancel-safe.
    pub(super) async fn due(&self) {
        match self.due {
            Some(due) => tokio::time::sleep_until(due.into()).await,
            None => pending().await,
        }
    }

    /// Returns whether the work is due now; if so, it is not due any more.
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
    /// Does the work that is due, if any, on a task.
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
    fn the_work_is_due_once_no_further_service_becomes_ready() {
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
    fn a_few_restarts_are_no_reason_for_it() {
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
