//! Limits on clients: connections, idle connections and active requests.

use std::{
    sync::{Arc, Mutex, Weak},
    time::{Duration, Instant},
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{host::clock, sync::lock};

/// The maximum number of connected clients.
pub(super) const CONNECTIONS: usize = 512;

/// The maximum number of them with a request that can take long. `down` and `status` need no seat and
/// use the rest, so that waiting clients and watchers do not block them.
pub(super) const SEATS: usize = 256;

/// The maximum number of running requests whose clients have disconnected.
const ORPHANS: usize = 1_024;

/// How long a client waits for a seat before it is rejected.
const TIME_LIMIT: Duration = Duration::from_secs(1);

/// The idle time after which a connection may be closed for another client.
const IDLE: Duration = Duration::from_secs(1);

/// How long a connection may take to receive the message that it is closed.
const LEAVING: Duration = Duration::from_secs(2);

/// The places and seats of one server. Clones share them.
#[derive(Clone)]
pub(super) struct Room {
    places: Arc<Semaphore>,
    seats: Arc<Semaphore>,
    orphans: Arc<Semaphore>,
    connected: Arc<Mutex<Vec<Weak<Activity>>>>,
}

/// The place of one client. Dropping it frees the place.
pub(super) struct Place {
    room: Room,
    activity: Arc<Activity>,
    _permit: OwnedSemaphorePermit,
    seat: Option<OwnedSemaphorePermit>,
}

/// The activity of a connection.
struct Activity {
    /// When it began to wait for its client; `None` while it handles a request.
    idle_since: Mutex<Option<Instant>>,
    /// Cancelled when its place is needed.
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

    /// Waits for a place for at most `time_limit`, then closes the connection that has been idle longest.
    /// Returns `None` if none is idle. Cancel-safe.
    pub(super) async fn place(&self, time_limit: Duration) -> Option<Place> {
        let place = match self.places.clone().try_acquire_owned() {
            Ok(place) => place,
            Err(_) if self.close_an_idle_one() => self.free_place(LEAVING).await?,
            Err(_) => match self.free_place(time_limit).await {
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

    async fn free_place(&self, time_limit: Duration) -> Option<OwnedSemaphorePermit> {
        let place = timeout(time_limit, self.places.clone().acquire_owned()).await;
        place.ok().and_then(Result::ok)
    }

    /// Closes the connection that has been idle longest. Returns whether there was one.
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
    /// Waits for a seat for a request that can take long. Returns `None` if all stay taken.
    pub(super) async fn seat(&mut self) -> Option<()> {
        let seat = timeout(TIME_LIMIT, self.room.seats.clone().acquire_owned()).await;
        self.seat = Some(seat.ok().and_then(Result::ok)?);
        Some(())
    }

    /// Records the start of a request.
    pub(super) fn is_busy(&self) {
        *lock(&self.activity.idle_since) = None;
    }

    /// Records that the request is answered, and releases its seat.
    pub(super) fn is_idle(&mut self) {
        self.seat = None;
        *lock(&self.activity.idle_since) = Some(clock::now().instant);
    }

    /// Returns a token that is cancelled when another client needs this place.
    pub(super) fn leave(&self) -> CancellationToken {
        self.activity.leave.clone()
    }

    /// Permits the active request to continue without a place after its client has disconnected; `None`
    /// if too many do.
    pub(super) fn orphan(&self) -> Option<OwnedSemaphorePermit> {
        self.room.orphans.clone().try_acquire_owned().ok()
    }
}
