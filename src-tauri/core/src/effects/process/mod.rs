//! Launches, watches and stops processes with their whole trees.
//!
//! [`launch`] returns a [`Tree`]: the first process of a service and all its descendants. A
//! [`ProcessTable`], which all services share, finds the processes that belong to it.

mod attach;
mod end;
mod foreground;
mod helper;
mod kill;
mod known;
mod launch;
mod lookup;
mod opener;
mod process_table;
mod stop;
mod tree;
mod usage;

pub use attach::{Parted, Terminal};
pub use end::{Ended, end};
pub use foreground::foreground;
pub use helper::{
    HelperFault, KEPT, Output, run_for_output, run_helper, run_helper_shown, run_helper_with,
};
pub use kill::kill;
pub use known::Spare;
pub(crate) use known::{CONTAINER_PROXIES, INTERPRETERS, Program, SYSTEM_PROGRAMS};
pub use launch::{Launch, argv, launch};
pub use opener::opener;
pub use process_table::{ProcessScan, ProcessTable};
pub use stop::{StopRequest, stop, stop_remains};
pub(crate) use tree::members_of;
pub use tree::{Tree, survivors_of_runs};
pub use usage::usage;

pub use crate::platform::{Row, Usage};

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

use crate::{
    env::Env,
    model::facts::{LaunchFault, Mark, Process},
    platform::process as platform,
};

/// Returns the process with this PID, or `None` if there is none.
#[must_use]
pub fn process(pid: u32) -> Option<Process> {
    let started = platform::started(pid).ok()?;
    Some(Process { pid, started })
}

/// Returns the file name of a process's program, if this user may read it.
#[must_use]
pub fn program_name(pid: u32) -> Option<String> {
    let mut system = System::new().ok()?;
    let pid = Pid::from_u32(pid);
    let what = ProcessRefreshKind::nothing().with_exe(UpdateKind::Always);
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, what);
    let name = system.process(pid)?.exe()?.file_name()?;
    Some(name.to_string_lossy().into_owned())
}

/// Returns the mark in the environment of a process, if this user may read it.
#[must_use]
pub fn mark_of(process: Process) -> Option<Mark> {
    let mark = platform::mark_of(process.pid)?;
    // Checked last: the PID may have been reused meanwhile.
    (self::process(process.pid) == Some(process)).then_some(mark)
}

/// Runs the helper subcommand for which this program was started and returns its exit code; `None`
/// if it was started normally. Call it first in the `main` of every program that stops services.
///
/// Only Windows needs such a process, for a graceful stop.
#[must_use]
pub fn helper_subcommand() -> Option<ExitCode> {
    platform::helper_subcommand()
}

/// Returns the program that a command starts in `directory` with `environment`, as [`launch`] finds
/// it.
pub fn find_program(
    argv: &[OsString],
    directory: &Path,
    environment: &Env,
) -> Result<PathBuf, LaunchFault> {
    let word = argv.first().map(OsString::as_os_str).unwrap_or_default();
    lookup::program(word, directory, environment)
}

/// Keeps programs that this process starts from inheriting its pipes and files. Call it once,
/// before anything else is opened.
pub fn seal_descriptors() {
    platform::seal_descriptors();
}
