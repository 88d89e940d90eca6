//! Room for clients: who is connected, who is idle, and how many requests are at hand.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::clock;

/// How many clients are connected at once.
pub(super) const CONNECTIONS: usize = 512;

/// How many of them may have a request at hand that can take long. The others are left for `down`
/// and `status`, which need no seat, so that neither waiting clients nor watchers keep them out.
pub(super) const SEATS: usize = 256;

/// How many requests go on at once whose clients have left.
const ORPHANS: usize = 1_024;

/// How long a client waits for a seat before it is turned away.
const PATIENCE: Duration = Duration::from_secs(1);

/// A connection that has said nothing for so long is closed when another client needs its place.
const IDLE: Duration = Duration::from_secs(1);

/// How long a connection may take to hear that it is closed.
const LEAVING: Duration = Duration::from_secs(2);

/// The room of one server. Clones share it.
#[derive(Clone)]
pub(super) struct Room {
    places: Arc<Semaphore>,
    seats: Arc<Semaphore>,
    orphans: Arc<Semaphore>,
    connected: Arc<Mutex<Vec<Weak<Activity>>>>,
}

/// The place of one client. It is free again when this is dropped.
pub(super) struct Place {
    room: Room,
    activity: Arc<Activity>,
    _permit: OwnedSemaphorePermit,
    seat: Option<OwnedSemaphorePermit>,
}

/// What a connection does.
struct Activity {
    /// Since when it waits for its client; `None` while a request is at hand.
    idle_since: Mutex<Option<Instant>>,
    /// Its place is needed.
    leave: CancellationToken,
}

impl Room {
    pub(super) fn new() -> Self {
        Self {
            places: Arc::new(Semaphore::new(CONNECTIONS)),
            seats: Arc::new(Semaphore::new(SEATS)),
            orphans: Arc::new(Semaphore::new(ORPHANS)),
            connected: Arc::default(),
        }
    }

    /// Waits for a place, but no longer than `patience`, after which the connection that has been
    /// idle longest is closed for it. `None` where none is idle. Cancel-safe.
    pub(super) async fn place(&self, patience: Duration) -> Option<Place> {
        let place = match self.places.clone().try_acquire_owned() {
            Ok(place) => place,
            Err(_) if self.close_an_idle_one() => self.free_place(LEAVING).await?,
            Err(_) => match self.free_place(patience).await {
                Some(place) => place,
                None if self.close_an_idle_one() => self.free_place(LEAVING).await?,
                None => return None,
            },
        };
        let activity = Arc::new(Activity {
            idle_since: Mutex::new(Some(clock::now().instant)),
            leave: CancellationToken::new(),
        });
        let mut connected = lock(&self.connected);
        if connected.len() > 2 * CONNECTIONS {
            connected.retain(|activity| activity.strong_count() > 0);
        }
        connected.push(Arc::downgrade(&activity));
        drop(connected);
        Some(Place {
            room: self.clone(),
            activity,
            _permit: place,
            seat: None,
        })
    }

    async fn free_place(&self, patience: Duration) -> Option<OwnedSemaphorePermit> {
        let place = timeout(patience, self.places.clone().acquire_owned()).await;
        place.ok().and_then(Result::ok)
    }

    /// Whether there was one.
    fn close_an_idle_one(&self) -> bool {
        let now = clock::now().instant;
        let connected = lock(&self.connected);
        let idle = connected.iter().filter_map(|activity| {
            let activity = activity.upgrade()?;
            let since = (*lock(&activity.idle_since))?;
            let is_long = now.duration_since(since) >= IDLE && !activity.leave.is_cancelled();
            is_long.then_some((since, activity))
        });
        let longest = idle.min_by_key(|(since, _)| *since);
        longest.is_some_and(|(_, activity)| {
            activity.leave.cancel();
            true
        })
    }
}

impl Place {
    /// Waits for a seat for a request that may take long. `None` where all stay taken.
    pub(super) async fn seat(&mut self) -> Option<()> {
        let seat = timeout(PATIENCE, self.room.seats.clone().acquire_owned()).await;
        self.seat = Some(seat.ok().and_then(Result::ok)?);
        Some(())
    }

    /// Notes that a request is at hand.
    pub(super) fn is_busy(&self) {
        *lock(&self.activity.idle_since) = None;
    }

    /// Notes that the request is answered, and gives its seat back.
    pub(super) fn is_idle(&mut self) {
        self.seat = None;
        *lock(&self.activity.idle_since) = Some(clock::now().instant);
    }

    /// Cancelled when another client needs this place.
    pub(super) fn leave(&self) -> CancellationToken {
        self.activity.leave.clone()
    }

    /// Leave for the request at hand to go on without a place, its client being gone; `None` where
    /// too many do.
    pub(super) fn orphan(&self) -> Option<OwnedSemaphorePermit> {
        self.room.orphans.clone().try_acquire_owned().ok()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
