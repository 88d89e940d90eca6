//! Stops a service gracefully through its console.
//!
//! A process receives Ctrl+C and Ctrl+Break from its console, sent by another process on the same
//! console. A process can be attached to only one console, and this one may need its own, so a
//! separate process sends the event: this program, started with [`SUBCOMMAND`] as its first
//! argument. Its `main` calls [`helper_subcommand`] first.

use std::{
    env,
    ffi::{OsStr, OsString},
    io,
    os::windows::{io::OwnedHandle, process::CommandExt as _},
    process::{Child, Command, ExitCode, Stdio},
};

use windows_sys::{
    Win32::System::{
        Console::{
            AttachConsole, CTRL_BREAK_EVENT, CTRL_C_EVENT, FreeConsole, GenerateConsoleCtrlEvent,
            SetConsoleCtrlHandler,
        },
        Threading::{
            DETACHED_PROCESS, GetExitCodeProcess, PROCESS_QUERY_LIMITED_INFORMATION,
            PROCESS_SYNCHRONIZE,
        },
    },
    core::BOOL,
};

use super::{handle::open, table::created};
use crate::{
    model::facts::Process,
    platform::os::{
        call::{check, raw},
        wait::{is_signalled, signalled},
    },
    stack::Signal,
};

/// The first argument of such a process, followed by a PID, its start time, and [`BREAK`] or
/// [`INTERRUPT`].
const SUBCOMMAND: &str = "__console-event";
const BREAK: &str = "break";
const INTERRUPT: &str = "interrupt";

/// Its exit code when the event was sent. Not 0, which a program without this subcommand might
/// return.
const SENT: u8 = 87;

/// Sends the event to all processes on the console of this process, through another process. The
/// outcome is only logged, since it is unknown which processes handle events.
pub(super) fn send_console_event(process: Process, signal: Signal) -> io::Result<()> {
    let event = match signal {
        Signal::Interrupt => INTERRUPT,
        _ => BREAK,
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "this is below `effects::process`, to which the ban refers"
    )]
    let mut command = Command::new(env::current_exe()?);
    command
        .args([
            SUBCOMMAND,
            &process.pid.to_string(),
            &process.started.to_string(),
        ])
        .arg(event)
        // It attaches to another console, so its own would only cost time.
        .creation_flags(DETACHED_PROCESS)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let helper = command.spawn()?;
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(watch(helper, process.pid));
    }
    Ok(())
}

async fn watch(helper: Child, pid: u32) {
    let helper = OwnedHandle::from(helper);
    let mut code = 0;
    if signalled(&helper).await.is_ok() {
        // SAFETY: the handle is open, and the result has a variable.
        unsafe { GetExitCodeProcess(raw(&helper), &raw mut code) };
    }
    if code != u32::from(SENT) {
        tracing::warn!(pid, code, "a service could not be stopped gracefully");
    }
}

/// Runs the subcommand if this program was started by [`send_console_event`], and returns the exit
/// code; `None` otherwise. Call it first in `main`.
pub(crate) fn helper_subcommand() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    if arguments.next()? != SUBCOMMAND {
        return None;
    }
    let sent = Order::read(arguments)
        .ok_or_else(|| io::ErrorKind::InvalidInput.into())
        .and_then(Order::carry_out);
    Some(match sent {
        Ok(()) => ExitCode::from(SENT),
        Err(_) => ExitCode::FAILURE,
    })
}

/// The event and the process whose console receives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Order {
    process: Process,
    event: u32,
}

impl Order {
    fn read(mut arguments: impl Iterator<Item = OsString>) -> Option<Self> {
        let mut number = || arguments.next()?.to_str()?.parse::<u64>().ok();
        let (pid, started) = (number()?, number()?);
        let event = arguments.next()?;
        let event = if event == OsStr::new(BREAK) {
            CTRL_BREAK_EVENT
        } else if event == OsStr::new(INTERRUPT) {
            CTRL_C_EVENT
        } else {
            return None;
        };
        let pid = u32::try_from(pid).ok()?;
        Some(Self {
            process: Process { pid, started },
            event,
        })
    }

    fn carry_out(self) -> io::Result<()> {
        // While this handle is open, the PID refers to this process.
        let rights = PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE;
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        let object = open(self.process.pid, rights)?.ok_or_else(gone)?;
        if is_signalled(&object) || created(&object)? != self.process.started {
            return Err(gone());
        }
        // SAFETY: these take numbers and a function that lives as long as the program, and change
        // only the console of this process, which nothing else in it uses.
        unsafe {
            FreeConsole();
            check(AttachConsole(self.process.pid))?;
            // This process is on the console as well, and must not be ended by its own event.
            check(SetConsoleCtrlHandler(Some(let_pass), 1))?;
            // Sent to the whole console: a child with its own process group belongs to the service
            // too, and Ctrl+C cannot be sent to a group.
            check(GenerateConsoleCtrlEvent(self.event, 0))?;
            FreeConsole();
        }
        Ok(())
    }
}

unsafe extern "system" fn let_pass(_event: u32) -> BOOL {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Option<Order> {
        Order::read(arguments.iter().map(OsString::from))
    }

    #[test]
    fn an_order_names_a_process_its_start_and_an_event() {
        let process = Process {
            pid: 42,
            started: 133_000_000_000_000_000,
        };
        let order = |event| Some(Order { process, event });
        let arguments = |event| ["42", "133000000000000000", event];
        assert_eq!(read(&arguments(BREAK)), order(CTRL_BREAK_EVENT));
        assert_eq!(read(&arguments(INTERRUPT)), order(CTRL_C_EVENT));
        assert_eq!(read(&arguments("kill")), None);
        assert_eq!(read(&["42"]), None);
        assert_eq!(read(&["-42", "1", BREAK]), None);
    }

    #[test]
    fn no_event_is_sent_to_a_process_with_another_start_time() {
        let order = Order {
            process: Process {
                pid: std::process::id(),
                started: 1,
            },
            event: CTRL_BREAK_EVENT,
        };
        assert_eq!(
            order.carry_out().unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }
}
