//! A stack without a daemon: its view, its findings, and its remaining processes.

use std::{fs, io, path::Path, sync::Arc};

use tokio_util::sync::CancellationToken;

use crate::{
    diagnose::diagnose,
    effects::{
        gather::{Gatherer, Patience, Subject},
        log::ServiceLogs,
        process::{ProcessTable, stop_remains, survivors_of_runs},
    },
    env::Env,
    fs::home::Home,
    host::clock,
    model::{
        facts::{Mark, Process, RunId, StackId},
        finding::Finding,
        stack::StackModel,
        view::StackView,
    },
    stack::{ServiceName, Stack},
    state::slots::in_its_slot,
};

/// Returns the view of a stack without active runs, with the latest runs that have a log.
#[must_use]
pub fn view(home: &Home, stack: Arc<Stack>) -> Arc<StackView> {
    model(home, stack).view()
}

/// Returns the findings for a stack without a daemon, root causes first, from listeners, responses
/// and obstacles to a start. `active` are the runs of other stacks in a daemon.
pub async fn findings(
    home: &Home,
    stack: Arc<Stack>,
    variables: Env,
    active: impl IntoIterator<Item = Mark>,
    patience: Patience,
) -> Vec<Finding> {
    let model = model(home, stack);
    let mut subject = Subject::of(&model, home, variables, |_| None);
    subject.evidence.kept = false;
    subject.active = active.into_iter().collect();
    subject.read_stack_file().await;
    diagnose(&Gatherer::default().gather(subject, patience).await)
}

/// Returns the processes with a mark of this file's stack, or without a file, of every stack with
/// logs in the home. Processes of an earlier daemon are included, even if its journal is lost.
///
/// # Errors
///
/// The operating system cannot list its processes, or the logs folder cannot be read.
pub async fn running(home: &Home, file: Option<&Path>) -> io::Result<Vec<(Process, Mark)>> {
    let stacks = match file {
        Some(file) => vec![home.stack_id(file)],
        None => logged(home)?,
    };
    if stacks.is_empty() {
        return Ok(Vec::new());
    }
    let table = ProcessTable::since(0).scan().await?;
    Ok(survivors_of_runs(&table, |mark| {
        stacks.contains(&mark.stack)
    }))
}

/// Returns the stacks with logs in the home.
fn logged(home: &Home) -> io::Result<Vec<StackId>> {
    let folders = match fs::read_dir(home.logs()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        folders => folders?,
    };
    let names = folders.map(|folder| Ok(folder?.file_name().into_string().ok().map(StackId)));
    names.filter_map(Result::transpose).collect()
}

/// Stops runs without a daemon, each with its whole tree: SIGTERM, a grace period of five seconds,
/// SIGKILL. `kill` skips the first two. Returns the survivors.
pub async fn end(running: Vec<(Process, Mark)>, kill: bool) -> Vec<(Process, Mark)> {
    let kill_now = CancellationToken::new();
    if kill {
        kill_now.cancel();
    }
    stop_remains(running, &ProcessTable::since(0), &kill_now).await
}

fn model(home: &Home, stack: Arc<Stack>) -> StackModel {
    let id = home.stack_id(&stack.file);
    let stack = Arc::new(in_its_slot(home, Arc::unwrap_or_clone(stack)));
    let last_run = |service: &ServiceName| last_run(home, &id, service);
    StackModel::new(stack, last_run, 0, clock::now())
}

/// Returns the latest run of a service that has a log.
pub(super) fn last_run(home: &Home, stack: &StackId, service: &ServiceName) -> RunId {
    let logs = ServiceLogs::of(home.logs(), stack, service);
    logs.latest_run().ok().flatten().unwrap_or(RunId(0))
}
