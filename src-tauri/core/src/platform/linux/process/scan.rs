use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
    io,
    mem::MaybeUninit,
    os::fd::{AsFd as _, OwnedFd},
    sync::Arc,
};

use rustix::{
    buffer::spare_capacity,
    fs::{CWD, Mode, OFlags, RawDir, SeekFrom, open, openat, seek},
    io::read,
};

use super::{
    TICKS_PER_SECOND,
    stat::{Image, Stat},
    tag, ticks_now,
};
use crate::{
    model::facts::{Mark, Process},
    platform::{
        Row, Wanted,
        os::proc::{numbers, open_folder, parsed},
        types::GENERATIONS,
    },
};

/// The number of additional passes for processes that started while others exited.
const ROUNDS: usize = 8;

/// The age in clock ticks after which a process has executed its final program.
const GROWN: u64 = TICKS_PER_SECOND;

/// Scans all processes repeatedly with the same buffers.
pub(crate) struct Scanner {
    proc: OwnedFd,
    entries: Vec<MaybeUninit<u8>>,
    reader: Reader,
    marked: Marked,
    /// A process that was seen without a mark has none until it executes another program.
    unmarked: HashMap<Process, Image>,
    strangers: Strangers,
    bystanders: Bystanders,
}

/// Processes that are never of interest: kernel threads, and programs that are older than
/// everything searched for. On most machines these are nearly all processes, and reading them would
/// be most of the cost of a scan.
///
/// They are identified by PID and the inode of their folder in `/proc`, which a directory listing
/// returns without extra cost: the kernel numbers the inodes sequentially, and a process with a
/// reused PID gets a new one.
#[derive(Default)]
struct Bystanders {
    inodes: HashMap<u32, u64>,
    /// The age limit.
    since: u64,
}

impl Bystanders {
    /// Clears the list when older processes become of interest.
    fn look_for(&mut self, since: u64) {
        if self.since != since {
            self.inodes.clear();
            self.since = since;
        }
    }

    fn contain(&self, pid: u32, inode: u64) -> bool {
        self.inodes.get(&pid) == Some(&inode)
    }
}

/// The processes that had no mark [`GROWN`] after their start, with the inode of their `/proc`
/// folder, as with [`Bystanders`], and their group. Every process of a service inherits a mark and
/// keeps it until it executes another program, which happens at once or hardly ever. So a search
/// for the survivors of a run need not read these again: on a desktop, they are all processes that
/// started after the daemon.
#[derive(Default)]
struct Strangers(HashMap<u32, (u64, u32)>);

impl Strangers {
    fn contain(&self, pid: u32, inode: u64, wanted: Option<&Wanted<'_>>) -> bool {
        let (Some(wanted), Some((known, group))) = (wanted, self.0.get(&pid)) else {
            return false;
        };
        *known == inode && !(wanted.may_be)(pid, *group)
    }
}

/// A process that was seen with a mark keeps it, and is read only once.
#[derive(Default)]
struct Marked {
    marks: HashMap<Process, Arc<Mark>>,
    /// The processes by PID, with the inode of their folder, as with [`Bystanders`].
    folders: HashMap<u32, (u64, Process)>,
}

impl Marked {
    /// Returns whether the process with this folder is known to have another mark than the wanted
    /// one.
    fn is_anothers(&self, pid: u32, inode: u64, wanted: Option<&Wanted<'_>>) -> bool {
        let (Some(wanted), Some((known, process))) = (wanted, self.folders.get(&pid)) else {
            return false;
        };
        let mark = self.marks.get(process).filter(|_| *known == inode);
        mark.is_some_and(|mark| **mark != *wanted.mark)
    }

    fn insert(&mut self, process: Process, inode: u64, mark: Arc<Mark>) {
        self.marks.insert(process, mark);
        self.folders.insert(process.pid, (inode, process));
    }
}

