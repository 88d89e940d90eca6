//! The methods of a [`Handle`], for the control socket and for the app in this process.

use std::sync::Arc;

use tokio::sync::{mpsc::error::SendError, oneshot, watch};

use super::{Applied, Handle, Message, Supervisor, reply};
use crate::{
    control::{Coming, Control, Doctor, Down, Outcome, Restart, Up},
    model::{finding::Finding, view::Snapshot},
};

impl Handle {
    /// Calls `ask` in the loop of the supervisor. Returns the answer; `None` if there is none, or
    /// the supervisor has exited.
    async fn query<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Supervisor, oneshot::Sender<T>) + Send + 'static,
    ) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        let call = Message::Call(Box::new(|supervisor| ask(supervisor, answer)));
        self.inbox.send(call).await.ok()?;
        answered.await.ok()
    }

    async fn request(&self, message: impl FnOnce(oneshot::Sender<Outcome>) -> Message) -> Outcome {
        self.hand_in(message).await.outcome().await
    }

    /// Protects the client of this connection and its ancestors from being stopped for a port.
    async fn note_client(&self) {
        if let Some(client) = self.client {
            let callers = self.callers.clone();
            let noted = tokio::task::spawn_blocking(move || callers.note(client)).await;
            if let Err(error) = noted {
                tracing::warn!(%error, "the client process could not be examined");
            }
        }
    }

    async fn hand_in(&self, message: impl FnOnce(oneshot::Sender<Outcome>) -> Message) -> Coming {
        let (answer, answered) = oneshot::channel();
        if let Err(SendError(message)) = self.inbox.send(message(answer)).await {
            message.reject();
        }
        answered.into()
    }

    /// Rejects all starts from now on, for a daemon that only stops services of an earlier one.
    pub async fn refuse_starts(&self) {
        // A supervisor that has exited accepts none either.
        let refuse = |supervisor: &mut Supervisor, answer| {
            supervisor.refuses_starts = true;
            reply(answer, ());
        };
        let _ = self.query(refuse).await;
    }

    /// Exits the supervisor once no stack is wanted or running and no request is waiting. Later
    /// starts are rejected. Cancel-safe: the supervisor keeps running unless this has returned.
    pub async fn retire(&self) {
        // No answer means that it has already exited.
        let retire = |supervisor: &mut Supervisor, answer| supervisor.retiring = Some(answer);
        let _ = self.query(retire).await;
    }

    /// Returns a receiver of the applied stacks.
    #[must_use]
    pub fn applied(&self) -> watch::Receiver<Vec<Applied>> {
        self.applied.clone()
    }

    /// Waits until the supervisor has exited.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }
}

impl Control for Handle {
    fn for_client(mut self, client: u32) -> Self {
        self.client = Some(client);
        self
    }

    fn on_behalf_of(mut self, program: Option<String>) -> Self {
        self.program = program.map(Into::into);
        self
    }

    async fn start(&self, up: Up) -> Coming {
        self.note_client().await;
        let program = self.program.clone();
        self.hand_in(|answer| Message::Up(up, program, answer))
            .await
    }

    async fn down(&self, down: Down) -> Outcome {
        let program = self.program.clone();
        self.request(|answer| Message::Down(down, program, answer))
            .await
    }

    async fn restart(&self, restart: Restart) -> Outcome {
        self.note_client().await;
        let program = self.program.clone();
        self.request(|answer| Message::Restart(restart, program, answer))
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
        self.query(|supervisor, answer| supervisor.doctor(doctor, answer))
            .await
    }

    async fn usage(&self) -> Arc<Snapshot> {
        let measured = self.query(Supervisor::measure).await;
        measured.unwrap_or_else(|| self.snapshot.borrow().clone())
    }

    async fn home_lost(&self) {
        // A supervisor that has exited has nothing to write.
        let restore = |supervisor: &mut Supervisor, answer| {
            supervisor.journal.restore();
            reply(answer, ());
        };
        let _ = self.query(restore).await;
    }

    fn snapshot(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshot.clone()
    }
}
