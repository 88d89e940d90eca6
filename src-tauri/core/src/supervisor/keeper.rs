//! What a [`Handle`] can do, for the control socket and for whoever holds one in this process.

use std::sync::Arc;

use tokio::sync::{oneshot, watch};

use super::{Applied, ENDING, Handle, Message};
use crate::{
    control::{Doctor, Down, Keeper, Outcome, Restart, Up},
    model::{finding::Finding, view::Snapshot},
};

impl Handle {
    async fn ask<T>(&self, message: impl FnOnce(oneshot::Sender<T>) -> Message) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.inbox.send(message(answer)).await.ok()?;
        answered.await.ok()
    }

    async fn request(&self, message: impl FnOnce(oneshot::Sender<Outcome>) -> Message) -> Outcome {
        let outcome = self.ask(message).await;
        outcome.unwrap_or_else(|| Outcome::Refused(ENDING.into()))
    }

    /// Keeps the client of this connection, and what it descends from, from being ended for a port.
    async fn note_client(&self) {
        if let Some(client) = self.client {
            let callers = self.callers.clone();
            let noted = tokio::task::spawn_blocking(move || callers.note(client)).await;
            if let Err(error) = noted {
                tracing::warn!(%error, "the process that asked could not be looked at");
            }
        }
    }

    /// Waits until nothing of any stack is wanted or runs.
    pub async fn idle(&self) {
        // The sender is gone when the supervisor has ended, and then nothing of it is left to do.
        let _ = self.alive.clone().wait_for(|alive| *alive == 0).await;
    }

    /// The stacks that it has, as they were applied.
    pub async fn applied(&self) -> Vec<Applied> {
        self.ask(Message::Applied).await.unwrap_or_default()
    }

    /// Waits until the supervisor has ended.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }
}

impl Keeper for Handle {
    fn for_client(mut self, client: u32) -> Self {
        self.client = Some(client);
        self
    }

    async fn up(&self, up: Up) -> Outcome {
        self.note_client().await;
        self.request(|answer| Message::Up(up, answer)).await
    }

    async fn down(&self, down: Down) -> Outcome {
        self.request(|answer| Message::Down(down, answer)).await
    }

    async fn restart(&self, restart: Restart) -> Outcome {
        self.note_client().await;
        self.request(|answer| Message::Restart(restart, answer))
            .await
    }

    async fn quit(&self, leave_running: bool) -> Outcome {
        self.request(|answer| Message::Quit {
            leave_running,
            answer,
        })
        .await
    }

    async fn doctor(&self, doctor: Doctor) -> Option<Vec<Finding>> {
        let asked = self.ask(|answer| Message::Doctor(doctor, answer)).await;
        asked.flatten()
    }

    async fn usage(&self) -> Arc<Snapshot> {
        let measured = self.ask(Message::Usage).await;
        measured.unwrap_or_else(|| self.snapshot.borrow().clone())
    }

    async fn home_lost(&self) {
        // One that has ended has nothing to write down.
        let _ = self.ask(Message::HomeLost).await;
    }

    fn snapshot(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshot.clone()
    }
}
