//! Measures the memory of services with a limit.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{sync::Notify, time::sleep_until};
use tokio_util::task::AbortOnDropHandle;

use super::task::RunTask;
use crate::{
    effects::process::{ProcessScan, ProcessTable, Tree, members_of, usage},
    host::clock,
    model::{
        effect::Report,
        facts::{ProbeFault, ProbeFaultKind},
        memory::Samples,
    },
    stack::MemoryLimit,
    sync::lock,
};

/// The runs with a limit. One task measures all of them, at the shortest interval of their probes,
/// and ends with the last run.
#[derive(Default)]
pub(super) struct MemoryWatch {
    runs: Arc<Mutex<Vec<Limited>>>,
    /// Notified when a run is added, which may have a shorter interval than the others.
    added: Arc<Notify>,
    task: Option<AbortOnDropHandle<()>>,
}

struct Limited {
    run_task: RunTask,
    tree: Tree,
    limit: MemoryLimit,
    is_too_large: bool,
    samples: Samples,
}

impl MemoryWatch {
    /// Measures a run until it is over, and reports changes.
    pub(super) fn add(&mut self, run_task: RunTask, tree: Tree, limit: MemoryLimit) {
        let processes = run_task.tools.processes.clone();
        let mut runs = lock(&self.runs);
        runs.push(Limited {
            run_task,
            tree,
            limit,
            is_too_large: false,
            samples: Samples::default(),
        });
        // If this is the only run, the task of earlier ones has ended.
        if runs.len() == 1 {
            let measuring = measure_all(self.runs.clone(), self.added.clone(), processes);
            self.task = Some(AbortOnDropHandle::new(tokio::spawn(measuring)));
        }
        self.added.notify_one();
    }
}

async fn measure_all(runs: Arc<Mutex<Vec<Limited>>>, added: Arc<Notify>, processes: ProcessTable) {
    let mut last = clock::now().instant;
    while let Some(pause) = pause(&runs) {
        tokio::select! {
            () = sleep_until((last + pause).into()) => last = clock::now().instant,
            () = added.notified() => continue,
        }
        let Ok(table) = processes.scan().await else {
            continue;
        };
        let reports = measure(&mut lock(&runs), &table);
        for (run_task, report) in reports {
            run_task.report(report).await;
        }
    }
}

/// Removes finished runs. Returns the pause before the next measurement of the others; `None` if
/// there are none.
fn pause(runs: &Mutex<Vec<Limited>>) -> Option<Duration> {
    let mut runs = lock(runs);
    runs.retain(|limited| !limited.run_task.run.over.is_cancelled());
    let intervals = runs.iter().map(|it| it.run_task.service.ready.every);
    intervals.min()
}

/// Returns the changes since the last measurement.
fn measure(runs: &mut [Limited], table: &ProcessScan) -> Vec<(RunTask, Report)> {
    let trees: Vec<&Tree> = runs.iter().map(|limited| &limited.tree).collect();
    let members = members_of(&trees, table);
    let mut reports = Vec::new();
    for (limited, members) in runs.iter_mut().zip(members) {
        let Some(usage) = usage(table, &members) else {
            continue;
        };
        let (used, limit) = (usage.memory_bytes, limited.limit.bytes);
        let mut report = |report| reports.push((limited.run_task.clone(), report));
        if (used > limit) != limited.is_too_large {
            limited.is_too_large = used > limit;
            let fault = limited.is_too_large.then(|| ProbeFault {
                target: limited.run_task.service.name.to_string(),
                kind: ProbeFaultKind::Memory { used, limit },
            });
            report(Report::Memory(fault));
        }
        if let Some(how) = limited.samples.add(clock::now().instant, used) {
            report(Report::Grew(how));
        }
    }
    reports
}
