//! Finds the processes that hold a socket through the links of `/proc/PID/fd` (proc(5)), with as
//! few system calls as possible, since a machine has thousands of links and each takes some
//! microseconds.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    mem::MaybeUninit,
    os::fd::OwnedFd,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use rustix::{
    fs::{CWD, RawDir, fstat, readlinkat_raw},
    io::Errno,
    path::DecInt,
};

use super::Breadth;
use crate::{
    model::facts::Process,
    platform::{
        os::proc::{self, open_folder, parsed},
        process::{descendants, lineage, started},
    },
};

/// The standard descriptors, which a process has not opened itself.
const STANDARD: u32 = 3;
/// The number of descriptors after them among which a server has its first socket.
const FIRST: u32 = 8;

type Found = Vec<(u64, Process)>;

/// Returns the processes that hold each of these sockets, ordered by PID. Processes of other users
/// are skipped unless the current user is root, since the kernel hides their descriptors.
pub(super) fn of(
    inodes: &BTreeSet<u64>,
    breadth: Breadth,
) -> io::Result<BTreeMap<u64, Vec<Process>>> {
    let proc = open_folder(CWD, c"/proc")?;
    let pids = proc::numbers(&proc, 32 * 1024)?;
    let search = Search {
        proc: &proc,
        inodes,
    };
    let mut found = match breadth {
        Breadth::Everyone => search.everyone(&pids),
        Breadth::Family => search.family(&pids),
    };
    found.sort_unstable();
    found.dedup();
    let mut owners = BTreeMap::<_, Vec<_>>::new();
    for (inode, process) in found {
        owners.entry(inode).or_default().push(process);
    }
    Ok(owners)
}

#[derive(Clone, Copy)]
struct Search<'a> {
    proc: &'a OwnedFd,
    inodes: &'a BTreeSet<u64>,
}

impl Search<'_> {
    fn everyone(self, pids: &[u32]) -> Found {
        in_two_threads(pids, |pid, found| self.look_through(pid, found))
    }

    /// Searches likely holders first, and then their relatives.
    ///
    /// Sockets are numbered sequentially (in batches for each CPU), and a server opens its
    /// listening socket together with its others: the distance to the first socket of a process
    /// shows how likely it is.
    fn family(self, pids: &[u32]) -> Found {
        let mut likely = in_two_threads(pids, |pid, likely: &mut Vec<(u64, u32)>| {
            likely.push((self.distance(pid).unwrap_or(u64::MAX), pid));
        });
        likely.sort_unstable();
        let mut found = Found::new();
        for &(_, pid) in likely.iter().take(pids.len() / 8) {
            self.look_through(pid, &mut found);
            if self.is_complete(&found) {
                let holders: BTreeSet<_> = found.iter().map(|(_, process)| process.pid).collect();
                for pid in relatives(&holders) {
                    self.look_through(pid, &mut found);
                }
                return found;
            }
        }
        self.everyone(pids)
    }

    fn is_complete(self, found: &Found) -> bool {
        let has_holder = |inode| found.iter().any(|(held, _)| held == inode);
        self.inodes.iter().all(has_holder)
    }

    /// Returns the distance between the first socket of a process and one of the sockets.
    fn distance(self, pid: u32) -> Option<u64> {
        let links = open_folder(self.proc, format!("{pid}/fd")).ok()?;
        let mut numbers = STANDARD..STANDARD + FIRST;
        let first = numbers.find_map(|number| read_link(&links, number).ok().flatten())?;
        let distances = self.inodes.iter().map(|inode| inode.abs_diff(first));
        distances.min()
    }

    /// Searches the descriptors of a process. A process that exits meanwhile holds nothing, and the
    /// descriptors of another user's process are hidden.
    fn look_through(self, pid: u32, found: &mut Found) {
        if let Ok(links) = open_folder(self.proc, format!("{pid}/fd")) {
            let _ = self.read_all(pid, &links, found);
        }
    }

    /// Descriptors are assigned from 0 on, so reading them in order is cheaper than listing them
    /// first; `st_size` is their number (since Linux 6.2, 0 before). The list is needed only after
    /// the first gap.
    fn read_all(self, pid: u32, links: &OwnedFd, found: &mut Found) -> io::Result<()> {
        let count = u32::try_from(fstat(links)?.st_size).unwrap_or_default();
        let mut dense = 0;
        while dense < count && self.read(pid, links, dense, found)? {
            dense += 1;
        }
        if dense == count && count > 0 {
            return Ok(());
        }
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut list = RawDir::new(links, &mut buffer);
        while let Some(entry) = list.next() {
            let number = parsed(entry?.file_name().to_bytes());
            if let Some(number) = number.filter(|&number| number >= dense) {
                self.read(pid, links, number, found)?;
            }
        }
        Ok(())
    }

    /// Reads the link of the descriptor with this number. Returns whether it exists.
    fn read(self, pid: u32, links: &OwnedFd, number: u32, found: &mut Found) -> io::Result<bool> {
        let inode = match read_link(links, number) {
            Ok(inode) => inode.filter(|inode| self.inodes.contains(inode)),
            Err(Errno::NOENT) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        // `links` refers to the opened process: if it still shows the socket, the start time read
        // in between is not that of a later process.
        if let Some(inode) = inode
            && let Ok(started) = started(pid)
            && read_link(links, number) == Ok(Some(inode))
        {
            found.push((inode, Process { pid, started }));
        }
        Ok(true)
    }
}

