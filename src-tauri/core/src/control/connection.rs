//! Serves one connection, from the greeting to its end.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use serde::de::IgnoredAny;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    changes::Changes,
    protocol::{ALIVE, Hello, PROTOCOL, Request, Response},
    seats::{CONNECTIONS, Place, SEATS},
    server::{Coming, Control},
    wire::{Wire, WireError},
};
use crate::model::view::{Light, PhaseName, ServiceView, Snapshot};

/// The maximum size of a request. It contains the environment of its caller, which kernels limit to
/// about two megabytes.
const REQUEST_LIMIT: usize = 4 << 20;

/// The time limit for the first request of a client.
const FIRST_REQUEST: Duration = Duration::from_secs(10);

/// The time limit for a client to read an answer.
const READING: Duration = Duration::from_secs(30);

/// The minimum interval between two changes that are sent to a watching client.
const FRAME: Duration = Duration::from_millis(25);

/// The time limit for sending the reason of a rejection.
const REFUSAL: Duration = Duration::from_secs(1);

/// The facts about a client in its greeting.
#[derive(Default)]
struct Abilities {
    hears_of_work: bool,
    changes: bool,
    /// The name of the program on whose behalf the client makes requests.
    name: Option<String>,
}

/// Why a connection ends before the client closes it.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("no complete request arrived within {} s", FIRST_REQUEST.as_secs())]
    Idle,
    #[error("the connection was idle, and another client needed its place")]
    Evicted,
    #[error("the answer was not read within {} s", READING.as_secs())]
    Unread,
    #[error("the daemon already works on {SEATS} requests")]
    Crowded,
    #[error("the first message is not the greeting of a Pilot Light client")]
    NotAClient,
    #[error(
        "this daemon is Pilot Light {} (protocol {PROTOCOL}), the client is {version} \
         (protocol {protocol})",
        env!("CARGO_PKG_VERSION")
    )]
    OtherVersion { protocol: u32, version: String },
    #[error("{0}")]
    Wire(#[from] WireError),
}

/// Serves a client until it disconnects or `stop` is cancelled. An active request is always
/// answered. A failure affects only this client.
pub(super) async fn serve<S, K>(stream: S, place: Place, daemon: K, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin,
    K: Control,
{
    let mut wire = Wire::new(stream, REQUEST_LIMIT);
    let Err(fault) = converse(&mut wire, place, &daemon, &stop).await else {
        return;
    };
    tracing::debug!("a control connection ended: {fault}");
    if !matches!(fault, Fault::Wire(WireError::Io(_))) {
        say_why(&mut wire, fault.to_string()).await;
    }
}

/// Rejects a client because all places are used by clients with active requests.
pub(super) async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(stream: S) {
    let mut wire = Wire::new(stream, 0);
    let greeted = timeout(REFUSAL, wire.send(&Hello::ours())).await;
    if matches!(greeted, Ok(Ok(()))) {
        let why = format!("the daemon already serves {CONNECTIONS} connections");
        say_why(&mut wire, why).await;
    }
}

/// Sends the reason of a rejection, if the client still reads.
async fn say_why<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>, why: String) {
    if let Ok(Err(error)) = timeout(REFUSAL, wire.send(&Response::Error(why))).await {
        tracing::debug!("the reason was not sent to the client: {error}");
    }
}

async fn converse<S, K>(
    wire: &mut Wire<S>,
    mut place: Place,
    daemon: &K,
    stop: &CancellationToken,
) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
    K: Control,
{
    wire.send(&Hello::ours()).await?;
    let mut client = Abilities::default();
    let first = async {
        timeout(FIRST_REQUEST, first_request(wire, &mut client))
            .await
            .unwrap_or(Err(Fault::Idle))
    };
    let mut next = until(stop, &place, first).await?;
    let daemon = &daemon.clone().on_behalf_of(client.name.take());
    while let Some(request) = next {
        place.is_busy();
        let takes_long = match &request {
            Request::Up(_) | Request::Restart(_) | Request::Doctor(_) | Request::Watch => true,
            Request::Down(_) | Request::Quit { .. } | Request::Status | Request::Usage => false,
        };
        if takes_long {
            place.seat().await.ok_or(Fault::Crowded)?;
        }
        if matches!(request, Request::Watch) {
            return stream_snapshots(wire, client, daemon, stop).await;
        }
        let work = match request {
            Request::Up(up) if client.hears_of_work => {
                let coming = daemon.start(up).await;
                // If the client has disconnected, the start continues.
                wire.send(&Response::Taken).await?;
                Work::Start(coming)
            }
            request => Work::Request(request),
        };
        let work = pin!(answer(work, daemon));
        let (response, present) = attend(wire, place, client.hears_of_work, work).await;
        timeout(READING, wire.send(&response))
            .await
            .map_err(|_| Fault::Unread)??;
        let Some(kept) = present else {
            return Ok(());
        };
        place = kept;
        place.is_idle();
        next = until(stop, &place, async { Ok(wire.receive().await?) }).await?;
    }
    Ok(())
}

/// The source of a pending answer.
enum Work {
    Request(Request),
    /// An accepted start.
    Start(Coming),
}

