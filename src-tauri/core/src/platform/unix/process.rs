//! Programs, signals, and children that have ended.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::fd::AsFd,
    path::Path,
    process::ExitCode,
    sync::{Mutex, PoisonError},
};

use rustix::{
    fs::{Access, access},
    io::Errno,
    process::{Pid, Signal as Number, WaitId, WaitIdOptions, kill_process, waitid},
};

pub(crate) use crate::platform::types::Runnable;
use crate::{model::facts::Exit, stack::Signal};

/// Children that have not ended yet and that nobody waits for any more.
static ABANDONED: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// Reaps those abandoned children that have ended by now.
pub(in crate::platform) fn reap_abandoned() {
    let mut abandoned = ABANDONED.lock().unwrap_or_else(PoisonError::into_inner);
    abandoned.retain(|pid| reap_child(*pid).is_none());
}

/// Leaves a child to [`reap_abandoned`].
pub(in crate::platform) fn abandon_child(pid: u32) {
    let mut abandoned = ABANDONED.lock().unwrap_or_else(PoisonError::into_inner);
    abandoned.push(pid);
}

/// Kills a child that has not been waited for, and waits for it.
pub(in crate::platform) fn kill_child(pid: u32) {
    if let Some(pid) = raw(pid) {
        let _ = kill_process(pid, Number::KILL);
        let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED);
    }
}

/// Takes the exit of a child from the kernel, if it has ended (`waitid(2)`). Until then, and
/// until this has given it, the number stays the child's own.
pub(in crate::platform) fn reap_child(pid: u32) -> Option<Exit> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    let status = match waitid(WaitId::Pid(raw(pid)?), options) {
        Ok(status) => status?,
        Err(Errno::INTR) => return None,
        // Somebody else in this process has taken it.
        Err(_) => return Some(Exit::Unknown),
    };
    Some(match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Unknown,
    })
}

/// The end of a pipe that is read without blocking.
pub(crate) type Pipe = tokio::net::unix::pipe::Receiver;

/// How much a pipe holds (`pipe(7)`), in bytes.
pub(crate) const PIPE_SIZE: usize = 64 * 1024;

/// A pipe, and its other end, which can be the output of a process. Needs a tokio runtime.
pub(crate) fn pipe() -> io::Result<(Pipe, File)> {
    let (sender, receiver) = tokio::net::unix::pipe::pipe()?;
    Ok((receiver, sender.into_blocking_fd()?.into()))
}

/// This process.
pub(crate) fn own_pid() -> u32 {
    std::process::id()
}

/// Returns the session of a process: the PID of its session leader (`getsid(2)`).
pub(crate) fn session(pid: u32) -> Option<u32> {
    let pid = i32::try_from(pid).ok()?;
    // SAFETY: takes an integer. `rustix` is not used, since it treats the session 0 of a kernel thread
    // as an impossible answer.
    u32::try_from(unsafe { libc::getsid(pid) }).ok()
}

/// Reads what is in a pipe already, without waiting for more and whatever the runtime has heard
/// of it. `WouldBlock`: nothing; 0: nothing and never more.
pub(crate) fn read_rest(pipe: &impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    Ok(rustix::io::read(pipe, buffer)?)
}

/// What a program does instead of its own work where it was started for an errand of the
/// platform's: none on Unix.
pub(crate) fn errand() -> Option<ExitCode> {
    None
}

/// The words that hand `line` to the platform's shell.
pub(crate) fn shell(line: &str) -> Vec<OsString> {
    ["/bin/sh", "-c", line].map(OsString::from).to_vec()
}

/// Where programs are looked for without a PATH, as `execvp(3)` does.
pub(crate) const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// Judges `path` as `execvp(3)` would: a file, and one that this user may execute.
pub(crate) fn runnable(path: &Path) -> Runnable {
    match path.metadata() {
        Err(_) => Runnable::Missing,
        Ok(file) if file.is_file() && access(path, Access::EXEC_OK).is_ok() => {
            Runnable::Yes(path.to_owned())
        }
        Ok(_) => Runnable::No(path.to_owned()),
    }
}

/// Whether this user may go into the folder.
pub(crate) fn enterable(folder: &Path) -> bool {
    access(folder, Access::EXEC_OK).is_ok()
}

/// Whether starting failed since the file is no program that the system knows (`ENOEXEC`).
pub(crate) fn is_no_program(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::NOEXEC)
}

/// Whether `variable` is the name of this environment variable.
pub(crate) fn names(variable: &OsStr, name: &str) -> bool {
    variable == name
}

/// What a program is called whose file has this name: the same.
pub(crate) fn called(file: &OsStr) -> &OsStr {
    file
}

/// Whether the program is named by its place rather than looked up on PATH.
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

pub(in crate::platform) fn raw(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}
