//! What processes cost.

use std::time::Duration;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::process;
use crate::model::facts::Process;

/// What some processes cost together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Memory that they have in RAM, in bytes. What two of them share counts twice.
    pub memory_bytes: u64,
    /// Processor time that they have used since they started. The difference of two samples, over
    /// the time between them, is the load.
    pub cpu_time: Duration,
}

/// Samples those of `processes` that still run. Reads a file or two for each, so it may be called
/// from a task. `None` where the operating system does not tell.
#[must_use]
pub fn usage(processes: &[Process]) -> Option<Usage> {
    let same = |wanted: &&Process| process(wanted.pid) == Some(**wanted);
    let pids: Vec<Pid> = processes
        .iter()
        .filter(same)
        .map(|process| Pid::from_u32(process.pid))
        .collect();
    let mut system = System::new().ok()?;
    let what = ProcessRefreshKind::nothing().with_memory().with_cpu();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&pids), false, what);
    let mut usage = Usage::default();
    for pid in &pids {
        if let Some(process) = system.process(*pid) {
            usage.memory_bytes += process.memory();
            usage.cpu_time += Duration::from_millis(process.accumulated_cpu_time());
        }
    }
    Some(usage)
}