impl Scanner {
    /// Opens `/proc`.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            proc: open_folder(CWD, "/proc")?,
            entries: vec![MaybeUninit::uninit(); 32 * 1024],
            reader: Reader::new()?,
            marked: Marked::default(),
            unmarked: HashMap::new(),
            strangers: Strangers::default(),
            bystanders: Bystanders::default(),
        })
    }

    /// Returns the running processes that started at `since` or later, without kernel threads and
    /// zombies, with their marks if this user may read them.
    pub(crate) fn scan(&mut self, since: u64) -> io::Result<Vec<Row>> {
        self.read(since, None)
    }

    /// Does the same without processes that are known to have another mark than the wanted one,
    /// which with many services are most of the reading. Processes that are known to have none and
    /// cannot belong to the run are left out as well.
    pub(crate) fn scan_for(&mut self, since: u64, wanted: &Wanted<'_>) -> io::Result<Vec<Row>> {
        self.read(since, Some(wanted))
    }

    fn read(&mut self, since: u64, wanted: Option<&Wanted<'_>>) -> io::Result<Vec<Row>> {
        let mut rows = Vec::with_capacity(self.marked.marks.len() + 128);
        let mut seen = HashSet::with_capacity(rows.capacity());
        self.bystanders.look_for(since);
        for _ in 0..ROUNDS {
            // A process that exited before it was read may have started another one (as daemons
            // do), with a PID that the listing had already passed.
            if !self.read_unseen(since, wanted, &mut seen, &mut rows)? {
                break;
            }
        }
        let is_listed = |process: &Process| seen.contains(&process.pid);
        self.marked.marks.retain(|process, _| is_listed(process));
        self.marked.folders.retain(|pid, _| seen.contains(pid));
        self.unmarked.retain(|process, _| is_listed(process));
        self.strangers.0.retain(|pid, _| seen.contains(pid));
        self.bystanders.inodes.retain(|pid, _| seen.contains(pid));
        Ok(rows)
    }

    /// Reads the processes whose PIDs are not in `seen`. Returns whether one exited meanwhile.
    fn read_unseen(
        &mut self,
        since: u64,
        wanted: Option<&Wanted<'_>>,
        seen: &mut HashSet<u32>,
        rows: &mut Vec<Row>,
    ) -> io::Result<bool> {
        let mut has_one_ended = false;
        let grown_up = ticks_now().saturating_sub(GROWN);
        seek(&self.proc, SeekFrom::Start(0))?;
        let mut folder = RawDir::new(self.proc.as_fd(), &mut self.entries);
        while let Some(entry) = folder.next() {
            let entry = entry?;
            let Some(pid) = parsed(entry.file_name().to_bytes()) else {
                continue;
            };
            let inode = entry.ino();
            if self.bystanders.contain(pid, inode)
                || self.marked.is_anothers(pid, inode, wanted)
                || self.strangers.contain(pid, inode, wanted)
            {
                seen.insert(pid);
                continue;
            }
            if seen.contains(&pid) {
                continue;
            }
            let Some(stat) = self.reader.stat(pid) else {
                has_one_ended = true;
                continue;
            };
            seen.insert(pid);
            if stat.is_of_the_kernel() || stat.started < since {
                self.bystanders.inodes.insert(pid, inode);
                continue;
            }
            if !stat.is_alive() {
                has_one_ended = true;
                continue;
            }
            let process = Process {
                pid,
                started: stat.started,
            };
            let mut mark = self.marked.marks.get(&process).map(Arc::clone);
            if mark.is_none() && self.unmarked.get(&process) != Some(&stat.image) {
                mark = self.reader.mark(pid).map(Arc::new);
                if mark.is_none() {
                    // The environment disappears with the process.
                    let Some(now) = self.reader.stat(pid).filter(Stat::is_alive) else {
                        has_one_ended = true;
                        continue;
                    };
                    // The program that ran without a mark, if known.
                    if now.image == stat.image {
                        self.unmarked.insert(process, stat.image);
                    }
                }
            }
            if let Some(mark) = &mark {
                self.marked.insert(process, inode, Arc::clone(mark));
                self.strangers.0.remove(&pid);
            } else if stat.started <= grown_up {
                self.strangers.0.insert(pid, (inode, stat.group));
            }
            rows.push(Row {
                process,
                parent: stat.parent,
                group: stat.group,
                mark,
                usage: Some(stat.usage()),
            });
        }
        Ok(has_one_ended)
    }
}

