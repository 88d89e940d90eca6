use std::{
    ffi::OsString,
    fs::File,
    path::{Path, PathBuf},
};

use crate::model::facts::Mark;

/// All that a process is started with.
#[derive(Debug)]
pub(crate) struct Start<'a> {
    /// The program, with a slash in it: absolute, or from `directory`.
    pub(crate) program: &'a Path,
    /// What the program is told its words are, its own name first. Never empty. On Windows it is
    /// told the path of `program` for a name.
    pub(crate) words: &'a [OsString],
    /// Its working directory.
    pub(crate) directory: &'a Path,
    /// Its complete environment; of two with one name the later counts.
    pub(crate) environment: &'a [(OsString, OsString)],
    /// What it is found by; in `environment` too.
    #[cfg_attr(
        target_os = "macos",
        expect(dead_code, reason = "there it is found by its environment alone")
    )]
    pub(crate) mark: &'a Mark,
    /// Where its standard output and error go.
    pub(crate) output: File,
}

/// The process in which a fork returns.
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "only Linux makes copies")
)]
pub(crate) enum Fork {
    /// The original process, with the standard output of its copy.
    Original(super::os::program::ForkOutput),
    /// The copy, with nothing to read.
    Copy,
}

/// Whether a path can be run as a program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Runnable {
    /// Yes: this file.
    Yes(PathBuf),
    /// Something is there that may not be run.
    No(PathBuf),
    /// Nothing is there.
    Missing,
}
