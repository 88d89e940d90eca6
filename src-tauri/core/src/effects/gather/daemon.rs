//! Finds another daemon, with other settings, that runs the same stack.

use std::{collections::BTreeMap, ffi::OsString};

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

use super::subject::Scene;
use crate::{
    diagnose::evidence::OtherDaemon,
    effects::process::ProcessScan,
    fs::home::Home,
    model::facts::{Process, StackId},
};

/// Returns the daemon that runs services of this stack file with another settings folder. A mark
/// identifies the stack by the file and that folder, and a service inherits the variable that names
/// the folder: both together are proof.
pub(super) fn other(scene: &Scene, table: &ProcessScan) -> Option<OtherDaemon> {
    let file = &scene.stack.file;
    let mut strangers: BTreeMap<&StackId, Process> = BTreeMap::new();
    for (process, mark) in table.marked() {
        if mark.stack != scene.id && scene.stack.service(&mark.service).is_some() {
            strangers.entry(&mark.stack).or_insert(process);
        }
    }
    strangers.into_iter().find_map(|(id, process)| {
        let folder = home_of(process)?;
        let home = Home::of(Some(folder.clone()))?;
        let is_same = home.stack_id(file) == *id;
        is_same.then(|| OtherDaemon {
            pid: daemon_of(table, process),
            detail: if folder.is_empty() {
                format!("it runs without {}", Home::VARIABLE)
            } else {
                let folder = folder.to_string_lossy();
                format!("it runs with {}={folder}", Home::VARIABLE)
            },
        })
    })
}

/// Returns the value of the variable for the settings folder, empty if it is not set; `None` if the
/// environment of the process cannot be read.
fn home_of(process: Process) -> Option<OsString> {
    let mut system = System::new().ok()?;
    let pid = Pid::from_u32(process.pid);
    let what = ProcessRefreshKind::nothing()
        .without_tasks()
        .with_environ(UpdateKind::Always);
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, what);
    let variables = system.process(pid)?.environ();
    if variables.is_empty() {
        return None;
    }
    let start = format!("{}=", Home::VARIABLE);
    let value = variables.iter().find_map(|variable| {
        let text = variable.to_str()?;
        text.strip_prefix(&start).map(OsString::from)
    });
    Some(value.unwrap_or_default())
}

/// Returns the nearest ancestor that is not part of a service: the daemon, if it is still running.
fn daemon_of(table: &ProcessScan, process: Process) -> Option<u32> {
    let rows = table.rows();
    let mut at = table.position(process.pid)?;
    loop {
        let row = &rows[at];
        if row.mark.is_none() {
            // The first process is the parent of every orphan.
            return Some(row.process.pid).filter(|&pid| pid != 1);
        }
        let parent = table.position(row.parent)?;
        if rows[parent].process.started > row.process.started || parent == at {
            return None;
        }
        at = parent;
    }
}
