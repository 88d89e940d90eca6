use std::{
    io,
    os::fd::{AsRawFd as _, OwnedFd},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    process::{PidfdFlags, Signal as Number, kill_process_group, pidfd_open, pidfd_send_signal},
};
use tokio::io::{Interest, unix::AsyncFd};

use super::started;
use crate::{
    model::facts::{Exit, Process},
    platform::unix::process::{delivered, number, raw, reap_child},
    stack::Signal,
};

/// The time limit for the parent of an adopted process to reap it: only then does the kernel report
/// its exit to others.
const REAPING: Duration = Duration::from_millis(100);

/// A pinned process: operations reach this process or none.
#[derive(Debug)]
pub(crate) struct Handle {
    process: Process,
    pidfd: AsyncFd<OwnedFd>,
}

impl Handle {
    /// Pins the process; `None` if it has exited or its PID was reused. Needs a tokio runtime.
    pub(crate) fn pin(process: Process) -> io::Result<Option<Self>> {
        let Some(pid) = raw(process.pid) else {
            return Ok(None);
        };
        let pidfd = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => pidfd,
            Err(Errno::SRCH | Errno::INVAL) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // The order matters: if the PID still refers to this process now, it did when the
        // descriptor was opened.
        if started(process.pid).ok() != Some(process.started) {
            return Ok(None);
        }
        // SAFETY: an `OwnedFd` is one open descriptor for its whole life, and nothing takes this
        // one out.
        let pidfd = unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE) };
        Ok(Some(Self {
            process,
            pidfd: pidfd.map_err(io::Error::from)?,
        }))
    }

    /// Returns the process.
    pub(crate) fn process(&self) -> Process {
        self.process
    }

    /// Sends a signal to this process only. Returns `false` if it has exited.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<bool> {
        self.send(number(signal))
    }

    /// Suspends it until it is killed, so that it cannot start other processes. Returns `false` if
    /// it has exited.
    pub(crate) fn freeze(&self) -> io::Result<bool> {
        self.send(Number::STOP)
    }

    fn send(&self, signal: Number) -> io::Result<bool> {
        delivered(pidfd_send_signal(&self.pidfd, signal))
    }

    /// Sends a signal to all processes of the group that this process leads or led, in one step.
    /// Returns `false` if the group is empty or can no longer be identified.
    pub(crate) fn signal_group(&self, signal: Signal) -> io::Result<bool> {
        self.send_group(Some(number(signal)))
    }

    /// Suspends the whole group, as [`Handle::freeze`] does.
    pub(crate) fn freeze_group(&self) -> io::Result<bool> {
        self.send_group(Some(Number::STOP))
    }

    /// Returns whether the group that this process leads or led has members. Until then its ID is
    /// not reused.
    pub(crate) fn group_lives(&self) -> bool {
        self.send_group(None).unwrap_or(true)
    }

    /// A pidfd distinguishes a group from a later one with the same ID
    /// (`PIDFD_SIGNAL_PROCESS_GROUP`, Linux 6.9). Before that, the ID is known to be ours only
    /// until the leader is reaped.
    fn send_group(&self, signal: Option<Number>) -> io::Result<bool> {
        let signal_number = signal.map_or(0, Number::as_raw);
        // SAFETY: takes numbers and no pointer (a null `siginfo_t` means the default one); the
        // descriptor lives as long as `self`.
        let outcome = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.pidfd.as_raw_fd(),
                signal_number,
                std::ptr::null::<libc::siginfo_t>(),
                libc::PIDFD_SIGNAL_PROCESS_GROUP,
            )
        };
        if outcome == 0 {
            return Ok(true);
        }
        let error = Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::INVAL);
        if error != Errno::INVAL {
            return delivered(Err(error));
        }
        let Some(group) = raw(self.process.pid) else {
            return Ok(false);
        };
        if started(self.process.pid).ok() != Some(self.process.started) {
            return Ok(false);
        }
        signal.map_or(Ok(true), |signal| {
            delivered(kill_process_group(group, signal))
        })
    }

    /// Returns whether it has exited, even if it was not reaped.
    pub(crate) fn is_gone(&self) -> bool {
        let mut descriptors = [PollFd::new(&self.pidfd, PollFlags::IN)];
        poll(&mut descriptors, Some(&rustix::time::Timespec::default()))
            .is_ok_and(|ready| ready > 0)
    }

    /// Waits until it has exited.
    pub(crate) async fn gone(&self) {
        self.ended(|| self.is_gone().then_some(())).await;
    }

    /// Waits until a child of this process has exited, and returns the result of `reap`.
    pub(crate) async fn exited(&self, reap: impl FnMut() -> Option<Exit>) -> Exit {
        // A child under a debugger cannot be reaped before it is detached.
        self.ended(reap).await
    }

    /// Reaps a child of this process if it has exited. Works only once.
    pub(crate) fn reap(&self) -> Option<Exit> {
        reap_child(self.process.pid)
    }

    /// Waits until a process that is not our child exits. Its exit is known since Linux 6.15
    /// (`PIDFD_GET_INFO`), once its parent has reaped it.
    pub(crate) async fn exited_elsewhere(&self) -> Exit {
        self.gone().await;
        let told = self.ended(|| match told_exit(&self.pidfd) {
            Ok(exit) => exit,
            Err(_) => Some(Exit::Unknown),
        });
        tokio::time::timeout(REAPING, told)
            .await
            .unwrap_or(Exit::Unknown)
    }

    /// Waits until the kernel reports a change and `look` returns a value. Cancel-safe.
    async fn ended<T>(&self, mut look: impl FnMut() -> Option<T>) -> T {
        if let Some(seen) = look() {
            return seen;
        }
        loop {
            let Ok(mut change) = self.pidfd.readable().await else {
                // The runtime is shutting down, and this task ends with it.
                return std::future::pending().await;
            };
            if let Some(seen) = look() {
                return seen;
            }
            change.clear_ready();
        }
    }
}

/// `struct pidfd_info` of `linux/pidfd.h`, in the first version with exits.
#[repr(C)]
#[derive(Default)]
struct PidfdInfo {
    mask: u64,
    cgroup: u64,
    identity: [u32; 11],
    exit_code: i32,
}

const PIDFD_INFO_EXIT: u64 = libc::PIDFD_INFO_EXIT as u64;
const PIDFD_GET_INFO: rustix::ioctl::Opcode =
    rustix::ioctl::opcode::read_write::<PidfdInfo>(0xFF, 11);

/// Returns how it exited; `None` before it is reaped, an error if the kernel does not report it.
fn told_exit(pidfd: &AsyncFd<OwnedFd>) -> rustix::io::Result<Option<Exit>> {
    let mut info = PidfdInfo {
        mask: PIDFD_INFO_EXIT,
        ..PidfdInfo::default()
    };
    // SAFETY: the opcode contains the size of the struct, which is the kernel's own of 64 bytes.
    unsafe {
        rustix::ioctl::ioctl(
            pidfd,
            rustix::ioctl::Updater::<PIDFD_GET_INFO, PidfdInfo>::new(&mut info),
        )?;
    }
    if info.mask & PIDFD_INFO_EXIT == 0 {
        return Ok(None);
    }
    Ok(Some(match info.exit_code & 0x7f {
        0 => Exit::Code((info.exit_code >> 8) & 0xff),
        signal => Exit::Signal(signal),
    }))
}
