//! Limits the concurrent launches of a stack. Each needs a thread, so a stack on a disk or network
//! mount that hangs must not use all of them.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// The maximum number of concurrent launches of a stack.
const AT_ONCE: usize = 4;

/// The turns for the launches of a stack. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Launches {
    turns: Arc<Semaphore>,
    returned: Arc<AtomicU64>,
}

impl Default for Launches {
    fn default() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            returned: Arc::default(),
        }
    }
}

/// The turn of one launch. Dropped when the launch has returned.
pub(super) struct Turn {
    _permit: OwnedSemaphorePermit,
    returned: Arc<AtomicU64>,
}

impl Launches {
    /// Waits for a turn, regardless of how many launches are waiting. Returns `None` if no launch
    /// of the stack has returned within `time_limit`.
    pub(super) async fn turn(&self, time_limit: Duration) -> Option<Turn> {
        let mut permit = pin!(self.turns.clone().acquire_owned());
        loop {
            let returned = self.returned.load(Ordering::Relaxed);
            if let Ok(permit) = timeout(time_limit, &mut permit).await {
                return Some(Turn {
                    _permit: permit.ok()?,
                    returned: self.returned.clone(),
                });
            }
            if self.returned.load(Ordering::Relaxed) == returned {
                return None;
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.returned.fetch_add(1, Ordering::Relaxed);
    }
}
