//! Carries out requests to the supervisor, and answers them once they are done or have failed.

use std::{path::Path, sync::Arc};

use tokio::sync::oneshot;

use super::{
    Supervisor,
    queue::{Prepared, Queued, RequestKind, Ticket},
};
use crate::{
    control::{Down, Outcome, Restart, Up},
    host::clock,
    model::{
        facts::{Process, StackId},
        finding::Finding,
        stack::{Event, Goal, Progress},
        view::StartedBy,
    },
    stack::ServiceName,
};

/// The reason for cancelling a start.
const OVERRULED_BY_DOWN: &str = "cancelled by another `pilotlight down`";
const OVERRULED_BY_QUIT: &str = "cancelled because the daemon is stopping all services";
/// The reason for cancelling a stop.
const OVERRULED_BY_UP: &str = "cancelled by another `pilotlight up`";

/// An active request.
#[derive(Debug)]
pub(super) struct Waiter {
    goals: Vec<(StackId, Goal)>,
    /// Cancelled starts that may still be stopping leftovers.
    cancelled: Vec<Ticket>,
    answer: oneshot::Sender<Outcome>,
}

impl Supervisor {
    /// Records the program that requests a start of the stack in a file.
    pub(super) fn note_program(&mut self, file: &Path, program: Option<Arc<str>>) {
        match program {
            None => drop(self.programs.remove(file)),
            Some(program) => {
                let by = StartedBy {
                    client: program.to_string(),
                    at: clock::timestamp(),
                };
                self.programs.insert(file.to_owned(), by);
            }
        }
    }

    /// Records the program that requests a stop of the stack in a file, or of all stacks.
    pub(super) fn note_stopper(&mut self, file: Option<&Path>, program: Option<&Arc<str>>) {
        for running_stack in &mut self.stacks {
            if file.is_none_or(|file| running_stack.model.stack().file == file) {
                running_stack.stopped_by = program.cloned();
            }
        }
    }

    pub(super) fn up(&mut self, up: Up, answer: oneshot::Sender<Outcome>) {
        if self.takes_no_starts() {
            return reply(answer, Outcome::NOT_TAKEN);
        }
        self.queue_up(up, answer);
    }

    pub(super) fn down(&mut self, down: Down, answer: oneshot::Sender<Outcome>) {
        let Down {
            file,
            services,
            kill,
        } = down;
        let Some(file) = file else {
            let cancelled = self.queue.cancel(None, kill, self.overruled_by());
            let goals = (0..self.stacks.len()).map(|index| self.stop_all_of(index, kill));
            let goals = goals.collect();
            return self.wait_for(goals, cancelled, answer);
        };
        // A stop of single services waits for its turn.
        let cancelled = if services.is_empty() {
            self.queue.cancel(Some(&file), kill, OVERRULED_BY_DOWN)
        } else {
            Vec::new()
        };
        match self.index_of_file(&file) {
            Some(index) if services.is_empty() => {
                let goal = self.stop_all_of(index, kill);
                self.wait_for(vec![goal], cancelled, answer);
            }
            Some(index) if !self.queue.concerns(&file) => {
                self.carry_out_request(index, RequestKind::Down { kill }, &services, answer);
            }
            _ => self.queue_other(file, RequestKind::Down { kill }, services, answer),
        }
    }

    pub(super) fn restart(&mut self, restart: Restart, answer: oneshot::Sender<Outcome>) {
        if self.takes_no_starts() {
            return reply(answer, Outcome::NOT_TAKEN);
        }
        let Restart { file, services } = restart;
        match self.index_of_file(&file) {
            Some(index) if !self.queue.concerns(&file) => {
                self.carry_out_request(index, RequestKind::Restart, &services, answer);
            }
            _ => self.queue_other(file, RequestKind::Restart, services, answer),
        }
    }

    /// Carries out the request whose turn has come.
    pub(super) fn carry_out_queued(&mut self, queued: Queued) {
        let Some(answer) = queued.answer else {
            return;
        };
        let known = self.index_of_file(&queued.file);
        let index = match queued.prepared {
            None => return,
            Some(Prepared::Loaded(loaded)) => Some(self.apply(*loaded)),
            Some(Prepared::Located(id, survivors)) => {
                let index = known.or_else(|| self.index_of(&id));
                if index.is_none() && !survivors.is_empty() {
                    return reply(answer, not_ended(&survivors));
                }
                index
            }
            Some(Prepared::Failed(message)) => match known {
                // A stop does not need this lookup.
                Some(index) if queued.kind != RequestKind::Up => Some(index),
                _ => return refuse(answer, message),
            },
        };
        match (index, queued.kind) {
            (Some(index), kind) => self.carry_out_request(index, kind, &queued.services, answer),
            // A stack that the daemon does not have is already down.
            (None, RequestKind::Down { .. }) => reply(answer, Outcome::Done),
            (None, RequestKind::Up | RequestKind::Restart) => {
                let message = "that stack is not running; start it with `pilotlight up`";
                refuse(answer, message.into());
            }
        }
    }

