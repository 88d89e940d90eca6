//! Job objects, which contain a process and all its descendants.
//!
//! A job is named after its first process, so that a later daemon that knows the process can open
//! it. The name exists as long as a handle of the job is open (the job itself as long as its
//! processes): the first process gets its own handle without knowing it.

use std::{
    ffi::c_void,
    io,
    os::windows::io::{FromRawHandle as _, OwnedHandle},
    ptr,
    sync::{Arc, Mutex, Weak},
};

use windows_sys::Win32::{
    Foundation::{
        DuplicateHandle, ERROR_ALREADY_EXISTS, ERROR_MORE_DATA, GetLastError, SetLastError,
    },
    System::{
        JobObjects::{
            AssignProcessToJobObject, CreateJobObjectW, IsProcessInJob,
            JOBOBJECT_BASIC_ACCOUNTING_INFORMATION, JobObjectBasicAccountingInformation,
            JobObjectBasicProcessIdList, OpenJobObjectW, QueryInformationJobObject,
            TerminateJobObject,
        },
        SystemServices::{JOB_OBJECT_QUERY, JOB_OBJECT_TERMINATE},
        Threading::GetCurrentProcess,
    },
};

use super::KILLED;
use crate::{
    model::facts::{Mark, Process},
    platform::os::call::{check, is_code, raw, size, wide},
    sync::lock,
};

/// The jobs that this process holds.
static KNOWN: Mutex<Vec<Weak<Job>>> = Mutex::new(Vec::new());

/// A job and its first process.
#[derive(Debug)]
pub(super) struct Job {
    object: OwnedHandle,
    first: Process,
    /// The mark of the run, if this process started it.
    mark: Option<Arc<Mark>>,
}

impl Job {
    /// Creates a job and adds a suspended process.
    pub(super) fn create(
        first: Process,
        process: &OwnedHandle,
        mark: Mark,
    ) -> io::Result<Arc<Self>> {
        let name = name(first);
        // SAFETY: a null pointer means the default security (this user and the system); the name
        // ends with a zero. Returns null or an owned handle.
        let object = unsafe {
            // Success does not reset an earlier error.
            SetLastError(0);
            let object = CreateJobObjectW(ptr::null(), name.as_ptr());
            check(i32::from(!object.is_null()))?;
            let is_new = GetLastError() != ERROR_ALREADY_EXISTS;
            let object = OwnedHandle::from_raw_handle(object);
            if !is_new {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            object
        };
        // SAFETY: both handles are open.
        check(unsafe { AssignProcessToJobObject(raw(&object), raw(process)) })?;
        give_name_to(process, &object)?;
        let job = Arc::new(Self {
            object,
            first,
            mark: Some(Arc::new(mark)),
        });
        remember(&job);
        Ok(job)
    }

    /// Returns the job of this process, created by any daemon; `None` if it does not exist or
    /// cannot be found.
    pub(super) fn of(first: Process) -> Option<Arc<Self>> {
        if let Some(known) = known().into_iter().find(|job| job.first == first) {
            return Some(known);
        }
        let name = name(first);
        // SAFETY: the name ends with a zero. Returns null or an owned handle.
        let object = unsafe {
            let object = OpenJobObjectW(JOB_OBJECT_QUERY | JOB_OBJECT_TERMINATE, 0, name.as_ptr());
            if object.is_null() {
                return None;
            }
            OwnedHandle::from_raw_handle(object)
        };
        let job = Arc::new(Self {
            object,
            first,
            mark: None,
        });
        remember(&job);
        Some(job)
    }

    /// Returns its first process.
    pub(super) fn first(&self) -> Process {
        self.first
    }

    pub(super) fn mark(&self) -> Option<&Arc<Mark>> {
        self.mark.as_ref()
    }

    /// Returns whether it contains the process behind an open handle.
    pub(super) fn has(&self, process: &OwnedHandle) -> bool {
        let mut is_in = 0;
        // SAFETY: both handles are open, and the result has a variable.
        let asked = unsafe { IsProcessInJob(raw(process), raw(&self.object), &raw mut is_in) };
        asked != 0 && is_in != 0
    }

    /// Returns whether any process in it is still running.
    pub(super) fn lives(&self) -> io::Result<bool> {
        let mut account = JOBOBJECT_BASIC_ACCOUNTING_INFORMATION::default();
        // SAFETY: writes one such structure, which `account` is.
        check(unsafe {
            QueryInformationJobObject(
                raw(&self.object),
                JobObjectBasicAccountingInformation,
                (&raw mut account).cast::<c_void>(),
                size::<JOBOBJECT_BASIC_ACCOUNTING_INFORMATION>(),
                ptr::null_mut(),
            )
        })?;
        Ok(account.ActiveProcesses > 0)
    }

    /// Returns the PIDs in it, including console hosts if the system counts them.
    pub(super) fn members(&self) -> io::Result<Vec<u32>> {
        /// Two 32-bit counts: the number of processes, and the number that follows.
        const COUNTS: usize = 8 / size_of::<usize>();
        let mut words = vec![0_usize; 64];
        loop {
            let length = u32::try_from(size_of_val(&*words)).map_err(io::Error::other)?;
            // SAFETY: writes at most `length` bytes, which `words` has.
            let outcome = check(unsafe {
                QueryInformationJobObject(
                    raw(&self.object),
                    JobObjectBasicProcessIdList,
                    words.as_mut_ptr().cast::<c_void>(),
                    length,
                    ptr::null_mut(),
                )
            });
            match outcome {
                Err(error) if is_code(&error, ERROR_MORE_DATA) => {}
                outcome => {
                    outcome?;
                    // SAFETY: the second of two counts, at the beginning of what was written.
                    let listed = unsafe { words.as_ptr().cast::<u32>().add(1).read() } as usize;
                    let pids = words.iter().skip(COUNTS).take(listed);
                    return Ok(pids.filter_map(|&pid| u32::try_from(pid).ok()).collect());
                }
            }
            words.resize(words.len() * 4, 0);
        }
    }

    /// Terminates all its processes at once, so that none can start a new one. Returns `false` if
    /// there was none.
    pub(super) fn kill(&self) -> io::Result<bool> {
        let lived = self.lives()?;
        // SAFETY: the handle is open and has the right to do this.
        check(unsafe { TerminateJobObject(raw(&self.object), KILLED) })?;
        Ok(lived)
    }
}

pub(super) fn known() -> Vec<Arc<Job>> {
    let known = lock(&KNOWN);
    known.iter().filter_map(Weak::upgrade).collect()
}

fn remember(job: &Arc<Job>) {
    let mut known = lock(&KNOWN);
    known.retain(|job| job.strong_count() > 0);
    known.push(Arc::downgrade(job));
}

/// Returns the name of a job: PID and start time together are unique.
fn name(first: Process) -> Vec<u16> {
    wide(format!(
        r"Local\PilotLight-{}-{:x}",
        first.pid, first.started
    ))
}

/// Gives the process a read-only handle of the job, so that the job keeps its name when this
/// process exits.
fn give_name_to(process: &OwnedHandle, job: &OwnedHandle) -> io::Result<()> {
    let mut theirs = ptr::null_mut();
    // SAFETY: all handles are open; the new one belongs to the other process, which closes it on
    // exit.
    check(unsafe {
        DuplicateHandle(
            GetCurrentProcess(),
            raw(job),
            raw(process),
            &raw mut theirs,
            JOB_OBJECT_QUERY,
            0,
            0,
        )
    })
}