/// Returns the ancestors and descendants of some processes.
fn relatives(pids: &BTreeSet<u32>) -> BTreeSet<u32> {
    let mut relatives = BTreeSet::new();
    for &pid in pids {
        let ancestors = lineage(pid).unwrap_or_default().into_iter().skip(1);
        relatives.extend(ancestors.map(|it| it.pid).take_while(|&pid| pid > 1));
        relatives.extend(descendants(pid).iter().map(|process| process.pid));
    }
    relatives
}

/// Applies `take` to each process, in two threads if there are many.
fn in_two_threads<R: Send>(pids: &[u32], take: impl Fn(u32, &mut Vec<R>) + Sync) -> Vec<R> {
    /// The number of processes from which a second thread is worth its start.
    const WORTH_A_THREAD: usize = 64;
    /// The number of processes in one chunk.
    const CHUNK: usize = 16;

    let next = AtomicUsize::new(0);
    let work = || {
        let mut found = Vec::new();
        loop {
            let from = next.fetch_add(CHUNK, Ordering::Relaxed);
            let Some(rest) = pids.get(from..).filter(|rest| !rest.is_empty()) else {
                return found;
            };
            for &pid in rest.iter().take(CHUNK) {
                take(pid, &mut found);
            }
        }
    };
    if pids.len() < WORTH_A_THREAD {
        return work();
    }
    thread::scope(|scope| {
        let other = scope.spawn(work);
        let mut found = work();
        found.extend(other.join().unwrap_or_default());
        found
    })
}

/// Returns the socket of a link in `/proc/PID/fd`: `socket:[INODE]`. `None` for another kind of
/// link.
fn read_link(links: &OwnedFd, number: u32) -> Result<Option<u64>, Errno> {
    let mut buffer = [MaybeUninit::uninit(); 32];
    let (target, _) = readlinkat_raw(links, DecInt::new(number), &mut buffer)?;
    let digits = target
        .strip_prefix(b"socket:[")
        .and_then(|rest| rest.strip_suffix(b"]"));
    Ok(digits.and_then(parsed))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn sockets_behind_a_gap_in_the_descriptors_are_found() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let far = rustix::io::fcntl_dupfd_cloexec(&listener, 500).unwrap();
        drop(listener);
        let inode = fstat(&far).unwrap().st_ino;
        let own = std::process::id();
        for breadth in [Breadth::Family, Breadth::Everyone] {
            let owners = of(&BTreeSet::from([inode]), breadth).unwrap();
            let mut holders = owners[&inode].iter();
            assert!(holders.any(|process| process.pid == own), "{breadth:?}");
        }
    }

    #[test]
    fn a_socket_without_a_process_has_no_owner() {
        let owners = of(&BTreeSet::from([u64::MAX]), Breadth::Family).unwrap();
        assert_eq!(owners, BTreeMap::new());
    }

    #[test]
    fn ancestors_are_relatives_and_the_first_process_is_not() {
        let own = std::process::id();
        let relatives = relatives(&BTreeSet::from([own]));
        let parent = lineage(own).unwrap()[1].pid;
        assert!(relatives.contains(&parent), "{relatives:?}");
        assert!(!relatives.contains(&1), "{relatives:?}");
    }
}
