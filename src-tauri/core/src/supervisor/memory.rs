//! Measures the memory of the services that have a limit.

use super::task::RunTask;
use crate::{
    effects::process::{Tree, usage},
    host::clock,
    model::{
        effect::Report,
        facts::{ProbeFault, ProbeFaultKind},
        memory::Samples,
    },
    stack::MemoryLimit,
};

/// Measures a run until it is over: at the interval of its probes, with the scan of the process table
/// that others of the same moment use. Reports a change only.
pub(super) async fn watch_memory(run_task: RunTask, tree: Tree, limit: MemoryLimit) {
    let mut is_too_large = false;
    let mut samples = Samples::default();
    loop {
        tokio::time::sleep(run_task.service.ready.every).await;
        let Ok(table) = run_task.tools.processes.scan().await else {
            continue;
        };
        let Some(usage) = usage(&table, &tree.members(&table)) else {
            continue;
        };
        let used = usage.memory_bytes;
        if (used > limit.bytes) != is_too_large {
            is_too_large = used > limit.bytes;
            let fault = is_too_large.then(|| ProbeFault {
                target: run_task.service.name.to_string(),
                kind: ProbeFaultKind::Memory {
                    used,
                    limit: limit.bytes,
                },
            });
            run_task.report(Report::Memory(fault)).await;
        }
        if let Some(how) = samples.add(clock::now().instant, used) {
            run_task.report(Report::Grew(how)).await;
        }
    }
}