/// Carries out a request.
async fn answer(work: Work, daemon: &impl Control) -> Response {
    let request = match work {
        Work::Request(request) => request,
        Work::Start(coming) => return Response::Outcome(coming.outcome().await),
    };
    match request {
        Request::Up(up) => Response::Outcome(daemon.up(up).await),
        Request::Down(down) => Response::Outcome(daemon.down(down).await),
        Request::Restart(restart) => Response::Outcome(daemon.restart(restart).await),
        Request::Quit { leave_running } => Response::Outcome(daemon.quit(leave_running).await),
        Request::Doctor(doctor) => Response::Findings(daemon.doctor(doctor).await),
        Request::Usage => Response::Snapshot(daemon.usage().await),
        Request::Status | Request::Watch => Response::Snapshot(daemon.snapshot().borrow().clone()),
    }
}

/// Waits for the outcome of a request, and sends liveness messages to a client that supports them.
/// When the client disconnects, its place becomes free and the request continues.
async fn attend<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    place: Place,
    hears_of_work: bool,
    mut work: Pin<&mut impl Future<Output = Response>>,
) -> (Response, Option<Place>) {
    let orphan = loop {
        tokio::select! {
            biased;
            response = &mut work => return (response, Some(place)),
            () = wire.closed() => match place.orphan() {
                Some(orphan) => break orphan,
                // Too many requests of disconnected clients are running: this one keeps its place.
                None => return (work.await, None),
            },
            () = tokio::time::sleep(ALIVE), if hears_of_work => {
                // The branch above notices a disconnected client.
                let _ = wire.send(&Response::Working).await;
            }
        }
    };
    drop(place);
    let response = work.await;
    drop(orphan);
    (response, None)
}

/// Returns the next request, or `None` when the server stops. Fails when another client needs the
/// place.
async fn until<T>(
    stop: &CancellationToken,
    place: &Place,
    coming: impl Future<Output = Result<Option<T>, Fault>>,
) -> Result<Option<T>, Fault> {
    let leave = place.leave();
    tokio::select! {
        biased;
        () = stop.cancelled() => Ok(None),
        came = coming => came,
        () = leave.cancelled() => Err(Fault::Evicted),
    }
}

/// Reads the greeting and the first request; `None` if the client disconnects earlier.
async fn first_request<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    client: &mut Abilities,
) -> Result<Option<Request>, Fault> {
    let hello = match wire.receive::<Hello>().await {
        Ok(Some(hello)) => hello,
        Ok(None) => return Ok(None),
        Err(WireError::Malformed(_)) => return Err(Fault::NotAClient),
        Err(error) => return Err(error.into()),
    };
    if hello.pilotlight != PROTOCOL {
        return Err(Fault::OtherVersion {
            protocol: hello.pilotlight,
            version: hello.version,
        });
    }
    *client = Abilities {
        hears_of_work: hello.hears_of_work,
        changes: hello.changes,
        name: hello.client,
    };
    Ok(wire.receive().await?)
}

/// Sends the current snapshot and later changes, at most one in each [`FRAME`]. The first change
/// after a pause is sent at once, and so is one after which nothing is in progress. A client that
/// reads slowly misses intermediate states, since only the latest is sent. Any further message from
/// the client ends the watch.
async fn stream_snapshots<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    client: Abilities,
    daemon: &impl Control,
    stop: &CancellationToken,
) -> Result<(), Fault> {
    let mut snapshots = daemon.snapshot();
    let mut sent: Option<Arc<Snapshot>> = None;
    let mut moving = 0;
    loop {
        let snapshot = snapshots.borrow_and_update().clone();
        let response = match &sent {
            Some(sent) if client.changes => Response::Changes(Changes::between(sent, &snapshot)),
            _ => Response::Snapshot(snapshot.clone()),
        };
        wire.send(&response).await?;
        sent = Some(snapshot);
        let frame = Instant::now() + FRAME;
        // All branches are cancel-safe. The last change is sent before the end.
        loop {
            tokio::select! {
                biased;
                changed = snapshots.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return Ok(()),
                },
                said = wire.receive::<IgnoredAny>() => return Ok(said.map(drop)?),
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(ALIVE), if client.hears_of_work => {
                    wire.send(&Response::Working).await?;
                }
            }
        }
        while Instant::now() < frame && is_on_its_way(&snapshots.borrow(), &mut moving) {
            tokio::select! {
                biased;
                changed = snapshots.changed() => if changed.is_err() {
                    break;
                },
                said = wire.receive::<IgnoredAny>() => return Ok(said.map(drop)?),
                () = stop.cancelled() => break,
                () = sleep_until(frame) => {}
            }
        }
    }
}

/// Returns whether more changes will follow without a request. `moving` is the index of the service
/// found last, counted over all stacks: while it is in progress, no other one is examined.
fn is_on_its_way(snapshot: &Snapshot, moving: &mut usize) -> bool {
    let services = || snapshot.stacks.iter().flat_map(|stack| &stack.services);
    let is_moving = |service: &Arc<ServiceView>| match service.phase {
        PhaseName::Claiming | PhaseName::Starting | PhaseName::Stopping | PhaseName::Backoff => {
            true
        }
        PhaseName::Stopped => service.light == Light::Amber,
        PhaseName::Ready | PhaseName::Unhealthy | PhaseName::Blocked | PhaseName::Failed => false,
    };
    let after = services().skip(*moving).position(is_moving);
    let found = after.map(|after| *moving + after);
    let found = found.or_else(|| services().take(*moving).position(is_moving));
    *moving = found.unwrap_or(0);
    found.is_some()
}
