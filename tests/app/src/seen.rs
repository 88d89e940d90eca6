//! Events in their order, with their times.

use std::{
    fmt::Debug,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use crate::DEADLINE;

/// An event.
#[derive(Clone, Debug)]
pub struct Event<T> {
    /// The time of its arrival.
    pub at: Instant,
    /// Its content.
    pub what: T,
}

/// A growing list on which a test can wait.
#[derive(Debug)]
pub struct Seen<T>(Arc<(Mutex<Vec<Event<T>>>, Condvar)>);

impl<T> Clone for Seen<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Default for Seen<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Clone + Debug> Seen<T> {
    /// Adds an event that has just happened.
    pub fn add(&self, what: T) {
        let at = Instant::now();
        self.list().push(Event { at, what });
        self.0.1.notify_all();
    }

    /// Returns all events so far.
    #[must_use]
    pub fn all(&self) -> Vec<Event<T>> {
        self.list().clone()
    }

    /// Returns the number of events so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.list().len()
    }

    /// Waits for the first event from number `from` on that matches.
    pub fn first(&self, from: usize, what: &str, so: impl Fn(&T) -> bool) -> Event<T> {
        let end = Instant::now() + DEADLINE;
        let mut list = self.list();
        loop {
            if let Some(event) = list.iter().skip(from).find(|event| so(&event.what)) {
                return event.clone();
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "not within {DEADLINE:?}: {what}; seen: {list:#?}"
            );
            let waited = self.0.1.wait_timeout(list, left);
            list = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn list(&self) -> MutexGuard<'_, Vec<Event<T>>> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
