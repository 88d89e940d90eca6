//! The types that the functions of every operating system share.

use std::{
    ffi::OsString,
    fs::File,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use sysinfo::Uid;

use crate::model::facts::{Mark, Process};

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
    /// Its standard input; without one, there is nothing to read.
    #[cfg_attr(
        windows,
        expect(dead_code, reason = "there is nothing to read there yet")
    )]
    pub(crate) input: Option<File>,
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

/// Who was killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OomKill {
    /// The process.
    pub(crate) pid: u32,
    /// What the kernel says of it.
    pub(crate) line: String,
}

/// What is found at the address of the control socket before a daemon listens there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    windows,
    expect(
        dead_code,
        reason = "a pipe ends with its listener, and nothing else can have its name"
    )
)]
pub(crate) enum Remnant {
    /// Nothing.
    Nothing,
    /// The socket of a daemon that is no more.
    Stale,
    /// Somebody answers.
    Answering,
    /// Something else than a socket.
    Stranger,
}

/// Why an address cannot be bound.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// A socket stands in the way: a listener, or one of which only the kernel knows.
    InUse(io::Error),
    /// The operating system keeps the port back, or asks for privileges.
    Excluded(io::Error),
    /// This machine has no such address, or not the whole address family.
    Absent,
    /// Anything else: out of descriptors, say.
    Other(io::Error),
}

/// A socket that listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listening {
    /// Where; an IPv4 address that is written as an IPv6 one is given as the former.
    pub(crate) address: SocketAddr,
    /// Whether the present user opened it.
    pub(crate) own: bool,
    /// The user who opened it, where the operating system tells.
    pub(crate) user: Option<Uid>,
    /// Who holds it. Several processes do after a fork, none where the operating system does not
    /// tell: it is another user's, or the kernel's own.
    pub(crate) processes: Vec<Process>,
}

/// How many may be looked at to find all who hold a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breadth {
    /// Only those who likely do, and then the relatives of whoever does: enough to say who it is.
    Family,
    /// Everyone, since a copy may have gone anywhere: a grandchild that left its family, say.
    Everyone,
}

/// How far a file has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Bytes, those let go included.
    pub(crate) size: u64,
    /// When the last of them was written. On Linux exact to a tick of the kernel (4 ms). An
    /// operating system that notes this late for files which are open answers with the present
    /// time when the size has grown since.
    pub(crate) modified: SystemTime,
}

/// The identity of a file, whatever its name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId {
    /// Its volume.
    pub(crate) device: u64,
    /// Its number on that volume. Reused only when the file is deleted and no process has it open.
    pub(crate) number: u64,
}
