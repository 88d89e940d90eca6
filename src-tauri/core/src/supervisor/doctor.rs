//! What is wrong, and why: when somebody asks, and by itself when something goes wrong.

use std::{collections::BTreeSet, time::Duration};

use tokio::sync::{mpsc, oneshot};

use super::{Message, Supervisor, guard::guarded, reply};
use crate::{
    control::Doctor,
    diagnose::diagnose,
    effects::gather::{BY_ITSELF, Case, Gatherer, ON_DEMAND},
    host::clock,
    model::{facts::StackId, finding::Finding, stack::Event},
    stack::{ServiceName, Stack},
};

/// In a larger stack than this, only what has to do with the trouble is asked when nobody waits for
/// the answer.
const ASK_ALL: usize = 20;
/// What has gone wrong is looked into when it has stayed so for a moment: a service that is started
/// again at once needs the processor for itself, and is well again before anything could be said.
const MOMENT: Duration = Duration::from_millis(50);

impl Supervisor {
    /// Answers with the root causes of what is wrong now.
    pub(super) fn doctor(&mut self, doctor: Doctor, answer: oneshot::Sender<Option<Vec<Finding>>>) {
        let Some(index) = self.place_of(&doctor.file) else {
            return self.locate_and_doctor(doctor, answer);
        };
        self.doctor_of(index, answer);
    }

    /// Finds the stack whose file is given by another path than the one it was started with.
    fn locate_and_doctor(&mut self, doctor: Doctor, answer: oneshot::Sender<Option<Vec<Finding>>>) {
        let tools = self.tools.clone();
        self.tasks.spawn(async move {
            if let Ok(id) = tools.loader.locate(&tools.home, &doctor.file).await
                && let Some(inbox) = tools.reports.upgrade()
            {
                // If the supervisor has ended, it no longer has the stack.
                let _ = inbox.send(Message::DoctorOf(id, answer)).await;
            }
        });
    }

    /// Answers with the root causes of the problems of a stack that the daemon has.
    pub(super) fn doctor_of(
        &mut self,
        index: usize,
        answer: oneshot::Sender<Option<Vec<Finding>>>,
    ) {
        let (mut case, gatherer) = (self.case(index), self.gatherer());
        let inbox = self.tools.reports.clone();
        self.tasks.spawn(async move {
            case.read_stack_file().await;
            let end = clock::now().instant + ON_DEMAND;
            let mut evidence = gatherer.gather(&case, ON_DEMAND).await;
            // What has ended while it was asked would seem to run and not to answer.
            while let Some(now) = present(&inbox, &case.id).await
                && now.situation != case.situation
            {
                let left = end.saturating_duration_since(clock::now().instant);
                // A hurried second look would know less of what hangs than the first.
                if left < evidence.took {
                    now.amend(&mut evidence);
                    break;
                }
                case = Case {
                    stack_text: case.stack_text,
                    ..*now
                };
                evidence = gatherer.gather(&case, left).await;
            }
            reply(answer, Some(diagnose(&evidence)));
        });
    }

    /// Answers with what is known of a stack now.
    pub(super) fn tell_case(&self, stack: &StackId, answer: oneshot::Sender<Box<Case>>) {
        if let Some(index) = self.place(stack) {
            reply(answer, Box::new(self.case(index)));
        }
    }

    /// Looks into what has gone wrong with a stack, unless that is being done or has been.
    pub(super) fn diagnose(&mut self, index: usize) {
        let kept = &mut self.stacks[index];
        let Some(situation) = kept.model.undiagnosed() else {
            return;
        };
        let stack = kept.id.clone();
        let (gatherer, inbox) = (self.gatherer(), self.tools.reports.clone());
        self.tasks.spawn(async move {
            tokio::time::sleep(MOMENT).await;
            let mut findings = Vec::new();
            // If it has changed, the new situation has its own diagnosis, and what is said of this one
            // is dropped.
            if let Some(mut case) = present(&inbox, &stack).await
                && case.situation == situation
            {
                if case.services.len() > ASK_ALL {
                    ask_only_related(&mut case);
                }
                let diagnosing = guarded(async {
                    case.read_stack_file().await;
                    diagnose(&gatherer.gather(&case, BY_ITSELF).await)
                });
                // An empty result is better than a situation that stays open for ever.
                findings = diagnosing.await.unwrap_or_default();
            }
            let message = Message::Diagnosed {
                stack,
                situation,
                findings,
            };
            if let Some(inbox) = inbox.upgrade() {
                // It has ended, and with it everybody's interest.
                let _ = inbox.send(message).await;
            }
        });
    }

    /// Takes what came of that.
    pub(super) fn diagnosed(&mut self, stack: &StackId, situation: u64, findings: Vec<Finding>) {
        if let Some(index) = self.place(stack) {
            let event = Event::Diagnosed {
                situation,
                findings,
            };
            self.step(index, event);
        }
    }

    fn case(&self, index: usize) -> Case {
        let kept = &self.stacks[index];
        let tree = |name: &ServiceName| kept.tree(name);
        let variables = kept.variables.clone();
        let mut case = Case::of(&kept.model, &self.tools.home, variables, tree);
        case.active = self.tools.active.clone();
        case
    }

    fn gatherer(&self) -> Gatherer {
        Gatherer {
            prober: self.tools.prober.clone(),
            processes: self.tools.processes.clone(),
            killings: self.tools.killings.clone(),
        }
    }
}

/// What is known of a stack now; `None` when the daemon ends or no longer has it.
async fn present(inbox: &mpsc::WeakSender<Message>, stack: &StackId) -> Option<Box<Case>> {
    let (answer, answered) = oneshot::channel();
    let inbox = inbox.upgrade()?;
    let message = Message::Case(stack.clone(), answer);
    inbox.send(message).await.ok()?;
    answered.await.ok()
}

fn ask_only_related(case: &mut Case) {
    let related = related(case);
    for standing in &mut case.services {
        standing.is_asked = related.contains(&standing.spec.name);
    }
}

/// Who is in trouble, all that they need, and who needs them.
fn related(case: &Case) -> BTreeSet<ServiceName> {
    let in_trouble = case
        .services
        .iter()
        .filter(|standing| standing.is_in_trouble);
    let mut related: BTreeSet<ServiceName> = in_trouble
        .map(|standing| standing.spec.name.clone())
        .collect();
    let dependents: Vec<ServiceName> = case
        .stack
        .services
        .iter()
        .filter(|service| service.needs.keys().any(|need| related.contains(need)))
        .map(|service| service.name.clone())
        .collect();
    let mut open: Vec<ServiceName> = related.iter().cloned().collect();
    while let Some(name) = open.pop() {
        for need in needs(&case.stack, &name) {
            if related.insert(need.clone()) {
                open.push(need);
            }
        }
    }
    related.extend(dependents);
    related
}

fn needs(stack: &Stack, name: &ServiceName) -> Vec<ServiceName> {
    let service = stack.service(name);
    service.map_or_else(Vec::new, |service| service.needs.keys().cloned().collect())
}
