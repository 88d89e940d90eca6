//! Types that all platforms share.

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

use crate::{
    env::Env,
    model::facts::{Mark, Process},
};

/// The parameters of a process to start.
#[derive(Debug)]
pub(crate) struct Start<'a> {
    /// The path of the program: absolute, or relative to `directory`.
    pub(crate) program: &'a Path,
    /// The arguments, beginning with the program's own name. Never empty. On Windows the name is
    /// replaced by the path of `program`.
    pub(crate) argv: &'a [OsString],
    /// Its working directory.
    pub(crate) directory: &'a Path,
    /// Its complete environment.
    pub(crate) environment: &'a Env,
    /// The mark by which it is found, which is also in `environment`.
    #[cfg_attr(
        target_os = "macos",
        expect(dead_code, reason = "there only the environment identifies it")
    )]
    pub(crate) mark: &'a Mark,
    /// Receives its standard output, and its standard error without `errors`.
    pub(crate) output: File,
    /// Receives its standard error.
    pub(crate) errors: Option<File>,
    /// Its standard input; empty without one.
    pub(crate) input: Option<File>,
    /// Whether it leads a new session. Otherwise it leads a new process group in the session of this process.
    #[cfg_attr(windows, expect(dead_code, reason = "Windows has no such sessions"))]
    pub(crate) leads_session: bool,
}

/// The process in which a fork returns.
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "only Linux forks")
)]
pub(crate) enum Fork {
    /// The original process, with the standard output of its copy.
    Original(super::os::program::ForkOutput),
    /// The copy, which has no output to read.
    Copy,
}

/// Whether a path can be run as a program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Runnable {
    /// Yes: this file.
    Yes(PathBuf),
    /// The file is not executable.
    No(PathBuf),
    /// The file does not exist.
    Missing,
}

/// A row of the process table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The PID.
    pub process: Process,
    /// The PID of its parent.
    pub parent: u32,
    /// The ID of its process group; 0 if the system has no groups.
    pub group: u32,
    /// Its mark, now or earlier.
    pub mark: Option<Arc<Mark>>,
    /// Its CPU time and memory, if the system lists them with the process.
    pub usage: Option<Usage>,
}

/// The processes of interest in a search for one run.
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "elsewhere one call lists all processes")
)]
pub(crate) struct Wanted<'a> {
    /// The mark of the run. Processes with another mark may be left out.
    pub(crate) mark: &'a Mark,
    /// Whether a process without a mark can belong to the run, by its PID and its group.
    pub(crate) may_be: &'a (dyn Fn(u32, u32) -> bool + Sync),
}

/// The maximum number of generations that are followed: reused PIDs could form a cycle.
pub(crate) const GENERATIONS: usize = 64;

/// The usage of one process or several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Memory in RAM, in bytes. Pages that two processes share count twice.
    pub memory_bytes: u64,
    /// CPU time since the start. The load is the difference of two samples, divided by the time
    /// between them.
    pub cpu_time: Duration,
}

/// A process that the kernel killed for memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OomKill {
    /// The PID.
    pub(crate) pid: u32,
    /// The line in the kernel log.
    pub(crate) line: String,
}

/// The file at the address of the control socket, before a daemon listens there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    windows,
    expect(
        dead_code,
        reason = "a pipe ends with its listener, and nothing else can have its name"
    )
)]
pub(crate) enum Remnant {
    /// No file.
    Nothing,
    /// The socket of a dead daemon.
    Stale,
    /// A process responds.
    Answering,
    /// Another type of file.
    Stranger,
}

/// Why an address cannot be bound.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// A socket is in use: a listener, or one that only the kernel knows.
    InUse(io::Error),
    /// The operating system reserves the port or requires privileges.
    Excluded(io::Error),
    /// This machine does not have the address, or the whole address family.
    Absent,
    /// Any other error (out of descriptors, for example).
    Other(io::Error),
}

/// A listening socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listening {
    /// Its address. An IPv4-mapped IPv6 address is converted to IPv4.
    pub(crate) address: SocketAddr,
    /// Whether the current user opened it.
    pub(crate) own: bool,
    /// The user who opened it, if the operating system reports it.
    pub(crate) user: Option<Uid>,
    /// The processes that hold it. Several do after a fork; none is known if the operating system
    /// hides it (another user's, or the kernel's own).
    pub(crate) processes: Vec<Process>,
}

/// Which processes are searched for the holders of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breadth {
    /// Likely holders and then their relatives: enough to identify the holder.
    Family,
    /// All processes, since a descendant that left its family may hold a copy.
    Everyone,
}

/// The size of a file and the time of its last write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// The size in bytes, including discarded ones.
    pub(crate) size: u64,
    /// When the last byte was written. On Linux exact to a tick of the kernel (4 ms). If the
    /// operating system updates this late for open files, it is the current time when the size has
    /// grown.
    pub(crate) modified: SystemTime,
}

/// The identity of a file, independent of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FileId {
    /// Its volume.
    pub(crate) device: u64,
    /// Its number on that volume. Reused only when the file is deleted and no process has it open.
    pub(crate) number: u64,
}
