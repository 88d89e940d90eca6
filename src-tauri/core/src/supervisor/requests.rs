//! What a supervisor is asked to do, and the answer once it is done or has failed.

use std::path::Path;

use tokio::sync::oneshot;

use super::{
    Supervisor,
    queue::{Prepared, Queued, Ticket, Wish},
};
use crate::{
    control::{Down, Outcome, Restart, Up},
    model::{
        facts::{Process, StackId},
        finding::Finding,
        stack::{Event, Goal, Progress},
    },
    stack::ServiceName,
};

/// The reason why a start failed.
const BY_DOWN: &str = "stopped by another `pilotlight down`";
const BY_QUIT: &str = "stopped, since the daemon was told to stop everything";
/// The reason why a stop failed.
const BY_UP: &str = "started again by another `pilotlight up`";

/// An active request.
#[derive(Debug)]
pub(super) struct Waiter {
    goals: Vec<(StackId, Goal)>,
    /// Cancelled starts that may still be ending leftovers.
    cancelled: Vec<Ticket>,
    answer: oneshot::Sender<Outcome>,
}

impl Supervisor {
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
            self.queue.cancel(Some(&file), kill, BY_DOWN)
        } else {
            Vec::new()
        };
        match self.place_of(&file) {
            Some(index) if services.is_empty() => {
                let goal = self.stop_all_of(index, kill);
                self.wait_for(vec![goal], cancelled, answer);
            }
            Some(index) if !self.queue.concerns(&file) => {
                self.carry_out_wish(index, Wish::Down { kill }, &services, answer);
            }
            _ => self.queue_other(file, Wish::Down { kill }, services, answer),
        }
    }

    pub(super) fn restart(&mut self, restart: Restart, answer: oneshot::Sender<Outcome>) {
        if self.takes_no_starts() {
            return reply(answer, Outcome::NOT_TAKEN);
        }
        let Restart { file, services } = restart;
        match self.place_of(&file) {
            Some(index) if !self.queue.concerns(&file) => {
                self.carry_out_wish(index, Wish::Restart, &services, answer);
            }
            _ => self.queue_other(file, Wish::Restart, services, answer),
        }
    }

    /// Carries out the request whose turn has come.
    pub(super) fn carry_out_queued(&mut self, queued: Queued) {
        let Some(answer) = queued.answer else {
            return;
        };
        let known = self.place_of(&queued.file);
        let index = match queued.prepared {
            None => return,
            Some(Prepared::Loaded(loaded)) => Some(self.apply(*loaded)),
            Some(Prepared::Located(id, left)) => {
                let index = known.or_else(|| self.place(&id));
                if index.is_none() && !left.is_empty() {
                    return reply(answer, not_ended(&left));
                }
                index
            }
            Some(Prepared::Failed(message)) => match known {
                // A stop does not need this lookup.
                Some(index) if queued.wish != Wish::Up => Some(index),
                _ => return refuse(answer, message),
            },
        };
        match (index, queued.wish) {
            (Some(index), wish) => self.carry_out_wish(index, wish, &queued.services, answer),
            // A stack that the daemon does not have is down already.
            (None, Wish::Down { .. }) => reply(answer, Outcome::Done),
            (None, Wish::Up | Wish::Restart) => {
                let message = "that stack is not up; start it with `pilotlight up`";
                refuse(answer, message.into());
            }
        }
    }

    fn carry_out_wish(
        &mut self,
        index: usize,
        wish: Wish,
        services: &[ServiceName],
        answer: oneshot::Sender<Outcome>,
    ) {
        if let Some(message) = self.stacks[index].unknown(services) {
            return refuse(answer, message);
        }
        let services = services.to_vec();
        let goal = match wish {
            Wish::Up => {
                self.step(index, Event::Up(services.clone()));
                self.stacks[index].model.up_goal(&services)
            }
            Wish::Down { kill } => {
                self.step(index, Event::Down(services.clone()));
                if kill {
                    self.step(index, Event::Kill(Vec::new()));
                }
                self.stacks[index].model.down_goal(&services)
            }
            Wish::Restart => {
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
        let kept = &self.stacks[index];
        (kept.id.clone(), kept.model.down_goal(&[]))
    }

    pub(super) fn quit(&mut self, leave_running: bool, answer: oneshot::Sender<Outcome>) {
        self.quitting = true;
        if leave_running {
            self.queue.turn_away();
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

    /// Ends the supervisor once nothing is wanted, runs or waits, if that was requested.
    pub(super) fn retire_if_idle(&mut self) {
        let is_idle = self.queue.is_empty()
            && self.waiters.is_empty()
            && !self.stacks.iter().any(|kept| kept.model.is_alive());
        if is_idle && let Some(retiring) = self.retiring.take() {
            // The requester may have cancelled it.
            self.quitting |= retiring.send(()).is_ok();
        }
    }

    fn takes_no_starts(&self) -> bool {
        self.quitting || self.refuses_starts
    }

    fn overruled_by(&self) -> &'static str {
        if self.quitting { BY_QUIT } else { BY_DOWN }
    }

    /// Returns the stack of a file by the path that it was started with; the path is not looked up
    /// here.
    pub(super) fn place_of(&self, file: &Path) -> Option<usize> {
        let mut stacks = self.stacks.iter();
        stacks.position(|kept| kept.model.stack().file == file)
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

    /// Answers whoever has waited long enough.
    pub(super) fn answer_waiters(&mut self) {
        for waiter in std::mem::take(&mut self.waiters) {
            match self.outcome(&waiter) {
                None => self.waiters.push(waiter),
                Some(outcome) => reply(waiter.answer, outcome),
            }
        }
    }

    /// What came of what somebody asked for; `None` as long as it is on its way.
    fn outcome(&self, waiter: &Waiter) -> Option<Outcome> {
        let mut pending = waiter
            .cancelled
            .iter()
            .any(|&ticket| self.queue.has(ticket));
        let mut overruled = None;
        let mut findings: Vec<Finding> = Vec::new();
        for (stack, goal) in &waiter.goals {
            let Some(index) = self.place(stack) else {
                continue;
            };
            match self.stacks[index].model.progress(goal) {
                Progress::Pending => pending = true,
                Progress::Reached => {}
                Progress::Overruled => {
                    overruled = Some(match goal {
                        Goal::Up(_) => self.overruled_by(),
                        Goal::Down(_) => BY_UP,
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

/// Whoever asked may be gone; what was asked is done all the same.
pub(super) fn reply<T>(answer: oneshot::Sender<T>, with: T) {
    drop(answer.send(with));
}

fn not_ended(left: &[Process]) -> Outcome {
    let pids: Vec<String> = left.iter().map(|process| process.pid.to_string()).collect();
    Outcome::Failed {
        message: format!("leftovers could not be ended: pid {}", pids.join(", ")),
        findings: Vec::new(),
    }
}

fn refuse(answer: oneshot::Sender<Outcome>, message: String) {
    reply(answer, Outcome::Refused(message));
}
