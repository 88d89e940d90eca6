use std::{
    collections::{BTreeSet, HashMap},
    io,
    sync::Arc,
};

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

use super::{
    job, names, table,
    table::{Entry, started},
    ticks_now,
};
use crate::{
    model::facts::{Mark, Process},
    platform::{Row, Wanted, elsewhere::descendants_in},
};

/// The age at which the environment of a process is complete, in 100 ns: a second.
const SETTLED: u64 = 10_000_000;

/// Scans all processes repeatedly.
pub(crate) struct Scanner {
    /// The marks of processes that cannot change any more.
    marks: HashMap<Process, Option<Arc<Mark>>>,
}

impl Scanner {
    /// Creates the scanner.
    #[expect(
        clippy::unnecessary_wraps,
        reason = "the signature is the same on all platforms"
    )]
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            marks: HashMap::new(),
        })
    }

    /// Returns the possible members of a run. One snapshot lists all processes.
    pub(crate) fn scan_for(&mut self, since: u64, _wanted: &Wanted<'_>) -> io::Result<Vec<Row>> {
        self.scan(since)
    }

    /// Returns the running processes, ordered by PID, without those of the kernel and console
    /// hosts. Marks are read from processes that started at `since` or later and whose environment
    /// this user may read; processes in a job of this process have its mark.
    ///
    /// The group of a process is the first process of its job, of the jobs that this process holds.
    pub(crate) fn scan(&mut self, since: u64) -> io::Result<Vec<Row>> {
        let mut earlier = std::mem::take(&mut self.marks);
        let mut rows: Vec<Row> = table::all()?
            .into_iter()
            .filter(|entry| !entry.is_console_host)
            .map(|entry| Row {
                process: Process {
                    pid: entry.pid,
                    started: entry.started,
                },
                parent: entry.parent,
                group: 0,
                mark: None,
                usage: None,
            })
            .collect();
        rows.sort_unstable_by_key(|row| row.process);

        for job in job::known() {
            let members: BTreeSet<u32> = job.members()?.into_iter().collect();
            for row in &mut rows {
                if members.contains(&row.process.pid) {
                    row.group = job.first().pid;
                    row.mark = row.mark.take().or_else(|| job.mark().cloned());
                }
            }
        }

        let mut unread = Vec::new();
        for row in &mut rows {
            if row.mark.is_none() {
                match earlier.remove(&row.process) {
                    Some(mark) => {
                        row.mark.clone_from(&mark);
                        self.marks.insert(row.process, mark);
                    }
                    None if row.process.started >= since => unread.push(row.process.pid),
                    None => {}
                }
            }
        }
        if !unread.is_empty() {
            let environments = Environments::read(&unread)?;
            for row in &mut rows {
                if unread.binary_search(&row.process.pid).is_ok() {
                    self.note(row, environments.mark(row.process.pid));
                }
            }
        }
        Ok(rows)
    }

    /// Stores the data if it is permanent and belongs to the process of the row.
    fn note(&mut self, row: &mut Row, read: Read) {
        let process = row.process;
        let is_settled = process.started + SETTLED <= ticks_now();
        match read {
            Read::Mark(mark) if started(process.pid).ok() == Some(process.started) => {
                row.mark = Some(Arc::new(mark));
                self.marks.insert(process, row.mark.clone());
            }
            Read::Nothing | Read::Unreadable if is_settled => {
                drop(self.marks.insert(process, None));
            }
            _ => {}
        }
    }
}

/// The result of reading an environment.
enum Read {
    Mark(Mark),
    Nothing,
    /// It is not readable, or not complete yet.
    Unreadable,
}

/// The environments of some processes, if this user may read them.
struct Environments(System);

impl Environments {
    fn read(pids: &[u32]) -> io::Result<Self> {
        let pids: Vec<Pid> = pids.iter().copied().map(Pid::from_u32).collect();
        let mut system = System::new().map_err(|error| io::Error::other(error.to_string()))?;
        system.refresh_processes_specifics(
            ProcessesToUpdate::Some(&pids),
            false,
            ProcessRefreshKind::nothing().with_environ(UpdateKind::Always),
        );
        Ok(Self(system))
    }

    fn mark(&self, pid: u32) -> Read {
        let process = self.0.process(Pid::from_u32(pid));
        let environment = process.map_or(&[][..], sysinfo::Process::environ);
        let mark = environment.iter().find_map(|entry| {
            let (name, value) = entry.to_str()?.split_once('=')?;
            names(name.as_ref(), Mark::VARIABLE).then(|| Mark::parse(value))?
        });
        match mark {
            Some(mark) => Read::Mark(mark),
            None if environment.is_empty() => Read::Unreadable,
            None => Read::Nothing,
        }
    }
}

/// Returns the mark of the process with this PID, if its environment is readable.
pub(crate) fn mark_of(pid: u32) -> Option<Mark> {
    match Environments::read(&[pid]).ok()?.mark(pid) {
        Read::Mark(mark) => Some(mark),
        Read::Nothing | Read::Unreadable => None,
    }
}

/// Returns the descendants of the process. Empty if the system does not report children.
pub(crate) fn descendants(pid: u32) -> Vec<Process> {
    let (Ok(all), Ok(started)) = (table::all(), started(pid)) else {
        return Vec::new();
    };
    let running = all.into_iter().filter(|entry| !entry.is_console_host);
    let running: Vec<_> = running
        .map(|entry| {
            let Entry { pid, started, .. } = entry;
            (Process { pid, started }, entry.parent)
        })
        .collect();
    descendants_in(&running, Process { pid, started })
}
