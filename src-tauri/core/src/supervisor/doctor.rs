//! Diagnoses stacks: on request, and automatically when something fails.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot};

use super::{Message, Origin, Supervisor, call, guard::guarded, reply};
use crate::{
    control::Doctor,
    diagnose::{
        diagnose,
        evidence::{
            Evidence,
            check::{CheckAnswer, CheckOutcome},
        },
    },
    effects::gather::{Gatherer, Patience, Subject},
    host::clock,
    model::{effect::Report, facts::StackId, finding::Finding, stack::Event},
    stack::{ServiceName, Stack},
};

/// The number of services up to which an automatic diagnosis queries all of them, not only those
/// related to the problem.
const ASK_ALL: usize = 20;
/// The time in which a diagnosis is repeated if services have changed.
const AGAIN: Duration = Duration::from_secs(3);
/// The time after which a problem is diagnosed: a service that restarts at once needs the
/// processor, and recovers before a diagnosis could end.
const SETTLE: Duration = Duration::from_millis(50);

impl Supervisor {
    /// Answers with the root causes of the current problems. Drops the sender if the daemon does
    /// not have the stack.
    pub(super) fn doctor(&mut self, doctor: Doctor, answer: oneshot::Sender<Vec<Finding>>) {
        let patience = doctor.within();
        if let Some(index) = self.index_of_file(&doctor.file) {
            return self.doctor_of(index, patience, answer);
        }
        // The path may differ from the one with which the stack was started.
        let tools = self.tools.clone();
        self.tasks.spawn(async move {
            if let Ok(id) = tools.loader.locate(&tools.home, &doctor.file).await {
                let doctor = move |supervisor: &mut Self| {
                    if let Some(index) = supervisor.index_of(&id) {
                        supervisor.doctor_of(index, patience, answer);
                    }
                };
                call(&tools.reports, doctor).await;
            }
        });
    }

    /// Answers with the root causes of the problems of a stack of the daemon.
    fn doctor_of(
        &mut self,
        index: usize,
        patience: Patience,
        answer: oneshot::Sender<Vec<Finding>>,
    ) {
        let (mut subject, gatherer) = (self.subject(index), self.gatherer());
        let inbox = self.tools.reports.clone();
        let stack = self.stacks[index].id.clone();
        let watched = self.stacks[index].model.watch_findings();
        let watched: Vec<Finding> = watched.map(Arc::unwrap_or_clone).collect();
        self.tasks.spawn(async move {
            let end = clock::now().instant + AGAIN;
            subject.read_stack_file().await;
            let text = subject.evidence.stack_text.clone();
            let mut situation = subject.situation;
            let mut evidence = gatherer.gather(subject, patience).await;
            // A service that has exited meanwhile would seem to be running without responding.
            while let Some(mut now) = present(&inbox, &stack).await
                && now.situation != situation
            {
                // A second gathering in a hurry would show less about hanging services than the
                // first one.
                if clock::now().instant + evidence.took > end {
                    now.amend(&mut evidence);
                    break;
                }
                now.evidence.stack_text.clone_from(&text);
                situation = now.situation;
                evidence = gatherer.gather(*now, patience).await;
            }
            tell_results(&inbox, &stack, &evidence).await;
            let findings = diagnose(&evidence).into_iter().chain(watched);
            reply(answer, findings.collect());
        });
    }

    /// Diagnoses a stack in the background, unless the current situation is being diagnosed or has
    /// been.
    pub(super) fn diagnose(&mut self, index: usize) {
        let running_stack = &mut self.stacks[index];
        let Some(situation) = running_stack.model.undiagnosed() else {
            return;
        };
        let stack = running_stack.id.clone();
        let (gatherer, inbox) = (self.gatherer(), self.tools.reports.clone());
        self.tasks.spawn(async move {
            tokio::time::sleep(SETTLE).await;
            let mut findings = Vec::new();
            // A changed situation has its own diagnosis, and findings of the old one are dropped.
            if let Some(mut subject) = present(&inbox, &stack).await
                && subject.situation == situation
            {
                if subject.runs.len() > ASK_ALL {
                    ask_only_related(&mut subject);
                }
                let diagnosing = guarded(async {
                    subject.read_stack_file().await;
                    diagnose(&gatherer.gather(*subject, Patience::Quick).await)
                });
                // An empty result is better than a situation that stays open forever.
                findings = diagnosing.await.unwrap_or_default();
            }
            let event = Event::Diagnosed {
                situation,
                findings,
            };
            call(&inbox, move |supervisor| {
                supervisor.step_stack(&stack, event);
            })
            .await;
        });
    }

    fn subject(&self, index: usize) -> Subject {
        let kept = &self.stacks[index];
        let tree = |name: &ServiceName| kept.tree(name);
        let variables = kept.variables.clone();
        let mut subject = Subject::of(&kept.model, &self.tools.home, variables, tree);
        subject.active = self.tools.active.clone();
        subject.begin_with(&kept.saved);
        subject
    }

    fn gatherer(&self) -> Gatherer {
        Gatherer {
            prober: self.tools.prober.clone(),
            processes: self.tools.processes.clone(),
            killings: self.tools.killings.clone(),
        }
    }
}

/// Reports to the supervisor which checks have passed and failed, so that the lights agree.
async fn tell_results(
    inbox: &mpsc::WeakSender<Message>,
    stack: &StackId,
    evidence: &Evidence,
) -> Option<()> {
    let inbox = inbox.upgrade()?;
    for is in &evidence.services {
        let is_skipped = |check: &CheckAnswer| matches!(check.outcome, CheckOutcome::Skipped(_));
        if is.checks.is_empty() || is.checks.iter().any(is_skipped) {
            continue;
        }
        let origin = Origin {
            stack: stack.clone(),
            service: is.name.clone(),
            run: is.log.run?,
        };
        let failed = is.checks.iter();
        let failed = failed.filter_map(|check| Some((check.name.clone(), check.probe_fault()?)));
        let report = Report::Doctored(failed.collect());
        inbox.send(Message::Report(origin, report)).await.ok()?;
    }
    Some(())
}

/// Returns the known facts about a stack; `None` when the daemon exits or no longer has it.
async fn present(inbox: &mpsc::WeakSender<Message>, stack: &StackId) -> Option<Box<Subject>> {
    let (answer, answered) = oneshot::channel();
    let stack = stack.clone();
    let describe = move |supervisor: &mut Supervisor| {
        if let Some(index) = supervisor.index_of(&stack) {
            reply(answer, Box::new(supervisor.subject(index)));
        }
    };
    call(inbox, describe).await;
    answered.await.ok()
}

fn ask_only_related(subject: &mut Subject) {
    let related = related(subject);
    for run in &mut subject.runs {
        run.is_asked = related.contains(&run.spec.name);
    }
}

/// Returns the failing services, all their dependencies, and their dependents.
fn related(subject: &Subject) -> BTreeSet<ServiceName> {
    let stack = &subject.evidence.stack;
    let in_trouble = subject.runs.iter().filter(|run| run.is_in_trouble);
    let mut related: BTreeSet<ServiceName> = in_trouble.map(|run| run.spec.name.clone()).collect();
    let dependents: Vec<ServiceName> = stack
        .services
        .iter()
        .filter(|service| service.needs.keys().any(|need| related.contains(need)))
        .map(|service| service.name.clone())
        .collect();
    let mut open: Vec<ServiceName> = related.iter().cloned().collect();
    while let Some(name) = open.pop() {
        for need in needs(stack, &name) {
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
