//! The present program as the operating system sees it: its signals, its terminal, its limits, and
//! how it goes on in the background.

use std::{
    env,
    fs::{File, OpenOptions},
    io,
    os::{fd::OwnedFd, unix::process::CommandExt as _},
    path::Path,
    process::{Command, Stdio},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, setsid};
use tokio::{
    net::unix::pipe,
    process::ChildStdout,
    signal::unix::{Signal, SignalKind, signal},
};

pub(crate) use super::endings::Endings;
use crate::model::facts::Mark;

/// Hears of every change of the terminal's size.
pub(crate) struct Resizes(Signal);

impl Resizes {
    /// Must be called within the runtime.
    pub(crate) fn listen() -> io::Result<Self> {
        signal(SignalKind::window_change()).map(Self)
    }

    /// Waits for the next change. Never ends where the system does not tell. Cancel-safe.
    pub(crate) async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// Starts a program that is to live on without its starter and its terminal: with nothing to read,
/// no window, and a pipe as its standard output, whose other end is returned. The new process
/// completes this with [`detach`]. Must be called within the runtime.
pub(crate) fn spawn_in_background(
    program: &Path,
    arguments: &[&str],
    errors: File,
) -> io::Result<ChildStdout> {
    #[expect(
        clippy::disallowed_methods,
        reason = "it is this very program, and no service"
    )]
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        // Started by a service, it is no part of that one.
        .env_remove(Mark::VARIABLE)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(errors)
        .spawn()?;
    child
        .stdout
        .take()
        .ok_or_else(|| io::ErrorKind::BrokenPipe.into())
}

/// The standard output of a copy of this process.
pub(crate) struct ForkOutput(OwnedFd);

impl ForkOutput {
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "only Linux makes copies")
    )]
    pub(in crate::platform) fn new(pipe: OwnedFd) -> Self {
        Self(pipe)
    }

    /// Must be called within the runtime.
    pub(crate) fn read(self) -> io::Result<pipe::Receiver> {
        pipe::Receiver::from_owned_fd(self.0)
    }
}

/// Leaves the session of the terminal, so that neither its end nor its Ctrl-C reaches this process,
/// and the working directory, so that its file system can be unmounted. Fails in a process that
/// leads a group (`setsid(2)`).
pub(crate) fn detach() -> io::Result<()> {
    setsid()?;
    env::set_current_dir("/")
}

/// Ends the standard output: whoever reads it sees its end, and what is written from now on is lost.
pub(crate) fn close_output() -> io::Result<()> {
    let nothing = OpenOptions::new().write(true).open("/dev/null")?;
    Ok(rustix::stdio::dup2_stdout(nothing)?)
}

/// Raises the number of files that this process, and whatever it starts, may have open: to
/// `at_most`, or to what the system allows where that is less. Never lowers it.
pub(crate) fn raise_file_limit(at_most: u64) -> io::Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(at_most, |maximum| maximum.min(at_most));
    if current.is_some_and(|current| current < wanted) {
        let raised = Rlimit {
            current: Some(wanted),
            maximum,
        };
        setrlimit(Resource::Nofile, raised)?;
    }
    Ok(())
}

/// Nothing: a desktop knows a program by what it says of itself, or by where it is.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature is the same on all platforms"
)]
pub(crate) fn assume_identity(_id: &str) -> io::Result<()> {
    Ok(())
}

/// Runs this program from its beginning in this process, with these variables besides. Comes back only
/// where that fails.
pub(crate) fn begin_anew(variables: &[(&str, &str)]) -> io::Error {
    let program = match env::current_exe() {
        Ok(program) => program,
        Err(error) => return error,
    };
    let mut words = env::args_os();
    #[expect(
        clippy::disallowed_methods,
        reason = "it is this very program, and no service"
    )]
    let mut anew = Command::new(program);
    if let Some(name) = words.next() {
        anew.arg0(name);
    }
    anew.args(words).envs(variables.iter().copied()).exec()
}
