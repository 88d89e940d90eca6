//! Requests that wait for files to be read, or for an earlier request to the same stack.

use std::path::{Path, PathBuf};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{
    Supervisor, Tools, adoption::end_strays, call, guard::guarded, loading::Loaded, requests::reply,
};
use crate::{
    control::{Outcome, Up},
    effects::process::ProcessTable,
    model::facts::{Mark, Process, StackId},
    stack::ServiceName,
};

/// The kind of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestKind {
    Up,
    Down { kill: bool },
    Restart,
}

/// The data that a request needs to be carried out.
#[derive(Debug)]
pub(super) enum Prepared {
    /// The stack file to apply.
    Loaded(Box<Loaded>),
    /// The stack of the request, and those of its unrecorded processes that could not be stopped.
    Located(StackId, Vec<Process>),
    /// The reason why it cannot be carried out.
    Failed(String),
}

/// The unique number of a request.
pub(super) type Ticket = u64;

/// A waiting request.
#[derive(Debug)]
pub(super) struct Queued {
    ticket: Ticket,
    pub(super) file: PathBuf,
    pub(super) kind: RequestKind,
    pub(super) services: Vec<ServiceName>,
    /// `None` once it is answered: a later request has cancelled it.
    pub(super) answer: Option<oneshot::Sender<Outcome>>,
    pub(super) prepared: Option<Prepared>,
    cancel: Cancel,
}

/// Cancels the preparation of a request.
#[derive(Clone, Debug, Default)]
struct Cancel {
    /// Starts nothing more, but still stops leftovers.
    over: CancellationToken,
    /// Does not wait for leftovers.
    kill: CancellationToken,
}

/// The waiting requests, in order of arrival.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Vec<Queued>,
    latest: Ticket,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Returns whether a request for this file is waiting.
    pub(super) fn concerns(&self, file: &Path) -> bool {
        self.waiting.iter().any(|queued| queued.file == file)
    }

    /// Returns whether this request is waiting.
    pub(super) fn has(&self, ticket: Ticket) -> bool {
        self.waiting.iter().any(|queued| queued.ticket == ticket)
    }

    /// Cancels the starts for a file, or all starts. Returns those whose preparation must end
    /// before they leave no process.
    pub(super) fn cancel(&mut self, file: Option<&Path>, kill: bool, why: &str) -> Vec<Ticket> {
        let starts = self.waiting.iter_mut().filter(|queued| {
            file.is_none_or(|file| queued.file == file)
                && match queued.kind {
                    RequestKind::Up | RequestKind::Restart => true,
                    RequestKind::Down { .. } => false,
                }
        });
        let cancelled = starts.map(|queued| {
            if let Some(answer) = queued.answer.take() {
                reply(answer, Outcome::Overruled(why.to_owned()));
            }
            queued.cancel.over.cancel();
            if kill {
                queued.cancel.kill.cancel();
            }
            queued.ticket
        });
        cancelled.collect()
    }

    /// Rejects all waiting requests.
    pub(super) fn reject(&mut self) {
        for mut queued in self.waiting.drain(..) {
            queued.cancel.over.cancel();
            if let Some(answer) = queued.answer.take() {
                reply(answer, Outcome::NOT_TAKEN);
            }
        }
    }

    fn push(
        &mut self,
        file: PathBuf,
        kind: RequestKind,
        services: Vec<ServiceName>,
        answer: oneshot::Sender<Outcome>,
    ) -> (Ticket, Cancel) {
        self.latest += 1;
        let cancel = Cancel::default();
        self.waiting.push(Queued {
            ticket: self.latest,
            file,
            kind,
            services,
            answer: Some(answer),
            prepared: None,
            cancel: cancel.clone(),
        });
        (self.latest, cancel)
    }

    fn prepared(&mut self, ticket: Ticket, prepared: Prepared) -> Option<PathBuf> {
        let mut waiting = self.waiting.iter_mut();
        let queued = waiting.find(|queued| queued.ticket == ticket)?;
        queued.prepared = Some(prepared);
        Some(queued.file.clone())
    }

    /// Returns the first request for a file, if it is ready to be carried out.
    fn next(&mut self, file: &Path) -> Option<Queued> {
        let first = self.waiting.iter().position(|queued| queued.file == file)?;
        self.waiting[first].prepared.as_ref()?;
        Some(self.waiting.remove(first))
    }
}