/// Returns when the process with this PID started. Fails if there is none.
pub(crate) fn started(pid: u32) -> io::Result<u64> {
    let stat = Reader::new()?.stat(pid);
    stat.map(|stat| stat.started)
        .ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Returns the mark of the process with this PID, if this user may read it.
pub(crate) fn mark_of(pid: u32) -> Option<Mark> {
    Reader::new().ok()?.mark(pid)
}

/// Returns a process and its ancestors, each child before its parent: three system calls for each.
pub(crate) fn lineage(pid: u32) -> io::Result<Vec<Process>> {
    let mut reader = Reader::new()?;
    let mut line: Vec<Process> = Vec::new();
    let mut next = pid;
    while line.len() < GENERATIONS
        && let Some(Stat { parent, started, .. }) = reader.stat(next)
        // After a parent has exited, its PID may be reused by a younger process.
        && line.last().is_none_or(|child| started <= child.started)
    {
        line.push(Process { pid: next, started });
        next = parent;
    }
    Ok(line)
}

/// Returns the descendants of the process with a few reads for each, while [`Scanner::scan`] reads
/// every process. Empty if the kernel does not report children.
pub(crate) fn descendants(pid: u32) -> Vec<Process> {
    let Ok(mut reader) = Reader::new() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut parents = vec![pid];
    while let Some(parent) = parents.pop() {
        for child in reader.children(parent) {
            if let Some(stat) = reader.stat(child)
                && stat.parent == parent
            {
                found.push(Process {
                    pid: child,
                    started: stat.started,
                });
                parents.push(child);
            }
        }
    }
    found
}

/// Reads `/proc` for one process.
struct Reader {
    proc: OwnedFd,
    path: String,
    text: Vec<u8>,
}

impl Reader {
    fn new() -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self {
            proc: open("/proc", flags, Mode::empty())?,
            path: String::new(),
            text: Vec::new(),
        })
    }

    /// Returns `None` if the process has exited.
    fn stat(&mut self, pid: u32) -> Option<Stat> {
        self.read(pid, "stat").ok()?;
        Stat::parse(&self.text)
    }

    /// Reads the mark. The environment has priority over the tag, since a process that is started
    /// with another mark and without a tag has inherited the tag. An environment from which the
    /// mark was removed on purpose (`env -u PILOTLIGHT_SERVICE`) has priority as well: it still has
    /// the other variable of each service. An overwritten environment has neither.
    fn mark(&mut self, pid: u32) -> Option<Mark> {
        if self.read(pid, "environ").is_ok() {
            if let Some(mark) = self.variable(Mark::VARIABLE) {
                return Mark::parse(mark);
            }
            if self.variable(Mark::COMPANION).is_some() {
                return None;
            }
        }
        tag::read(&self.proc, pid, &mut self.text)
    }

    /// Returns the value of a variable in the environment that was read last.
    fn variable(&self, name: &str) -> Option<&str> {
        let mut variables = self.text.split(|byte| *byte == 0);
        variables.find_map(|variable| {
            let value = variable.strip_prefix(name.as_bytes())?;
            std::str::from_utf8(value.strip_prefix(b"=")?).ok()
        })
    }

    /// Returns the children of all threads, since children belong to the thread that started them.
    fn children(&mut self, pid: u32) -> Vec<u32> {
        let mut children = Vec::new();
        let threads = open_folder(&self.proc, format!("{pid}/task"));
        let threads = threads.and_then(|folder| numbers(&folder, 2048));
        for thread in threads.unwrap_or_default() {
            if self.read(pid, &format!("task/{thread}/children")).is_ok() {
                children.extend(
                    self.text
                        .split(|byte| *byte == b' ')
                        .filter_map(parsed::<u32>),
                );
            }
        }
        children
    }

    /// Reads a whole file of a process. The kernel fills the buffer, so a read that leaves room was
    /// the last.
    fn read(&mut self, pid: u32, name: &str) -> rustix::io::Result<()> {
        self.path.clear();
        let _ = write!(self.path, "{pid}/{name}");
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = openat(&self.proc, self.path.as_str(), flags, Mode::empty())?;
        self.text.clear();
        loop {
            self.text.reserve(4096);
            let room = self.text.capacity() - self.text.len();
            if read(&file, spare_capacity(&mut self.text))? < room {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::facts::{RunId, StackId},
        stack::ServiceName,
    };

    #[test]
    fn a_program_is_a_bystander_only_until_older_processes_are_of_interest() {
        let own = std::process::id();
        let mut scanner = Scanner::new().expect("/proc can be opened");
        let mut finds = |since: u64| {
            let rows = scanner.scan(since).expect("/proc can be read");
            rows.iter().any(|row| row.process.pid == own)
        };
        let born = started(own).expect("it runs");
        assert!(finds(born));
        assert!(!finds(born + 1));
        assert!(!finds(born + 1));
        assert!(finds(born));
    }

    #[test]
    fn a_new_process_with_the_pid_of_a_bystander_is_none() {
        let bystanders = Bystanders {
            inodes: HashMap::from([(42, 7)]),
            since: 0,
        };
        assert!(bystanders.contain(42, 7));
        assert!(!bystanders.contain(42, 8));
    }

    #[test]
    fn a_process_with_another_mark_is_recognized_by_its_folder() {
        let mark = |service: &str| Mark {
            stack: StackId("stack".to_owned()),
            service: ServiceName::new(service),
            run: RunId(1),
        };
        let process = Process {
            pid: 42,
            started: 100,
        };
        let mut marked = Marked::default();
        marked.insert(process, 7, Arc::new(mark("redis")));
        let is_anothers = |pid, inode, service| {
            let wanted = Wanted {
                mark: &mark(service),
                may_be: &|_, _| true,
            };
            marked.is_anothers(pid, inode, Some(&wanted))
        };
        assert!(is_anothers(42, 7, "backend"));
        assert!(!is_anothers(42, 7, "redis"));
        assert!(!is_anothers(42, 8, "backend"));
        assert!(!is_anothers(43, 7, "backend"));
        assert!(!marked.is_anothers(42, 7, None));
    }

    #[test]
    fn a_stranger_is_skipped_if_it_cannot_belong_to_the_wanted_run() {
        let strangers = Strangers(HashMap::from([(42, (7, 40))]));
        let mark = Mark {
            stack: StackId("stack".to_owned()),
            service: ServiceName::new("redis"),
            run: RunId(1),
        };
        let contain = |inode, may_be: &(dyn Fn(u32, u32) -> bool + Sync)| {
            let wanted = Wanted {
                mark: &mark,
                may_be,
            };
            strangers.contain(42, inode, Some(&wanted))
        };
        assert!(contain(7, &|_, _| false));
        assert!(!contain(8, &|_, _| false), "the number was given anew");
        assert!(!contain(7, &|_, group| group == 40), "it is in the group");
        assert!(!contain(7, &|pid, _| pid == 42), "it was a member");
        assert!(!strangers.contain(42, 7, None), "all are looked for");
    }

    #[test]
    fn this_process_is_found_with_its_start() {
        let own = std::process::id();
        let rows = Scanner::new()
            .and_then(|mut scanner| scanner.scan(0))
            .expect("/proc can be read");
        let row = rows
            .iter()
            .find(|row| row.process.pid == own)
            .expect("this process runs");
        assert_eq!(row.process.started, started(own).expect("it runs"));
        assert!(row.process.started <= ticks_now());
    }
}
