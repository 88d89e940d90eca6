//! One connection, from the greeting to its end.

use std::{future::Future, time::Duration};

use serde::de::IgnoredAny;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    protocol::{Hello, PROTOCOL, Request, Response},
    server::Keeper,
    wire::{Wire, WireError},
};

/// The longest request: it carries the environment of its caller, which the kernels limit to some
/// two megabytes.
const REQUEST_LIMIT: usize = 4 << 20;

/// How long a client may take to say what it wants.
const FIRST_REQUEST: Duration = Duration::from_secs(10);

/// How long somebody who is turned away may take to hear why.
const REFUSAL: Duration = Duration::from_secs(1);

/// Why a connection ends before the client closes it.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("no complete request came within {} s", FIRST_REQUEST.as_secs())]
    Idle,
    #[error("the first message is not the greeting of a Pilot Light client")]
    NotAClient,
    #[error(
        "this keeper is Pilot Light {} (protocol {PROTOCOL}), the client is {version} \
         (protocol {protocol})",
        env!("CARGO_PKG_VERSION")
    )]
    OtherVersion { protocol: u32, version: String },
    #[error("{0}")]
    Wire(#[from] WireError),
}

/// Serves a client until it leaves or `stop` is cancelled. A request at hand is always answered.
/// What goes wrong here concerns this client alone.
pub(super) async fn serve<S, K>(stream: S, keeper: K, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin,
    K: Keeper,
{
    let mut wire = Wire::new(stream, REQUEST_LIMIT);
    let Err(fault) = converse(&mut wire, &keeper, &stop).await else {
        return;
    };
    tracing::debug!("a control connection ended: {fault}");
    if !matches!(fault, Fault::Wire(WireError::Io(_))) {
        say_why(&mut wire, fault.to_string()).await;
    }
}

/// Turns a client away, since `served` others are being served.
pub(super) async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(stream: S, served: usize) {
    let mut wire = Wire::new(stream, 0);
    let greeted = timeout(REFUSAL, wire.send(&Hello::ours())).await;
    if matches!(greeted, Ok(Ok(()))) {
        say_why(&mut wire, format!("it serves {served} connections already")).await;
    }
}

/// Tells the client, if it listens at all.
async fn say_why<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>, why: String) {
    if let Ok(Err(error)) = timeout(REFUSAL, wire.send(&Response::Error(why))).await {
        tracing::debug!("the client did not hear why: {error}");
    }
}

async fn converse<S, K>(
    wire: &mut Wire<S>,
    keeper: &K,
    stop: &CancellationToken,
) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
    K: Keeper,
{
    wire.send(&Hello::ours()).await?;
    let first = async {
        timeout(FIRST_REQUEST, first_request(wire))
            .await
            .unwrap_or(Err(Fault::Idle))
    };
    let mut next = until(stop, first).await?;
    while let Some(request) = next {
        let response = match request {
            Request::Up(up) => Response::Outcome(keeper.up(up).await),
            Request::Down(down) => Response::Outcome(keeper.down(down).await),
            Request::Restart(restart) => Response::Outcome(keeper.restart(restart).await),
            Request::Quit { leave_running } => Response::Outcome(keeper.quit(leave_running).await),
            Request::Doctor(doctor) => Response::Findings(keeper.doctor(doctor).await),
            Request::Status => Response::Snapshot(keeper.snapshot().borrow().clone()),
            Request::Usage => Response::Snapshot(keeper.usage().await),
            Request::Watch => return stream_snapshots(wire, keeper, stop).await,
        };
        wire.send(&response).await?;
        next = until(stop, async { Ok(wire.receive().await?) }).await?;
    }
    Ok(())
}

/// What comes, or nothing once the server is to stop.
async fn until<T>(
    stop: &CancellationToken,
    coming: impl Future<Output = Result<Option<T>, Fault>>,
) -> Result<Option<T>, Fault> {
    stop.run_until_cancelled(coming).await.unwrap_or(Ok(None))
}

/// Reads the greeting and the request that follows it; `None` if the client leaves before.
async fn first_request<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
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
    Ok(wire.receive().await?)
}

/// Sends the snapshot now and after every change. A client that reads slowly misses some, since
/// only the latest is ever sent; one that says anything more is done watching.
async fn stream_snapshots<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    keeper: &impl Keeper,
    stop: &CancellationToken,
) -> Result<(), Fault> {
    let mut snapshots = keeper.snapshot();
    loop {
        let snapshot = snapshots.borrow_and_update().clone();
        wire.send(&Response::Snapshot(snapshot)).await?;
        // All arms are cancel-safe. The last change is told before the end.
        tokio::select! {
            biased;
            changed = snapshots.changed() => if changed.is_err() {
                return Ok(());
            },
            said = wire.receive::<IgnoredAny>() => return Ok(said.map(drop)?),
            () = stop.cancelled() => return Ok(()),
        }
    }
}
