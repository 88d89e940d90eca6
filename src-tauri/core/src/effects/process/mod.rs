//! Processes: launch, watch, end with the whole tree.
//!
//! A [`Tree`] is what [`launch`] gives: the first process of a service and whatever comes of it.
//! Who belongs to it is read from a [`ProcessTable`], which all services share.

mod end;
mod helper;
mod kill;
mod known;
mod launch;
mod lookup;
mod process_table;
mod stop;
mod tree;
mod usage;

pub use end::{Ended, end};
pub use helper::{HelperFault, Output, run_helper};
pub use kill::kill;
pub(crate) use known::Program;
pub use known::Spare;
pub use launch::{Launch, launch, words};
pub use process_table::{ProcessScan, ProcessTable};
pub use stop::{Ask, stop};
pub(crate) use tree::members_of;
pub use tree::{Tree, left_of_runs};
pub use usage::usage;

pub use crate::platform::{Row, Usage};

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};

use crate::{
    model::facts::{LaunchFault, Mark, Process},
    platform::process as platform,
};

/// The process of this number as it is now, or `None` where there is none.
#[must_use]
pub fn process(pid: u32) -> Option<Process> {
    let started = platform::started(pid).ok()?;
    Some(Process { pid, started })
}

/// The mark that a process carries, where this user may read it.
#[must_use]
pub fn mark_of(process: Process) -> Option<Mark> {
    let mark = platform::mark_of(process.pid)?;
    // Asked last: the number may have gone to another process meanwhile.
    (self::process(process.pid) == Some(process)).then_some(mark)
}

/// What a program does instead of its own work where it was started for an errand of another
/// process of its kind: `None` if it was not, otherwise the code to end with. To be called first
/// thing in the `main` of every program that stops services.
///
/// On Windows a polite stop reaches a service through such a process. Nowhere
/// else is there one.
#[must_use]
pub fn errand() -> Option<ExitCode> {
    platform::errand()
}

/// The program that a command starts in `directory` with `environment`, as [`launch`] finds it.
pub fn find_program(
    words: &[OsString],
    directory: &Path,
    environment: &[(OsString, OsString)],
) -> Result<PathBuf, LaunchFault> {
    let word = words.first().map(OsString::as_os_str).unwrap_or_default();
    lookup::program(word, directory, environment)
}

/// Keeps all that this process has inherited (pipes and files of whoever started it) out of the
/// programs that it starts. To be called once, before anything else is opened.
pub fn seal_descriptors() {
    platform::seal_descriptors();
}