    fn carry_out_request(
        &mut self,
        index: usize,
        kind: RequestKind,
        services: &[ServiceName],
        answer: oneshot::Sender<Outcome>,
    ) {
        if let Some(message) = self.stacks[index].unknown(services) {
            return refuse(answer, message);
        }
        let model = &mut self.stacks[index].model;
        let program = self.programs.remove(&model.stack().file);
        let starts_it = match kind {
            RequestKind::Up => !model.is_alive(),
            RequestKind::Restart => services.is_empty(),
            RequestKind::Down { .. } => false,
        };
        if starts_it {
            model.show_started_by(program);
        }
        let services = services.to_vec();
        let goal = match kind {
            RequestKind::Up => {
                self.step(index, Event::Up(services.clone()));
                self.stacks[index].model.up_goal(&services)
            }
            RequestKind::Down { kill } => {
                self.step(index, Event::Down(services.clone()));
                if kill {
                    self.step(index, Event::Kill(Vec::new()));
                }
                self.stacks[index].model.down_goal(&services)
            }
            RequestKind::Restart => {
                let goal = self.stacks[index].model.restart_goal(&services);
                self.step(index, Event::Restart(services));
                goal
            }
        };
        let goal = (self.stacks[index].id.clone(), goal);
        self.wait_for(vec![goal], Vec::new(), answer);
    }

    fn stop_all_of(&mut self, index: usize, kill: bool) -> (StackId, Goal) {
        self.step(index, Event::Down(Vec::new()));
        if kill {
            self.step(index, Event::Kill(Vec::new()));
        }
        let running_stack = &self.stacks[index];
        (running_stack.id.clone(), running_stack.model.down_goal(&[]))
    }

    pub(super) fn quit(&mut self, leave_running: bool, answer: oneshot::Sender<Outcome>) {
        self.quitting = true;
        if leave_running {
            self.queue.reject();
            for waiter in self.waiters.drain(..) {
                reply(waiter.answer, Outcome::Ending { taken: true });
            }
            return reply(answer, Outcome::Done);
        }
        let all = Down {
            file: None,
            services: Vec::new(),
            kill: false,
        };
        self.down(all, answer);
    }

    /// Exits the supervisor once nothing is wanted, running or waiting, if that was requested.
    pub(super) fn retire_if_idle(&mut self) {
        let is_idle = self.queue.is_empty()
            && self.waiters.is_empty()
            && !self
                .stacks
                .iter()
                .any(|running_stack| running_stack.model.is_alive());
        if is_idle && let Some(retiring) = self.retiring.take() {
            // The requester may have cancelled it.
            self.quitting |= retiring.send(()).is_ok();
        }
    }

    fn takes_no_starts(&self) -> bool {
        self.quitting || self.refuses_starts
    }

    fn overruled_by(&self) -> &'static str {
        if self.quitting {
            OVERRULED_BY_QUIT
        } else {
            OVERRULED_BY_DOWN
        }
    }

    /// Returns the stack with this file, by the path with which it was started. The path is not
    /// looked up here.
    pub(super) fn index_of_file(&self, file: &Path) -> Option<usize> {
        let mut stacks = self.stacks.iter();
        stacks.position(|running_stack| running_stack.model.stack().file == file)
    }

    fn wait_for(
        &mut self,
        goals: Vec<(StackId, Goal)>,
        cancelled: Vec<Ticket>,
        answer: oneshot::Sender<Outcome>,
    ) {
        self.waiters.push(Waiter {
            goals,
            cancelled,
            answer,
        });
    }

    /// Answers the waiting requests that are done or have failed.
    pub(super) fn answer_waiters(&mut self) {
        for waiter in std::mem::take(&mut self.waiters) {
            match self.outcome(&waiter) {
                None => self.waiters.push(waiter),
                Some(outcome) => reply(waiter.answer, outcome),
            }
        }
    }

    /// Returns the outcome of a request; `None` while it is in progress.
    fn outcome(&self, waiter: &Waiter) -> Option<Outcome> {
        let mut pending = waiter
            .cancelled
            .iter()
            .any(|&ticket| self.queue.has(ticket));
        let mut overruled = None;
        let mut findings: Vec<Finding> = Vec::new();
        for (stack, goal) in &waiter.goals {
            let Some(index) = self.index_of(stack) else {
                continue;
            };
            match self.stacks[index].model.progress(goal) {
                Progress::Pending => pending = true,
                Progress::Reached => {}
                Progress::Overruled => {
                    overruled = Some(match goal {
                        Goal::Up(_) => self.overruled_by(),
                        Goal::Down(_) => OVERRULED_BY_UP,
                    });
                }
                Progress::Failed(found) => {
                    findings.extend(found.iter().map(|finding| (**finding).clone()));
                }
            }
        }
        if !findings.is_empty() {
            let titles: Vec<&str> = findings.iter().map(|finding| &*finding.title).collect();
            return Some(Outcome::Failed {
                message: titles.join("; "),
                findings,
            });
        }
        if let Some(why) = overruled {
            return Some(Outcome::Overruled(why.to_owned()));
        }
        (!pending).then_some(Outcome::Done)
    }
}

/// Sends an answer. If the client has disconnected, its request is still carried out.
pub(super) fn reply<T>(answer: oneshot::Sender<T>, with: T) {
    drop(answer.send(with));
}

fn not_ended(survivors: &[Process]) -> Outcome {
    let pids: Vec<String> = survivors
        .iter()
        .map(|process| process.pid.to_string())
        .collect();
    Outcome::Failed {
        message: format!(
            "leftover processes could not be stopped: PID {}",
            pids.join(", ")
        ),
        findings: Vec::new(),
    }
}

fn refuse(answer: oneshot::Sender<Outcome>, message: String) {
    reply(answer, Outcome::Refused(message));
}
