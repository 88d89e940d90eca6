//! Waits for one kernel event: a kqueue (`kqueue(2)`) with a single filter, which becomes readable
//! with the event.

use std::{io, os::fd::OwnedFd};

use rustix::{
    event::{
        PollFd, PollFlags,
        kqueue::{
            Event, EventFilter, EventFlags, ProcessEvents, VnodeEvents, kevent_timespec, kqueue,
        },
        poll,
    },
    fd::AsRawFd as _,
    process::Pid,
    time::Timespec,
};
use tokio::io::{Interest, unix::AsyncFd};

/// An event that occurs once.
#[derive(Debug)]
pub(super) struct Notice {
    kqueue: AsyncFd<OwnedFd>,
    /// The watched file stays open as long as the event.
    _file: Option<OwnedFd>,
}

impl Notice {
    /// Creates an event for the exit of a process. Fails with `ESRCH` if it has exited. Needs a
    /// tokio runtime.
    pub(super) fn of_exit(pid: Pid) -> io::Result<Self> {
        let flags = ProcessEvents::EXIT;
        Self::new(EventFilter::Proc { pid, flags }, None)
    }

    /// Creates an event for a change of a file. Needs a tokio runtime.
    pub(super) fn of_change(file: OwnedFd, flags: VnodeEvents) -> io::Result<Self> {
        let vnode = file.as_raw_fd();
        Self::new(EventFilter::Vnode { vnode, flags }, Some(file))
    }

    fn new(filter: EventFilter, file: Option<OwnedFd>) -> io::Result<Self> {
        let kqueue = kqueue()?;
        let wanted = [Event::new(filter, EventFlags::ADD, std::ptr::null_mut())];
        let none: &mut [Event] = &mut [];
        // SAFETY: the only descriptor in the event, if any, lives as long as the queue.
        unsafe { kevent_timespec(&kqueue, &wanted, none, Some(&Timespec::default()))? };
        // SAFETY: an `OwnedFd` is one open descriptor for its whole life, and nothing takes this
        // one out.
        let kqueue = unsafe { AsyncFd::register_with_interest(kqueue, Interest::READABLE) };
        Ok(Self {
            kqueue: kqueue.map_err(io::Error::from)?,
            _file: file,
        })
    }

    /// Returns whether it has occurred. The event stays in the queue for later calls.
    pub(super) fn has_come(&self) -> bool {
        let mut descriptors = [PollFd::new(&self.kqueue, PollFlags::IN)];
        poll(&mut descriptors, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }

    /// Waits until it occurs. Any number of tasks may wait; cancel-safe.
    pub(super) async fn come(&self) {
        while !self.has_come() {
            let Ok(mut change) = self.kqueue.readable().await else {
                // The runtime is shutting down, and this task ends with it.
                return std::future::pending().await;
            };
            if !self.has_come() {
                change.clear_ready();
            }
        }
    }
}
