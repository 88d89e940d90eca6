//! The present program as the operating system sees it: what ends it, its terminal, its limits, and
//! how it goes on in the background.

use std::{
    env,
    fs::{File, OpenOptions},
    io,
    os::windows::io::IntoRawHandle as _,
    path::Path,
    process::Stdio,
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
use crate::{host::signals::Ending, model::facts::Mark, platform::types::Fork};

/// Hears of every request to end this process. From the moment it is made, Ctrl+C and Ctrl+Break
/// do not end it by themselves. Of the end of a terminal or a session it hears as well, and
/// is ended by the system some seconds later.
pub(crate) struct Endings {
    interrupt: CtrlC,
    stop: CtrlBreak,
    close: CtrlClose,
    log_off: CtrlLogoff,
    shut_down: CtrlShutdown,
}

impl Endings {
    /// Must be called within the runtime.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: ctrl_c()?,
            stop: ctrl_break()?,
            close: ctrl_close()?,
            log_off: ctrl_logoff()?,
            shut_down: ctrl_shutdown()?,
        })
    }

    /// The next request. Cancel-safe.
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

/// Hears of every change of the terminal's size: never, since a console tells those who read from
/// it alone.
pub(crate) struct Resizes(());

impl Resizes {
    /// Must be called within the runtime.
    #[expect(
        clippy::unnecessary_wraps,
        reason = "the signature is the same on all platforms"
    )]
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self(()))
    }

    /// Waits for the next change. Never ends where the system does not tell. Cancel-safe.
    pub(crate) async fn next(&mut self) {
        let Self(()) = self;
        std::future::pending::<()>().await;
    }
}

/// Starts a program that is to live on without its starter and its terminal: with nothing to read,
/// no window, and a pipe as its standard output, whose other end is returned. The new process
/// completes this with [`detach`]. Must be called within the runtime.
///
/// Its console is its own, so that neither the end of the starter's nor a Ctrl+C there reaches it.
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
        .creation_flags(CREATE_NO_WINDOW)
        .spawn()?;
    child
        .stdout
        .take()
        .ok_or_else(|| io::ErrorKind::BrokenPipe.into())
}

/// Leaves the working directory, so that it can be moved and deleted. The terminal was left at the
/// start.
pub(crate) fn detach() -> io::Result<()> {
    let folder = env::var_os("SystemRoot").ok_or(io::ErrorKind::NotFound)?;
    env::set_current_dir(folder)
}

/// The standard output of a copy of this process: Windows has no copies.
pub(crate) enum ForkOutput {}

impl ForkOutput {
    pub(crate) fn read(self) -> io::Result<ChildStdout> {
        match self {}
    }
}

/// Returns `None`: Windows cannot copy a process.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature is the same on all platforms"
)]
pub(crate) fn fork_in_background(_errors: File) -> io::Result<Option<Fork>> {
    Ok(None)
}

/// Does nothing: the heap of Windows has no such settings.
pub(crate) fn save_memory() {}

/// Does nothing: the heap of Windows takes care of it.
pub(crate) fn give_memory_back() {}

/// Ends the standard output: whoever reads it sees its end, and what is written from now on is lost.
pub(crate) fn close_output() -> io::Result<()> {
    let nothing = OpenOptions::new()
        .write(true)
        .open("NUL")?
        .into_raw_handle();
    // SAFETY: the standard library asks for the handle anew at each write, and whoever writes holds
    // its lock. The new handle stays open as long as the process, the old one is closed once.
    unsafe {
        let output = GetStdHandle(STD_OUTPUT_HANDLE);
        check(SetStdHandle(STD_OUTPUT_HANDLE, nothing))?;
        if !output.is_null() && output != INVALID_HANDLE_VALUE {
            check(CloseHandle(output))?;
        }
    }
    Ok(())
}

/// Nothing: a process may have open as many files as there is memory for.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature is the same on all platforms"
)]
pub(crate) fn raise_file_limit(_at_most: u64) -> io::Result<()> {
    Ok(())
}

/// Takes this process for the program with this id (`SetCurrentProcessExplicitAppUserModelID`).
pub(crate) fn assume_identity(id: &str) -> io::Result<()> {
    let id = wide(id);
    // SAFETY: the text ends with NUL, and is copied.
    let outcome = unsafe { SetCurrentProcessExplicitAppUserModelID(id.as_ptr()) };
    check_result(outcome)
}

/// Runs this program from its beginning in this process: a process of Windows cannot.
pub(crate) fn begin_anew(_variables: &[(&str, &str)]) -> io::Error {
    io::ErrorKind::Unsupported.into()
}
