//! The current program: its signals, terminal, limits, and background copies.

use std::{
    env,
    fs::{File, OpenOptions},
    io,
    os::{
        fd::OwnedFd,
        unix::process::{CommandExt as _, ExitStatusExt as _},
    },
    path::Path,
    process::{Command, ExitStatus, Stdio},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, setsid};
use tokio::{
    net::unix::pipe,
    process::ChildStdout,
    signal::unix::{Signal, SignalKind, signal},
};

pub(crate) use super::{endings::Endings, keys::Keys};
use crate::model::facts::Mark;

/// Receives all changes of the terminal size.
pub(crate) struct Resizes(Signal);

impl Resizes {
    /// Starts receiving. Must be called within the runtime.
    pub(crate) fn listen() -> io::Result<Self> {
        signal(SignalKind::window_change()).map(Self)
    }

    /// Waits for the next change. Never returns if the system does not report changes. Cancel-safe.
    pub(crate) async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// Returns the exit code of a process as a shell does: 128 and the number of the signal that ended
/// it.
pub(crate) fn exit_code(status: ExitStatus) -> i32 {
    let by_signal = status.signal().map(|signal| 128 + signal);
    status.code().or(by_signal).unwrap_or(1)
}

/// Starts a program that outlives its starter and the terminal: without input or a window, and with
/// a pipe as standard output, whose other end is returned. The new process completes this with
/// [`detach`]. Must be called within the runtime.
pub(crate) fn spawn_in_background(
    program: &Path,
    arguments: &[&str],
    errors: File,
) -> io::Result<ChildStdout> {
    #[expect(
        clippy::disallowed_methods,
        reason = "it is this program itself, not a service"
    )]
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        // It must not belong to the service that starts it.
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

/// Keeps the system from opening a window for a program. No Unix system does.
pub(crate) fn hide(_: &mut tokio::process::Command) {}

/// The standard output of a copy of this process.
pub(crate) struct ForkOutput(OwnedFd);

impl ForkOutput {
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "only Linux forks")
    )]
    pub(in crate::platform) fn new(pipe: OwnedFd) -> Self {
        Self(pipe)
    }

    /// Returns the reading end. Must be called within the runtime.
    pub(crate) fn read(self) -> io::Result<pipe::Receiver> {
        pipe::Receiver::from_owned_fd(self.0)
    }
}

/// Leaves the session of the terminal, so that this process is not affected by its end or its
/// Ctrl-C, and the working directory, so that its file system can be unmounted. Fails in a group
/// leader (`setsid(2)`).
pub(crate) fn detach() -> io::Result<()> {
    setsid()?;
    env::set_current_dir("/")
}

/// Closes the standard output: its reader sees the end, and later output is lost.
pub(crate) fn close_output() -> io::Result<()> {
    let nothing = OpenOptions::new().write(true).open("/dev/null")?;
    Ok(rustix::stdio::dup2_stdout(nothing)?)
}

/// Raises the number of files that this process and its children may open: to `at_most`, or to the
/// system's limit if that is less. Never lowers it.
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

/// Does nothing: desktops identify a program in other ways.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature is the same on all platforms"
)]
pub(crate) fn assume_identity(_id: &str) -> io::Result<()> {
    Ok(())
}

/// Executes this program again in this process, with additional variables. Returns only on failure.
pub(crate) fn begin_anew(variables: &[(&str, &str)]) -> io::Error {
    let program = match env::current_exe() {
        Ok(program) => program,
        Err(error) => return error,
    };
    let mut words = env::args_os();
    #[expect(
        clippy::disallowed_methods,
        reason = "it is this program itself, not a service"
    )]
    let mut anew = Command::new(program);
    if let Some(name) = words.next() {
        anew.arg0(name);
    }
    anew.args(words).envs(variables.iter().copied()).exec()
}
