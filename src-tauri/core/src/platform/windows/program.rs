//! The current program: its signals, terminal, limits, and background start.

use std::{
    env,
    fs::{File, OpenOptions},
    io,
    os::windows::io::IntoRawHandle as _,
    path::Path,
    process::{ExitStatus, Stdio},
};

use tokio::{
    process::ChildStdout,
    signal::windows::{
        CtrlBreak, CtrlC, CtrlClose, CtrlLogoff, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close,
        ctrl_logoff, ctrl_shutdown,
    },
};
use windows_sys::Win32::{
    Foundation::{CloseHandle, INVALID_HANDLE_VALUE},
    System::{
        Console::{GetStdHandle, STD_OUTPUT_HANDLE, SetStdHandle},
        Threading::CREATE_NO_WINDOW,
    },
    UI::Shell::SetCurrentProcessExplicitAppUserModelID,
};

use super::call::{check, check_result, wide};
pub(crate) use super::keys::Keys;
pub(crate) use crate::platform::elsewhere::{fork_in_background, give_memory_back, save_memory};
use crate::{host::signals::Ending, model::facts::Mark};

/// Returns the exit code of a process.
pub(crate) fn exit_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or(1)
}

/// Receives all requests to end this process. Once created, Ctrl+C and Ctrl+Break do not end the
/// process. The end of a terminal or a session is received too, but the system ends the process
/// some seconds later.
pub(crate) struct Endings {
    interrupt: CtrlC,
    stop: CtrlBreak,
    close: CtrlClose,
    log_off: CtrlLogoff,
    shut_down: CtrlShutdown,
}

impl Endings {
    /// Starts receiving. Must be called within the runtime.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: ctrl_c()?,
            stop: ctrl_break()?,
            close: ctrl_close()?,
            log_off: ctrl_logoff()?,
            shut_down: ctrl_shutdown()?,
        })
    }

    /// Waits for the next request. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Ending {
        tokio::select! {
            Some(()) = self.interrupt.recv() => Ending::Interrupt,
            Some(()) = self.stop.recv() => Ending::Terminate,
            Some(()) = self.close.recv() => Ending::HangUp,
            Some(()) = self.log_off.recv() => Ending::Terminate,
            Some(()) = self.shut_down.recv() => Ending::Terminate,
            else => std::future::pending().await,
        }
    }
}

/// Changes of the terminal size: none on Windows, since a console reports them only to readers of
/// its input.
pub(crate) struct Resizes(());

impl Resizes {
    /// Starts receiving. Must be called within the runtime.
    #[expect(
        clippy::unnecessary_wraps,
        reason = "the signature is the same on all platforms"
    )]
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self(()))
    }

    /// Waits for the next change. Never returns if the system does not report changes. Cancel-safe.
    pub(crate) async fn next(&mut self) {
        let Self(()) = self;
        std::future::pending::<()>().await;
    }
}

/// Starts a program that outlives its starter and the terminal: without input or a window, and with
/// a pipe as standard output, whose other end is returned. The new process completes this with
/// [`detach`]. Must be called within the runtime.
///
/// It has its own console, so that neither the end of the starter's console nor a Ctrl+C there
/// reaches it.
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
        .creation_flags(CREATE_NO_WINDOW)
        .spawn()?;
    child
        .stdout
        .take()
        .ok_or_else(|| io::ErrorKind::BrokenPipe.into())
}

/// Keeps the system from opening a window for a program.
pub(crate) fn hide(command: &mut tokio::process::Command) {
    command.creation_flags(CREATE_NO_WINDOW);
}

/// Leaves the working directory, so that it can be moved and deleted. The process has no terminal
/// from its start.
pub(crate) fn detach() -> io::Result<()> {
    let folder = env::var_os("SystemRoot").ok_or(io::ErrorKind::NotFound)?;
    env::set_current_dir(folder)
}

/// The standard output of a copy of this process. Windows has no copies.
pub(crate) enum ForkOutput {}

impl ForkOutput {
    pub(crate) fn read(self) -> io::Result<ChildStdout> {
        match self {}
    }
}

/// Closes the standard output: its reader sees the end, and later output is lost.
pub(crate) fn close_output() -> io::Result<()> {
    let nothing = OpenOptions::new()
        .write(true)
        .open("NUL")?
        .into_raw_handle();
    // SAFETY: the standard library gets the handle again for each write, under a lock. The new
    // handle stays open as long as the process; the old one is closed once.
    unsafe {
        let output = GetStdHandle(STD_OUTPUT_HANDLE);
        check(SetStdHandle(STD_OUTPUT_HANDLE, nothing))?;
        if !output.is_null() && output != INVALID_HANDLE_VALUE {
            check(CloseHandle(output))?;
        }
    }
    Ok(())
}

/// Does nothing: the number of open files is limited only by memory.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature is the same on all platforms"
)]
pub(crate) fn raise_file_limit(_at_most: u64) -> io::Result<()> {
    Ok(())
}

/// Sets the identity of this process (`SetCurrentProcessExplicitAppUserModelID`).
pub(crate) fn assume_identity(id: &str) -> io::Result<()> {
    let id = wide(id);
    // SAFETY: the text ends with NUL, and is copied.
    let outcome = unsafe { SetCurrentProcessExplicitAppUserModelID(id.as_ptr()) };
    check_result(outcome)
}

/// Fails: Windows cannot execute another program in the same process.
pub(crate) fn begin_anew(_variables: &[(&str, &str)]) -> io::Error {
    io::ErrorKind::Unsupported.into()
}
