use std::{collections::HashMap, io, sync::Arc};

use super::info::{Arguments, Info, all, info};
use crate::{
    model::facts::{Mark, Process},
    platform::{Row, Wanted, elsewhere::descendants_in},
};

/// Scans all processes repeatedly with the same buffer.
pub(crate) struct Scanner {
    arguments: Arguments,
    /// The marks read so far. A process keeps its mark, even if a program overwrites its
    /// environment with a title (nginx, postgres, redis), so each mark is read only once.
    marks: HashMap<Process, Arc<Mark>>,
}

impl Scanner {
    /// Creates the buffer.
    #[expect(
        clippy::unnecessary_wraps,
        reason = "the signature is the same on all platforms"
    )]
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            arguments: Arguments::new(),
            marks: HashMap::new(),
        })
    }

    /// Returns the possible members of a run. One call lists all processes.
    pub(crate) fn scan_for(&mut self, since: u64, _wanted: &Wanted<'_>) -> io::Result<Vec<Row>> {
        self.scan(since)
    }

    /// Returns the running processes of this user (of all users for root), ordered by PID, without
    /// zombies. Marks are read from processes that started at `since` or later and whose
    /// environment this user may read.
    pub(crate) fn scan(&mut self, since: u64) -> io::Result<Vec<Row>> {
        let mut earlier = std::mem::take(&mut self.marks);
        let mut rows = Vec::with_capacity(512);
        // Processes that have exited meanwhile are not listed.
        for info in all()?.into_iter().filter_map(|pid| info(pid).ok()) {
            if info.has_ended {
                continue;
            }
            let process = process(info);
            let mark = earlier.remove(&process).or_else(|| {
                (info.started >= since)
                    .then(|| read_mark(&mut self.arguments, info.pid))
                    .flatten()
                    .map(Arc::new)
            });
            if let Some(mark) = &mark {
                self.marks.insert(process, Arc::clone(mark));
            }
            rows.push(Row {
                process,
                parent: info.parent,
                group: info.group,
                mark,
                usage: None,
            });
        }
        rows.sort_unstable_by_key(|row| row.process);
        Ok(rows)
    }
}

fn process(info: Info) -> Process {
    Process {
        pid: info.pid,
        started: info.started,
    }
}

/// Returns the mark of the process with this PID, if its environment is readable.
pub(crate) fn mark_of(pid: u32) -> Option<Mark> {
    read_mark(&mut Arguments::new(), pid)
}

fn read_mark(arguments: &mut Arguments, pid: u32) -> Option<Mark> {
    arguments.environment(pid)?.find_map(|variable| {
        let value = variable
            .strip_prefix(Mark::VARIABLE.as_bytes())?
            .strip_prefix(b"=")?;
        Mark::parse(std::str::from_utf8(value).ok()?)
    })
}

/// Returns the descendants of the process. Empty if the system does not report children.
pub(crate) fn descendants(pid: u32) -> Vec<Process> {
    let (Ok(pids), Ok(first)) = (all(), info(pid)) else {
        return Vec::new();
    };
    let running = pids.into_iter().filter_map(|pid| info(pid).ok());
    let running = running.filter(|info| !info.has_ended);
    let running: Vec<_> = running.map(|info| (process(info), info.parent)).collect();
    descendants_in(&running, process(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found_with_its_start() {
        let own = std::process::id();
        let rows = Scanner::new().unwrap().scan(0).unwrap();
        let row = rows.iter().find(|row| row.process.pid == own).unwrap();
        assert_eq!(row.process.started, super::super::started(own).unwrap());
    }
}
