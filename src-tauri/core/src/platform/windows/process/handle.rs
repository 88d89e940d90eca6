use std::{
    io,
    os::windows::io::{AsHandle as _, FromRawHandle as _, OwnedHandle},
    sync::Arc,
    time::Duration,
};

use windows_sys::Win32::{
    Foundation::{ERROR_ACCESS_DENIED, ERROR_INVALID_PARAMETER, HANDLE, NTSTATUS},
    System::Threading::{
        GetExitCodeProcess, OpenProcess, PROCESS_ACCESS_RIGHTS, PROCESS_QUERY_INFORMATION,
        PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SUSPEND_RESUME, PROCESS_SYNCHRONIZE,
        PROCESS_TERMINATE, TerminateProcess,
    },
};

use super::{
    KILLED,
    command::Suspended,
    console,
    job::Job,
    table::{created, started},
};
use crate::{
    model::facts::{Exit, Mark, Process},
    platform::os::{
        call::{check, check_status, is_code, raw},
        wait::{is_signalled, signalled},
    },
    stack::Signal,
};

#[link(name = "ntdll")]
unsafe extern "system" {
    /// Suspends every thread of a process. Available since Windows XP and used by debuggers.
    fn NtSuspendProcess(process: HANDLE) -> NTSTATUS;
    /// Undoes one [`NtSuspendProcess`] or a suspended start.
    fn NtResumeProcess(process: HANDLE) -> NTSTATUS;
}

/// The polling interval if the system has no memory for a wait.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A pinned process: operations reach this process or none. Its PID is not reused while this
/// exists.
#[derive(Debug)]
pub(crate) struct Handle {
    process: Process,
    object: OwnedHandle,
    /// Its job, if it is the first process of one.
    job: Option<Arc<Job>>,
}

impl Handle {
    /// Pins the process; `None` if it has exited or its PID was reused.
    pub(crate) fn pin(process: Process) -> io::Result<Option<Self>> {
        let all = PROCESS_QUERY_INFORMATION
            | PROCESS_SYNCHRONIZE
            | PROCESS_TERMINATE
            | PROCESS_SUSPEND_RESUME;
        let object = match open(process.pid, all) {
            // A process that cannot be terminated can still be awaited.
            Err(error) if is_code(&error, ERROR_ACCESS_DENIED) => open(
                process.pid,
                PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE,
            )?,
            object => object?,
        };
        let Some(object) = object else {
            return Ok(None);
        };
        if created(&object)? != process.started {
            return Ok(None);
        }
        Ok(Some(Self {
            process,
            object,
            job: Job::of(process),
        }))
    }

    /// Puts a suspended process into its own job and resumes it. Ends it on failure.
    pub(super) fn of_suspended(suspended: Suspended, mark: &Mark) -> io::Result<Self> {
        let Suspended { pid, object } = suspended;
        let settled = created(&object).and_then(|started| {
            let process = Process { pid, started };
            let job = Job::create(process, &object, mark.clone())?;
            // SAFETY: the handle is open and has all rights.
            check_status(unsafe { NtResumeProcess(raw(&object)) })?;
            Ok((process, job))
        });
        match settled {
            Ok((process, job)) => Ok(Self {
                process,
                object,
                job: Some(job),
            }),
            Err(error) => {
                let _ = kill(&object);
                Err(error)
            }
        }
    }

    /// Returns the process.
    pub(crate) fn process(&self) -> Process {
        self.process
    }

