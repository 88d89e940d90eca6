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
    platform::unix::process::{number, raw, reap_child},
    stack::Signal,
};

/// How long the parent of an adopted process may take to reap it: only then does the kernel tell
/// others how it ended.
const REAPING: Duration = Duration::from_millis(100);

/// A process, pinned: whatever is done through it reaches this process or nobody.
#[derive(Debug)]
pub(crate) struct Handle {
    process: Process,
    pidfd: AsyncFd<OwnedFd>,
}

impl Handle {
    /// Pins the process, or gives `None` when it is gone or its number means another by now.
    /// Needs a tokio runtime.
    pub(crate) fn pin(process: Process) -> io::Result<Option<Self>> {
        let Some(pid) = raw(process.pid) else {
            return Ok(None);
        };
        let pidfd = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => pidfd,
            Err(Errno::SRCH | Errno::INVAL) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // The order matters: if the number still means this process now, it did when the
        // descriptor was opened.
        if started(process.pid).ok() != Some(process.started) {
            return Ok(None);
        }
        // SAFETY: an `OwnedFd` is one open descriptor from its making to its end, and nothing takes
        // this one out.
        let pidfd = unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE) };
        Ok(Some(Self {
            process,
            pidfd: pidfd.map_err(io::Error::from)?,
        }))
    }

    /// Which process.
    pub(crate) fn process(&self) -> Process {
        self.process
    }

    /// Sends a signal to this process alone. `false`: it is gone.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<bool> {
        self.send(number(signal))
    }

    /// Stops it from running, and so from starting others, until it is killed. `false`: it is gone.
    pub(crate) fn freeze(&self) -> io::Result<bool> {
        self.send(Number::STOP)
    }

    fn send(&self, signal: Number) -> io::Result<bool> {
        delivered(pidfd_send_signal(&self.pidfd, signal))
    }

    /// Sends a signal to every process of the group that this process leads or led, in one step.
    /// `false`: nobody is left in it, or it cannot be told any more whose group it is.
    pub(crate) fn signal_group(&self, signal: Signal) -> io::Result<bool> {
        self.send_group(Some(number(signal)))
    }

    /// Stops the whole group from running, as [`Handle::freeze`] does.
    pub(crate) fn freeze_group(&self) -> io::Result<bool> {
        self.send_group(Some(Number::STOP))
    }

    /// Whether somebody is left in the group that this process leads or led. While that is so,
    /// the group's number belongs to nobody else.
    pub(crate) fn group_lives(&self) -> bool {
        self.send_group(None).unwrap_or(true)
    }

    /// The kernel keeps a group apart from a later one of the same number where it is named by
    /// pidfd (`PIDFD_SIGNAL_PROCESS_GROUP`, Linux 6.9). Before that, the number is known to be
    /// ours only as long as the leader has not been reaped.
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

    /// Whether it has ended. A process that nobody has reaped yet has.
    pub(crate) fn is_gone(&self) -> bool {
        let mut descriptors = [PollFd::new(&self.pidfd, PollFlags::IN)];
        poll(&mut descriptors, Some(&rustix::time::Timespec::default()))
            .is_ok_and(|ready| ready > 0)
    }

    /// Waits until it has ended.
    pub(crate) async fn gone(&self) {
        self.ended(|| self.is_gone().then_some(())).await;
    }

    /// Waits for the end of a child of this process, and gives what `reap` gave.
    pub(crate) async fn exited(&self, reap: impl FnMut() -> Option<Exit>) -> Exit {
        // A child that a debugger holds has ended and cannot be reaped until it lets go.
        self.ended(reap).await
    }

    /// Takes the exit of a child of this process from the kernel, if it has ended: once, and
    /// never again.
    pub(crate) fn reap(&self) -> Option<Exit> {
        reap_child(self.process.pid)
    }

    /// Waits for the end of a process that is not our child. How it ended is told since Linux
    /// 6.15 (`PIDFD_GET_INFO`), once its parent has reaped it.
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

    /// Waits until the kernel has reported a change and `look` sees it. Cancel-safe.
    async fn ended<T>(&self, mut look: impl FnMut() -> Option<T>) -> T {
        if let Some(seen) = look() {
            return seen;
        }
        loop {
            let Ok(mut change) = self.pidfd.readable().await else {
                // The runtime is ending, and this task with it.
                return std::future::pending().await;
            };
            if let Some(seen) = look() {
                return seen;
            }
            change.clear_ready();
        }
    }
}

fn delivered(outcome: rustix::io::Result<()>) -> io::Result<bool> {
    match outcome {
        Ok(()) => Ok(true),
        Err(Errno::SRCH) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// `struct pidfd_info` of `linux/pidfd.h`, as it was when it began to tell exits.
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

/// How it ended, `None` while it has not been reaped, an error where the kernel does not tell.
fn told_exit(pidfd: &AsyncFd<OwnedFd>) -> rustix::io::Result<Option<Exit>> {
    let mut info = PidfdInfo {
        mask: PIDFD_INFO_EXIT,
        ..PidfdInfo::default()
    };
    // SAFETY: the opcode carries the size of the struct, which is the kernel's own of 64 bytes.
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
