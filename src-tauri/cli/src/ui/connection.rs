//! One connected page: its calls, and the updates and log lines that it gets.

use std::{collections::HashMap, sync::Arc};

use futures_util::{SinkExt as _, StreamExt as _};
use pilotlight::{app::AppState, sync::lock};
use serde::Serialize;
use serde_json::json;
use std::sync::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
};
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::calls::{Call, Own, Request};

/// The number of messages that may wait for a slow page, before its connection is closed. It opens
/// another one once it reads again.
const QUEUE: usize = 4_096;

/// The page of one connection.
#[derive(Clone)]
pub(super) struct Page {
    pub(super) state: AppState,
    outbox: mpsc::Sender<Message>,
    /// Closes the connection.
    over: CancellationToken,
    tasks: Arc<Mutex<HashMap<u64, AbortOnDropHandle<()>>>>,
}

impl Page {
    /// Sends a message, and returns whether the page still gets any.
    pub(super) fn send(&self, message: &impl Serialize) -> bool {
        let text = serde_json::to_string(message).unwrap_or_default();
        let sent = self.outbox.try_send(Message::text(text)).is_ok();
        if !sent {
            self.over.cancel();
        }
        sent
    }

    /// Returns a function that sends messages of the channel that a call has opened.
    pub(super) fn channel<T: Serialize>(&self, id: u64) -> impl FnMut(T) -> bool + Send + use<T> {
        let page = self.clone();
        move |message| page.send(&json!({ "channel": id, "message": message }))
    }

    /// Runs a task that ends with the connection, or when it is stopped.
    pub(super) fn spawn(&self, id: u64, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.tasks);
        tasks.retain(|_, task| !task.is_finished());
        tasks.insert(id, AbortOnDropHandle::new(tokio::spawn(task)));
    }

    pub(super) fn stop(&self, id: u64) {
        lock(&self.tasks).remove(&id);
    }
}

/// Serves a page until it or this process closes the connection.
pub(super) async fn run<S>(state: AppState, socket: WebSocketStream<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sink, mut stream) = socket.split();
    let (outbox, mut outgoing) = mpsc::channel(QUEUE);
    let page = Page {
        state,
        outbox,
        over: CancellationToken::new(),
        tasks: Arc::default(),
    };
    let writing = async {
        while let Some(message) = outgoing.recv().await {
            if sink.send(message).await.is_err() {
                return;
            }
        }
    };
    let reading = async {
        while let Some(Ok(message)) = stream.next().await {
            let Message::Text(text) = message else {
                continue;
            };
            match serde_json::from_str(&text) {
                Ok(request) => answer(&page, request),
                Err(error) => {
                    tracing::warn!("the page sent an unknown call: {error}");
                    return;
                }
            }
        }
    };
    tokio::select! {
        () = writing => {}
        () = reading => {}
        () = page.over.cancelled() => tracing::warn!("the page reads too slowly: disconnected"),
    }
    // A closed page watches nothing and follows no log. Its other calls continue.
    lock(&page.tasks).clear();
}

fn answer(page: &Page, request: Request) {
    let Request { id, call } = request;
    let page = page.clone();
    if let Call::Own(Own::UnfollowLog { id: log }) = call {
        page.stop(log);
    }
    tokio::spawn(async move {
        let answer = match call.carry_out(&page, id).await {
            Ok(result) => json!({ "id": id, "result": result }),
            Err(error) => json!({ "id": id, "error": error.to_string() }),
        };
        page.send(&answer);
    });
}