    /// Sends a signal to this process only. Returns `false` if it has exited.
    ///
    /// Windows can only terminate a process. The first process of a job can also be stopped
    /// gracefully through the console that it shares with its descendants; for any other process
    /// and any signal but `Kill` this fails with [`io::ErrorKind::Unsupported`].
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<bool> {
        match signal {
            Signal::Kill if self.is_gone() => Ok(false),
            Signal::Kill => kill(&self.object),
            _ if self.job.is_some() => self.signal_group(signal),
            _ => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "a single process cannot be stopped gracefully",
            )),
        }
    }

    /// Suspends it until it is killed, so that it cannot start other processes. Returns `false` if
    /// it has exited.
    pub(crate) fn freeze(&self) -> io::Result<bool> {
        if self.is_gone() {
            return Ok(false);
        }
        suspend(&self.object)?;
        Ok(true)
    }

    /// Terminates all processes in the job of this process in one step, or sends an event to all
    /// processes on its console: Ctrl+C for [`Signal::Interrupt`], Ctrl+Break for all other
    /// signals. Returns `false` if there are none.
    ///
    /// A short-lived process sends the event ([`helper_subcommand`](super::helper_subcommand)) and
    /// is not awaited: a program that cannot be reached is treated like one that ignores the event.
    pub(crate) fn signal_group(&self, signal: Signal) -> io::Result<bool> {
        if !self.group_lives() {
            return Ok(false);
        }
        match (signal, &self.job) {
            (Signal::Kill, Some(job)) => job.kill(),
            (Signal::Kill, None) => kill(&self.object),
            // All processes without their own console share it.
            (signal, _) => match self.group()?.first() {
                Some(member) => console::send_console_event(*member, signal).map(|()| true),
                None => Ok(false),
            },
        }
    }

    /// Suspends the whole group, as [`Handle::freeze`] does.
    pub(crate) fn freeze_group(&self) -> io::Result<bool> {
        let mut reached = false;
        for member in self.group()? {
            if let Ok(Some(member)) = Self::pin(member) {
                reached |= self.job.as_ref().is_none_or(|job| job.has(&member.object))
                    && member.freeze().unwrap_or(false);
            }
        }
        Ok(reached)
    }

    /// Returns whether the group that this process leads or led has members.
    pub(crate) fn group_lives(&self) -> bool {
        match &self.job {
            Some(job) => job.lives().unwrap_or(true),
            None => !self.is_gone(),
        }
    }

    /// Returns the processes of the group, this one first.
    fn group(&self) -> io::Result<Vec<Process>> {
        let own = (!self.is_gone()).then_some(self.process);
        let others = match &self.job {
            Some(job) => job.members()?,
            None => Vec::new(),
        };
        let others = others
            .into_iter()
            .filter(|pid| *pid != self.process.pid)
            .filter_map(|pid| {
                let started = started(pid).ok()?;
                Some(Process { pid, started })
            });
        Ok(own.into_iter().chain(others).collect())
    }

    /// Returns whether it has exited.
    pub(crate) fn is_gone(&self) -> bool {
        is_signalled(&self.object)
    }

    /// Waits until it has exited.
    pub(crate) async fn gone(&self) {
        while !self.is_gone() {
            if signalled(&self.object).await.is_err() {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    }

    /// Waits until a child of this process has exited, and returns the result of `reap`.
    pub(crate) async fn exited(&self, mut reap: impl FnMut() -> Option<Exit>) -> Exit {
        self.gone().await;
        reap().unwrap_or(Exit::Unknown)
    }

    /// Returns how it exited, if it has. Can be called repeatedly.
    pub(crate) fn reap(&self) -> Option<Exit> {
        self.is_gone().then(|| self.exit())
    }

    /// Waits until a process that is not our child exits. Its exit is known as for a child.
    pub(crate) async fn exited_elsewhere(&self) -> Exit {
        self.gone().await;
        self.exit()
    }

    fn exit(&self) -> Exit {
        let mut code = 0;
        // SAFETY: the handle is open, and the result has a variable.
        match check(unsafe { GetExitCodeProcess(raw(&self.object), &raw mut code) }) {
            Ok(()) => Exit::Code(code.cast_signed()),
            Err(_) => Exit::Unknown,
        }
    }
}

/// Opens the process with this PID; `None` if there is none.
pub(in crate::platform) fn open(
    pid: u32,
    rights: PROCESS_ACCESS_RIGHTS,
) -> io::Result<Option<OwnedHandle>> {
    // SAFETY: takes numbers. Returns null or an owned handle.
    let object = unsafe { OpenProcess(rights, 0, pid) };
    if !object.is_null() {
        // SAFETY: the handle is not used elsewhere.
        return Ok(Some(unsafe { OwnedHandle::from_raw_handle(object) }));
    }
    let error = io::Error::last_os_error();
    if is_code(&error, ERROR_INVALID_PARAMETER) {
        return Ok(None);
    }
    Err(error)
}

fn kill(object: &OwnedHandle) -> io::Result<bool> {
    // SAFETY: the handle is open.
    match check(unsafe { TerminateProcess(raw(object), KILLED) }) {
        Ok(()) => Ok(true),
        // The system's error for a process that is just exiting.
        Err(error) if is_code(&error, ERROR_ACCESS_DENIED) && is_signalled(object) => Ok(false),
        Err(error) => Err(error),
    }
}

fn suspend(object: &OwnedHandle) -> io::Result<()> {
    // SAFETY: the handle is open; the suspended process is killed next.
    check_status(unsafe { NtSuspendProcess(raw(&object.as_handle())) })
}
