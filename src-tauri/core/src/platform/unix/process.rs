//! Programs, pipes, and children.

use std::{
    env,
    ffi::{CString, OsStr, OsString},
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::{fd::AsFd, unix::fs::OpenOptionsExt as _},
    path::Path,
    process::ExitCode,
};

use rustix::{
    fs::{Access, OFlags, access},
    io::Errno,
    process::{Pid, Signal as Number, WaitId, WaitIdOptions, kill_process, waitid},
};
use tokio::io::AsyncReadExt as _;

use super::terminal;
pub(crate) use crate::platform::types::Runnable;
use crate::{model::facts::Exit, stack::Signal};

/// Creates an endless input: a named pipe (`mkfifo(3)`), for the current user only, opened for
/// reading and writing, so that the program that inherits it is its own writer.
pub(crate) fn create_input(path: &Path) -> io::Result<File> {
    let c_path = CString::new(path.as_os_str().as_encoded_bytes())?;
    // SAFETY: the path ends with NUL and lives until the call returns.
    if unsafe { libc::mkfifo(c_path.as_ptr(), 0o600) } != 0 {
        return Err(io::Error::last_os_error());
    }
    File::options().read(true).write(true).open(path)
}

/// Writes to such an input, without waiting. Fails with `NotFound` if no process has it open.
pub(crate) fn write_input(path: &Path, text: &[u8]) -> io::Result<()> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = OpenOptions::new()
        .write(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path);
    match opened {
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {
            Err(io::ErrorKind::NotFound.into())
        }
        opened => opened?.write_all(text),
    }
}

/// Kills and reaps a child.
pub(in crate::platform) fn kill_child(pid: u32) {
    if let Some(pid) = raw(pid) {
        let _ = kill_process(pid, Number::KILL);
        let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED);
    }
}

/// Reaps a child, if it has exited (`waitid(2)`). Its PID is not reused before that.
pub(in crate::platform) fn reap_child(pid: u32) -> Option<Exit> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    let status = match waitid(WaitId::Pid(raw(pid)?), options) {
        Ok(status) => status?,
        Err(Errno::INTR) => return None,
        // Another part of this process has reaped it.
        Err(_) => return Some(Exit::Unknown),
    };
    Some(match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Unknown,
    })
}

/// The reading end of a non-blocking pipe.
pub(crate) type Pipe = tokio::net::unix::pipe::Receiver;

/// The capacity of a pipe (`pipe(7)`), in bytes.
pub(crate) const PIPE_SIZE: usize = 64 * 1024;

/// Creates a pipe, and its writing end for the output of a process. Needs a tokio runtime.
pub(crate) fn pipe() -> io::Result<(Pipe, File)> {
    let (sender, receiver) = tokio::net::unix::pipe::pipe()?;
    Ok((receiver, sender.into_blocking_fd()?.into()))
}

/// Waits for output, and reads some of it; 0 at the end of the pipe. Cancel-safe.
pub(crate) async fn read(pipe: &mut Pipe, buffer: &mut [u8]) -> io::Result<usize> {
    pipe.read(buffer).await
}

/// Returns the PID of this process.
pub(crate) fn own_pid() -> u32 {
    std::process::id()
}

/// Returns the session of a process: the PID of its session leader (`getsid(2)`).
pub(crate) fn session(pid: u32) -> Option<u32> {
    let pid = i32::try_from(pid).ok()?;
    // SAFETY: takes an integer. `rustix` is not used, since it treats the session 0 of a kernel
    // thread as an impossible result.
    u32::try_from(unsafe { libc::getsid(pid) }).ok()
}

/// Reads the current content of a pipe without waiting, independent of the runtime. Returns 0 at
/// the end, and `WouldBlock` if the pipe is empty.
pub(crate) fn read_rest(pipe: &impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    Ok(rustix::io::read(pipe, buffer)?)
}

/// Holds a terminal, if this program was started for that; see [`terminal::holder`]. Returns `None` otherwise.
pub(crate) fn helper_subcommand() -> Option<ExitCode> {
    terminal::hold(env::args_os().skip(1))
}

/// Returns the arguments that run `line` in the platform's shell.
pub(crate) fn shell(line: &str) -> Vec<OsString> {
    ["/bin/sh", "-c", line].map(OsString::from).to_vec()
}

/// The folders of programs if there is no PATH, as in `execvp(3)`.
pub(crate) const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// Tests `path` as `execvp(3)` does: a file that this user may execute.
pub(crate) fn runnable(path: &Path) -> Runnable {
    match path.metadata() {
        Err(_) => Runnable::Missing,
        Ok(file) if file.is_file() && access(path, Access::EXEC_OK).is_ok() => {
            Runnable::Yes(path.to_owned())
        }
        Ok(_) => Runnable::No(path.to_owned()),
    }
}

/// Returns whether this user may enter the folder.
pub(crate) fn enterable(folder: &Path) -> bool {
    access(folder, Access::EXEC_OK).is_ok()
}

/// Returns whether the start failed because the system does not know the format of the file
/// (`ENOEXEC`).
pub(crate) fn is_no_program(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::NOEXEC)
}

/// Returns whether `variable` is the name of this environment variable.
pub(crate) fn names(variable: &OsStr, name: &str) -> bool {
    variable == name
}

/// Returns the name of the program in a file with this name: the same.
pub(crate) fn called(file: &OsStr) -> &OsStr {
    file
}

/// Returns whether the program is a path, which is not looked up on PATH.
pub(crate) fn is_place(program: &OsStr) -> bool {
    program.as_encoded_bytes().contains(&b'/')
}

pub(in crate::platform) fn number(signal: Signal) -> Number {
    match signal {
        Signal::Terminate => Number::TERM,
        Signal::Interrupt => Number::INT,
        Signal::Quit => Number::QUIT,
        Signal::HangUp => Number::HUP,
        Signal::User1 => Number::USR1,
        Signal::User2 => Number::USR2,
        Signal::Kill => Number::KILL,
    }
}

/// Returns whether a signal reached a process; `false` if it does not exist.
pub(in crate::platform) fn delivered(outcome: rustix::io::Result<()>) -> io::Result<bool> {
    match outcome {
        Ok(()) => Ok(true),
        Err(Errno::SRCH) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

pub(in crate::platform) fn raw(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}
