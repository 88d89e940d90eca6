//! CPU and memory usage of processes.

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::{ProcessScan, process};
use crate::{model::facts::Process, platform::Usage};

/// Adds up the usage of those of `processes` that `table` lists. If the table has no usage, samples
/// it now; that reads a file or two for each process, so a task may call it. Returns `None` if the
/// operating system reports nothing at all.
#[must_use]
pub fn usage(table: &ProcessScan, processes: &[Process]) -> Option<Usage> {
    let mut sum = Usage::default();
    let mut untold = Vec::new();
    for process in processes.iter().filter(|process| table.runs(**process)) {
        let row = table.position(process.pid);
        match row.and_then(|row| table.rows()[row].usage) {
            Some(usage) => sum.add(usage),
            None => untold.push(*process),
        }
    }
    if !untold.is_empty() {
        sum.add(sampled(&untold)?);
    }
    Some(sum)
}

/// Samples those of `processes` that are still running.
fn sampled(processes: &[Process]) -> Option<Usage> {
    let same = |wanted: &&Process| process(wanted.pid) == Some(**wanted);
    let pids: Vec<Pid> = processes
        .iter()
        .filter(same)
        .map(|process| Pid::from_u32(process.pid))
        .collect();
    let mut system = System::new().ok()?;
    let what = ProcessRefreshKind::nothing().with_memory().with_cpu();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&pids), false, what);
    let mut sum = Usage::default();
    for process in pids.iter().filter_map(|pid| system.process(*pid)) {
        sum.add(Usage {
            memory_bytes: process.memory(),
            cpu_time: std::time::Duration::from_millis(process.accumulated_cpu_time()),
        });
    }
    Some(sum)
}

impl Usage {
    fn add(&mut self, other: Self) {
        self.memory_bytes += other.memory_bytes;
        self.cpu_time += other.cpu_time;
    }
}
