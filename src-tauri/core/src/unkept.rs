//! A stack that no keeper has: what is shown of it, and what is wrong with it.

use std::sync::Arc;

use crate::{
    clock,
    effects::{
        evidence::{Case, Gatherer, ON_DEMAND},
        log::ServiceLogs,
    },
    home::Home,
    model::{
        diagnose::diagnose,
        facts::{Mark, RunId},
        finding::Finding,
        stack::StackModel,
        view::StackView,
    },
    stack::Stack,
    stack_file::Environment,
};

/// All of it stopped, with the latest runs that have left a log.
#[must_use]
pub fn view(home: &Home, stack: Arc<Stack>) -> Arc<StackView> {
    model(home, stack).view()
}

/// What is wrong with it, root causes first: what answers, who listens, and what would keep its
/// services from starting. `active` are the runs that a keeper has of other stacks.
pub async fn findings(
    home: &Home,
    stack: Arc<Stack>,
    variables: Arc<Environment>,
    active: impl IntoIterator<Item = Mark>,
) -> Vec<Finding> {
    let model = model(home, stack);
    let mut case = Case::of(&model, home, variables, |_| None);
    case.kept = false;
    case.active = active.into_iter().collect();
    case.read_stack_file().await;
    diagnose(&Gatherer::default().gather(&case, ON_DEMAND).await)
}

fn model(home: &Home, stack: Arc<Stack>) -> StackModel {
    let id = home.stack_id(&stack.file);
    let last_run = |service: &_| {
        let logs = ServiceLogs::of(home.logs(), &id, service);
        logs.latest_run().ok().flatten().unwrap_or(RunId(0))
    };
    StackModel::new(stack, last_run, 0, clock::now())
}