impl Supervisor {
    /// Prepares a start: reads its stack file and stops leftovers of its stack from a lost daemon.
    pub(super) fn queue_up(&mut self, mut up: Up, answer: oneshot::Sender<Outcome>) {
        let services = std::mem::take(&mut up.services);
        let (ticket, cancel) = self
            .queue
            .push(up.file.clone(), RequestKind::Up, services, answer);
        let (tools, known) = (self.tools.clone(), self.known());
        self.prepare(ticket, async move {
            let loading = tools.loader.load(&tools.home, up);
            let loaded = match cancel.over.run_until_cancelled(loading).await {
                Some(Ok(loaded)) => loaded,
                Some(Err(error)) => return Prepared::Failed(error.to_string()),
                None => return Prepared::Failed("it was cancelled".into()),
            };
            if loaded.has_run && !known.contains(&loaded.id) {
                clean_up(&tools, &loaded.id, &cancel.kill).await;
            }
            Prepared::Loaded(Box::new(loaded))
        });
    }

    /// Looks up the stack of a request.
    pub(super) fn queue_other(
        &mut self,
        file: PathBuf,
        kind: RequestKind,
        services: Vec<ServiceName>,
        answer: oneshot::Sender<Outcome>,
    ) {
        // A stack that this daemon does not have may have unrecorded processes.
        let clean = matches!(kind, RequestKind::Down { .. }) && services.is_empty();
        let (ticket, cancel) = self.queue.push(file.clone(), kind, services, answer);
        if kind == (RequestKind::Down { kill: true }) {
            cancel.kill.cancel();
        }
        let (tools, known) = (self.tools.clone(), self.known());
        self.prepare(ticket, async move {
            let id = match tools.loader.locate(&tools.home, &file).await {
                Ok(id) => id,
                Err(error) => return Prepared::Failed(error.to_string()),
            };
            let survivors = if clean && !known.contains(&id) {
                clean_up(&tools, &id, &cancel.kill).await
            } else {
                Vec::new()
            };
            Prepared::Located(id, survivors)
        });
    }

    /// Returns the stacks that this daemon has.
    fn known(&self) -> Vec<StackId> {
        self.stacks.iter().map(|stack| stack.id.clone()).collect()
    }

    fn prepare(&mut self, ticket: Ticket, work: impl Future<Output = Prepared> + Send + 'static) {
        let inbox = self.tools.reports.clone();
        self.tasks.spawn(async move {
            let prepared = guarded(work).await.unwrap_or_else(|panic| {
                Prepared::Failed(format!(
                    "the request failed with an internal error: {panic}"
                ))
            });
            call(&inbox, move |supervisor| {
                supervisor.prepared(ticket, prepared);
            })
            .await;
        });
    }

    /// Carries out the requests that can run after this one is prepared.
    fn prepared(&mut self, ticket: Ticket, prepared: Prepared) {
        let Some(file) = self.queue.prepared(ticket, prepared) else {
            return;
        };
        while let Some(queued) = self.queue.next(&file) {
            self.carry_out_queued(queued);
        }
    }
}

/// Stops the unrecorded processes of a stack. Returns the survivors.
async fn clean_up(tools: &Tools, id: &StackId, kill: &CancellationToken) -> Vec<Process> {
    // A separate table, since that of the daemon does not need to look back so far.
    let processes = ProcessTable::since(0);
    let Ok(table) = processes.scan().await else {
        return Vec::new();
    };
    let is_known = |mark: &Mark| tools.active.contains(mark);
    end_strays(&processes, &table, id, is_known, kill).await
}
