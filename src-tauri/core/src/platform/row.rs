use std::{sync::Arc, time::Duration};

use crate::model::facts::{Mark, Process};

/// One process of a table of all processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which.
    pub process: Process,
    /// The number of its parent.
    pub parent: u32,
    /// The number of its process group; 0 where there are none.
    pub group: u32,
    /// The mark that it carries, or was seen to carry before.
    pub mark: Option<Arc<Mark>>,
    /// Its CPU time and memory, where the system lists them with the process.
    pub usage: Option<Usage>,
}

/// The processes of interest in a search for one run.
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "elsewhere one call tells of all processes")
)]
pub(crate) struct Wanted<'a> {
    /// The mark of the run: processes that carry another one may be left out.
    pub(crate) mark: &'a Mark,
    /// Whether a process without a mark can belong to the run, by its PID and its group.
    pub(crate) may_be: &'a (dyn Fn(u32, u32) -> bool + Sync),
}

/// The usage of one process or several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Memory in RAM, in bytes. Pages that two processes share count twice.
    pub memory_bytes: u64,
    /// CPU time since the start. The difference of two samples, divided by the time between them, is
    /// the load.
    pub cpu_time: Duration,
}
