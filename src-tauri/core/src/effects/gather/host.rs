//! Evidence about the machine.

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
};

use sysinfo::{MemoryRefreshKind, System};
use tokio::time::{Instant, timeout_at};

use super::{RunContext, sockets::Sockets};
use crate::{
    diagnose::evidence::{HostEvidence, ServiceEvidence},
    model::facts::Exit,
    platform::host,
    sync::lock,
};

/// The kernel's limits of inotify (inotify(7)).
const WATCHING: [&str; 2] = ["max_user_watches", "max_user_instances"];

/// SIGKILL, which the kernel's OOM killer sends.
const KILL: i32 = 9;

/// Resolves `localhost`.
pub(super) async fn localhost(deadline: Instant) -> Vec<IpAddr> {
    let looked = timeout_at(deadline, tokio::net::lookup_host(("localhost", 0))).await;
    match looked {
        Ok(Ok(addresses)) => addresses.map(|address: SocketAddr| address.ip()).collect(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    }
}

/// Returns the free resources.
pub(super) fn look(sockets: &Sockets, localhost: Vec<IpAddr>) -> HostEvidence {
    let memory = System::new().ok().map(|mut system| {
        system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        (system.available_memory(), system.total_memory())
    });
    HostEvidence {
        listening: sockets.all(),
        localhost,
        memory_available: memory.map(|(available, _)| available),
        memory_total: memory.map(|(_, total)| total),
        inotify: WATCHING.map(limit),
    }
}

fn limit(name: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/sys/fs/inotify/{name}"));
    text.ok()?.trim().parse().ok()
}

/// Detects whether the kernel killed a service for memory: by the kernel's log if it is readable,
/// else by its counter, which must have grown since this was created. Clones share their state.
#[derive(Clone)]
pub struct OomKills {
    /// The counter at the start.
    counted: Arc<Mutex<Option<u64>>>,
}

impl Default for OomKills {
    fn default() -> Self {
        let count = host::killing_count().map(|(count, _)| count);
        Self {
            counted: Arc::new(Mutex::new(count)),
        }
    }
}

impl OomKills {
    /// Returns the line of the kernel's log, or the name of the counter that has grown.
    pub(super) fn of(&self, run: &RunContext, is: &ServiceEvidence) -> Option<String> {
        if is.last_exit != Some(Exit::Signal(KILL)) {
            return None;
        }
        let pid = run.last_process?.pid;
        let mut killings = host::killings().into_iter().rev();
        let killing = killings.find(|killing| killing.pid == pid);
        if let Some(killing) = killing {
            return Some(killing.line);
        }
        let (count, name) = host::killing_count()?;
        let counted = lock(&self.counted);
        (*counted)
            .is_some_and(|before| count > before)
            .then_some(name)
    }
}
