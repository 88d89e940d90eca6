//! What a supervisor is asked to do, and the answer once it is done or has failed.

use tokio::sync::oneshot;

use super::{ENDING, Message, Supervisor, adoption::end_strays};
use crate::{
    control::{Down, Outcome, Restart, Up},
    effects::process::Census,
    model::{
        facts::{Mark, StackId},
        finding::Finding,
        stack::{Event, Goal, Progress},
    },
};

/// Somebody who waits for what was asked to come true.
#[derive(Debug)]
pub(super) struct Waiter {
    goals: Vec<(StackId, Goal)>,
    answer: oneshot::Sender<Outcome>,
}

impl Supervisor {
    /// What a lost keeper may have left of a stack that is new to this one is ended first.
    pub(super) fn prepare(&mut self, up: Up, answer: oneshot::Sender<Outcome>) {
        let id = self.tools.home.stack_id(&up.file);
        if self.place(&id).is_some() || !self.tools.home.logs().join(&id.0).exists() {
            return self.up(&up, answer);
        }
        let tools = self.tools.clone();
        self.tasks.spawn(async move {
            // One of its own, since the keeper's need not look back so far.
            let census = Census::since(0);
            if let Ok(table) = census.take().await {
                let is_known = |mark: &Mark| tools.active.contains(mark);
                end_strays(&census, &table, &id, is_known).await;
            }
            if let Some(inbox) = tools.reports.upgrade() {
                // A supervisor that has ended answers by dropping the answer.
                let _ = inbox.send(Message::Prepared(up, answer)).await;
            }
        });
    }

    pub(super) fn up(&mut self, up: &Up, answer: oneshot::Sender<Outcome>) {
        if self.quitting {
            return refuse(answer, ENDING.into());
        }
        let index = match self.load(up) {
            Ok(index) => index,
            Err(message) => return refuse(answer, message),
        };
        if let Some(message) = self.stacks[index].unknown(&up.services) {
            return refuse(answer, message);
        }
        self.step(index, Event::Up(up.services.clone()));
        let goal = self.stacks[index].model.up_goal(&up.services);
        self.wait_for(vec![(index, goal)], answer);
    }

    pub(super) fn down(&mut self, down: &Down, answer: oneshot::Sender<Outcome>) {
        let chosen: Vec<usize> = match &down.file {
            None => (0..self.stacks.len()).collect(),
            Some(file) => {
                let id = self.tools.home.stack_id(file);
                let found = self.stacks.iter().position(|kept| kept.id == id);
                // A stack that nobody keeps is down already.
                let Some(index) = found else {
                    return reply(answer, Outcome::Done);
                };
                if let Some(message) = self.stacks[index].unknown(&down.services) {
                    return refuse(answer, message);
                }
                vec![index]
            }
        };
        let mut goals = Vec::new();
        for index in chosen {
            self.step(index, Event::Down(down.services.clone()));
            if down.kill {
                self.step(index, Event::Kill(Vec::new()));
            }
            goals.push((index, self.stacks[index].model.down_goal(&down.services)));
        }
        self.wait_for(goals, answer);
    }

    pub(super) fn restart(&mut self, restart: Restart, answer: oneshot::Sender<Outcome>) {
        let id = self.tools.home.stack_id(&restart.file);
        let Some(index) = self.stacks.iter().position(|kept| kept.id == id) else {
            return refuse(
                answer,
                "that stack is not up; start it with `pilotlight up`".into(),
            );
        };
        if let Some(message) = self.stacks[index].unknown(&restart.services) {
            return refuse(answer, message);
        }
        let goal = self.stacks[index].model.restart_goal(&restart.services);
        self.step(index, Event::Restart(restart.services));
        self.wait_for(vec![(index, goal)], answer);
    }

    pub(super) fn quit(&mut self, leave_running: bool, answer: oneshot::Sender<Outcome>) {
        self.quitting = true;
        if leave_running {
            for waiter in self.waiters.drain(..) {
                refuse(waiter.answer, ENDING.into());
            }
            return reply(answer, Outcome::Done);
        }
        self.down(
            &Down {
                file: None,
                services: Vec::new(),
                kill: false,
            },
            answer,
        );
    }

    fn wait_for(&mut self, goals: Vec<(usize, Goal)>, answer: oneshot::Sender<Outcome>) {
        let goals = goals
            .into_iter()
            .map(|(index, goal)| (self.stacks[index].id.clone(), goal));
        self.waiters.push(Waiter {
            goals: goals.collect(),
            answer,
        });
    }

    /// Answers whoever has waited long enough.
    pub(super) fn answer_waiters(&mut self) {
        for waiter in std::mem::take(&mut self.waiters) {
            match self.outcome(&waiter.goals) {
                None => self.waiters.push(waiter),
                Some(outcome) => reply(waiter.answer, outcome),
            }
        }
    }

    /// What came of what somebody asked for; `None` as long as it is on its way.
    fn outcome(&self, goals: &[(StackId, Goal)]) -> Option<Outcome> {
        let mut pending = false;
        let mut overruled = false;
        let mut findings: Vec<Finding> = Vec::new();
        for (stack, goal) in goals {
            let Some(index) = self.place(stack) else {
                continue;
            };
            match self.stacks[index].model.progress(goal) {
                Progress::Pending => pending = true,
                Progress::Reached => {}
                Progress::Overruled => overruled = true,
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
        if overruled {
            let message = "somebody else asked for the opposite meanwhile".to_owned();
            return Some(Outcome::Failed { message, findings });
        }
        (!pending).then_some(Outcome::Done)
    }
}

/// Whoever asked may be gone; what was asked is done all the same.
pub(super) fn reply<T>(answer: oneshot::Sender<T>, with: T) {
    drop(answer.send(with));
}

fn refuse(answer: oneshot::Sender<Outcome>, message: String) {
    reply(answer, Outcome::Refused(message));
}
