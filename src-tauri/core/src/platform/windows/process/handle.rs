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
    /// Stops every thread of a process. In every Windows since XP, and what debuggers use.
    fn NtSuspendProcess(process: HANDLE) -> NTSTATUS;
    /// Undoes one [`NtSuspendProcess`], or a start that was to be suspended.
    fn NtResumeProcess(process: HANDLE) -> NTSTATUS;
}

/// How often one has to look where the system has no memory for a wait.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A process, pinned: whatever is done through it reaches this process or nobody. Its number is
/// not given to another as long as this is held.
#[derive(Debug)]
pub(crate) struct Handle {
    process: Process,
    object: OwnedHandle,
    /// The job that was made for it, where it is the first of one.
    job: Option<Arc<Job>>,
}

impl Handle {
    /// Pins the process, or gives `None` when it is gone or its number means another by now.
    pub(crate) fn pin(process: Process) -> io::Result<Option<Self>> {
        let all = PROCESS_QUERY_INFORMATION
            | PROCESS_SYNCHRONIZE
            | PROCESS_TERMINATE
            | PROCESS_SUSPEND_RESUME;
        let object = match open(process.pid, all) {
            // One that may not be ended can still be waited for.
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

    /// Puts a process that has not run yet into a job of its own, and lets it run. Where that
    /// fails it is ended.
    pub(super) fn of_suspended(suspended: Suspended, mark: &Mark) -> io::Result<Self> {
        let Suspended { pid, object } = suspended;
        let settled = created(&object).and_then(|started| {
            let process = Process { pid, started };
            let job = Job::create(process, &object, mark.clone())?;
            // SAFETY: the handle is open and has every right, as the one that a start gives.
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

    /// Which process.
    pub(crate) fn process(&self) -> Process {
        self.process
    }

    /// Sends a signal to this process alone. `false`: it is gone.
    ///
    /// Windows has but one: its end. The first process of a job can be asked besides, through its
    /// console, which all share that it has started; for any other process and any signal but
    /// `Kill` this fails with [`io::ErrorKind::Unsupported`].
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<bool> {
        match signal {
            Signal::Kill if self.is_gone() => Ok(false),
            Signal::Kill => kill(&self.object),
            _ if self.job.is_some() => self.signal_group(signal),
            _ => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "nothing can ask a single process to leave",
            )),
        }
    }

    /// Stops it from running, and so from starting others, until it is killed. `false`: it is gone.
    pub(crate) fn freeze(&self) -> io::Result<bool> {
        if self.is_gone() {
            return Ok(false);
        }
        suspend(&self.object)?;
        Ok(true)
    }

    /// Ends everybody in the job of this process in one step, or asks everybody who shares its
    /// console: Ctrl+C for [`Signal::Interrupt`], Ctrl+Break for all other signals. `false`:
    /// nobody is left in it.
    ///
    /// The asking is left to a short-lived process ([`errand`](super::errand)), and not waited for:
    /// a program that cannot be asked is like one that does not listen.
    pub(crate) fn signal_group(&self, signal: Signal) -> io::Result<bool> {
        if !self.group_lives() {
            return Ok(false);
        }
        match (signal, &self.job) {
            (Signal::Kill, Some(job)) => job.kill(),
            (Signal::Kill, None) => kill(&self.object),
            // The console is the same for all who were not given another.
            (signal, _) => match self.group()?.first() {
                Some(member) => console::ask(*member, signal).map(|()| true),
                None => Ok(false),
            },
        }
    }

    /// Stops the whole group from running, as [`Handle::freeze`] does.
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

    /// Whether somebody is left in the group that this process leads or led.
    pub(crate) fn group_lives(&self) -> bool {
        match &self.job {
            Some(job) => job.lives().unwrap_or(true),
            None => !self.is_gone(),
        }
    }

    /// Who is in the group, this process first.
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

    /// Whether it has ended.
    pub(crate) fn is_gone(&self) -> bool {
        is_signalled(&self.object)
    }

    /// Waits until it has ended.
    pub(crate) async fn gone(&self) {
        while !self.is_gone() {
            if signalled(&self.object).await.is_err() {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    }

    /// Waits for the end of a child of this process, and gives what `reap` gave.
    pub(crate) async fn exited(&self, mut reap: impl FnMut() -> Option<Exit>) -> Exit {
        self.gone().await;
        reap().unwrap_or(Exit::Unknown)
    }

    /// How it ended, if it has. It can be asked any number of times.
    pub(crate) fn reap(&self) -> Option<Exit> {
        self.is_gone().then(|| self.exit())
    }

    /// Waits for the end of a process that is not our child. How it ended is told as well as of a
    /// child.
    pub(crate) async fn exited_elsewhere(&self) -> Exit {
        self.gone().await;
        self.exit()
    }

    fn exit(&self) -> Exit {
        let mut code = 0;
        // SAFETY: the handle is open, and the answer has a place.
        match check(unsafe { GetExitCodeProcess(raw(&self.object), &raw mut code) }) {
            Ok(()) => Exit::Code(code.cast_signed()),
            Err(_) => Exit::Unknown,
        }
    }
}

/// Opens the process of this number; `None` if there is none.
pub(in crate::platform) fn open(
    pid: u32,
    rights: PROCESS_ACCESS_RIGHTS,
) -> io::Result<Option<OwnedHandle>> {
    // SAFETY: takes numbers. Answers with null or a handle that is ours.
    let object = unsafe { OpenProcess(rights, 0, pid) };
    if !object.is_null() {
        // SAFETY: nobody else has it.
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
        // The system's answer for one that is just ending.
        Err(error) if is_code(&error, ERROR_ACCESS_DENIED) && is_signalled(object) => Ok(false),
        Err(error) => Err(error),
    }
}

fn suspend(object: &OwnedHandle) -> io::Result<()> {
    // SAFETY: the handle is open; whom it stops is killed next.
    check_status(unsafe { NtSuspendProcess(raw(&object.as_handle())) })
}
