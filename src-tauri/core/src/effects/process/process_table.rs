//! Scans all processes. Concurrent callers share one scan.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    host::clock,
    model::facts::{Mark, Process, StackId},
    platform::{Row, Wanted, process as platform},
    stack::ServiceName,
    sync::lock,
};

/// The processes at one moment. Zombies are not included, and processes that are older than
/// anything of interest may be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessScan {
    began: Instant,
    rows: Vec<Row>,
}

impl Default for ProcessScan {
    /// Returns an empty table.
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl ProcessScan {
    /// Returns a table of these rows, at most one for each PID, taken now.
    #[must_use]
    pub fn new(rows: Vec<Row>) -> Self {
        Self::begun_at(clock::now().instant, rows)
    }

    fn begun_at(began: Instant, mut rows: Vec<Row>) -> Self {
        rows.sort_unstable_by_key(|row| row.process);
        Self { began, rows }
    }

    /// When the scan began: a process that ran then and is not listed has exited.
    #[must_use]
    pub fn began(&self) -> Instant {
        self.began
    }

    /// Returns its rows, ordered by PID.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Returns the index of the process with this PID in [`ProcessScan::rows`].
    #[must_use]
    pub fn position(&self, pid: u32) -> Option<usize> {
        self.rows
            .binary_search_by_key(&pid, |row| row.process.pid)
            .ok()
    }

    /// Returns whether exactly this process is running.
    #[must_use]
    pub fn runs(&self, process: Process) -> bool {
        self.position(process.pid)
            .is_some_and(|position| self.rows[position].process == process)
    }

    /// Returns the processes with a mark of this stack.
    pub fn marked_by_stack(&self, stack: &StackId) -> impl Iterator<Item = (Process, &Mark)> {
        self.marked().filter(move |(_, mark)| mark.stack == *stack)
    }

    /// Returns the processes with a mark of this service, of any of its runs.
    pub fn marked_by_service(
        &self,
        stack: &StackId,
        service: &ServiceName,
    ) -> impl Iterator<Item = (Process, &Mark)> {
        self.marked_by_stack(stack)
            .filter(move |(_, mark)| mark.service == *service)
    }

    /// Returns the processes with a mark.
    pub fn marked(&self) -> impl Iterator<Item = (Process, &Mark)> {
        self.rows
            .iter()
            .filter_map(|row| Some((row.process, row.mark.as_deref()?)))
    }
}

/// If the last scan was shorter than this, the next one is not moved to another thread: waking the
/// thread and being woken by it takes about as long, and a crashed service waits for the result.
const BRIEF: Duration = Duration::from_millis(1);

/// Scans the processes of the system. Clones share their work: callers that arrive during a scan
/// get the next one together.
#[derive(Clone)]
pub struct ProcessTable {
    shared: Arc<Shared>,
}

struct Shared {
    /// Only processes that started at this time or later are of interest.
    since: AtomicU64,
    /// The number of scans that have begun.
    begun: AtomicU64,
    latest: tokio::sync::Mutex<Latest>,
    scanner: Arc<Mutex<Option<platform::Scanner>>>,
}

#[derive(Default)]
struct Latest {
    /// The number of the scan, from 1.
    number: u64,
    table: Arc<ProcessScan>,
    /// How long it took; `None` before the first scan, which learns which processes need not be
    /// read again.
    took: Option<Duration>,
}

impl ProcessTable {
    /// Returns a table that finds processes that start from now on.
    #[must_use]
    pub fn from_now() -> Self {
        Self::since(platform::ticks_now())
    }

    /// Returns a table that finds the processes that started at `started` (in the unit of
    /// [`Process::started`]) or later; 0 for all. The later, the less there is to read.
    #[must_use]
    pub fn since(started: u64) -> Self {
        Self {
            shared: Arc::new(Shared {
                since: AtomicU64::new(started),
                begun: AtomicU64::new(0),
                latest: tokio::sync::Mutex::default(),
                scanner: Arc::default(),
            }),
        }
    }

    /// Makes all later scans include the processes that started at `started` or later, for a
    /// service of an earlier daemon.
    pub fn look_back_to(&self, started: u64) {
        self.shared.since.fetch_min(started, Ordering::Relaxed);
    }

    /// Returns the processes at some moment between the call and the return.
    ///
    /// # Errors
    ///
    /// The operating system does not list its processes.
    pub async fn scan(&self) -> io::Result<Arc<ProcessScan>> {
        let shared = &self.shared;
        let asked = shared.begun.load(Ordering::SeqCst);
        // Held during the scan, so that later callers wait here for their turn.
        let mut latest = shared.latest.lock().await;
        if latest.number > asked {
            return Ok(Arc::clone(&latest.table));
        }
        let number = shared.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let since = shared.since.load(Ordering::Relaxed);
        let (table, took) = if latest.is_brief() {
            timed_scan(&shared.scanner, |scanner| scanner.scan(since))?
        } else {
            let scanner = Arc::clone(&shared.scanner);
            tokio::task::spawn_blocking(move || timed_scan(&scanner, |scanner| scanner.scan(since)))
                .await
                .map_err(io::Error::other)??
        };
        let table = Arc::new(table);
        *latest = Latest {
            number,
            table: Arc::clone(&table),
            took: Some(took),
        };
        Ok(table)
    }

    /// Scans for a caller that needs only the processes of one run. Those with another mark may be
    /// left out.
    pub async fn scan_for_mark(&self, mark: &Mark) -> io::Result<Arc<ProcessScan>> {
        self.scan_wanted(&Wanted {
            mark,
            may_be: &|_, _| true,
        })
        .await
    }

    pub(super) async fn scan_wanted(&self, wanted: &Wanted<'_>) -> io::Result<Arc<ProcessScan>> {
        match self.quick_scan(wanted)? {
            Some(table) => Ok(table),
            None => self.scan().await,
        }
    }

    /// Learns which processes need not be read again, so that the first crash does not wait for a full
    /// scan. The first scan finds them; the second one is brief.
    pub async fn warm_up(&self) {
        for _ in 0..2 {
            // Callers that need a table get the error themselves.
            drop(self.scan().await);
        }
    }

    /// Blocks every scan, for tests.
    #[cfg(all(test, unix))]
    pub(super) fn hold(&self) -> std::sync::MutexGuard<'_, Option<platform::Scanner>> {
        lock(&self.shared.scanner)
    }

    /// Scans for a single caller; `None` if other callers scan too and can share the result.
    fn quick_scan(&self, wanted: &Wanted<'_>) -> io::Result<Option<Arc<ProcessScan>>> {
        let latest = self.shared.latest.try_lock();
        let Some(mut alone) = latest.ok().filter(|latest| latest.is_brief()) else {
            return Ok(None);
        };
        let since = self.shared.since.load(Ordering::Relaxed);
        let (table, took) = timed_scan(&self.shared.scanner, |scanner| {
            scanner.scan_for(since, wanted)
        })?;
        if took > BRIEF {
            alone.took = Some(took);
        }
        Ok(Some(Arc::new(table)))
    }
}

impl Latest {
    fn is_brief(&self) -> bool {
        self.took.is_some_and(|took| took <= BRIEF)
    }
}

/// Returns the processes and the duration of the scan.
fn timed_scan(
    scanner: &Mutex<Option<platform::Scanner>>,
    by: impl FnOnce(&mut platform::Scanner) -> io::Result<Vec<Row>>,
) -> io::Result<(ProcessScan, Duration)> {
    let mut scanner = lock(scanner);
    if scanner.is_none() {
        *scanner = Some(platform::Scanner::new()?);
    }
    let Some(scanner) = scanner.as_mut() else {
        return Err(io::ErrorKind::NotFound.into());
    };
    let began = clock::now().instant;
    let rows = by(scanner)?;
    Ok((ProcessScan::begun_at(began, rows), began.elapsed()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    #[expect(
        clippy::await_holding_lock,
        reason = "the scan must last until all callers wait"
    )]
    async fn a_request_during_a_scan_shares_the_next_one() {
        let processes = ProcessTable::from_now();
        let shared = Arc::clone(&processes.shared);
        let begun = || shared.begun.load(Ordering::SeqCst);
        let scanner = Arc::clone(&shared.scanner);
        let held = scanner.lock().unwrap();

        let first = tokio::spawn(ask(processes.clone()));
        let waiting = async {
            while begun() == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), waiting)
            .await
            .expect("the first scan begins");
        let later: Vec<_> = (0..20)
            .map(|_| tokio::spawn(ask(processes.clone())))
            .collect();
        // The tasks of this runtime take turns: each runs up to the point where it waits.
        tokio::task::yield_now().await;
        drop(held);

        let first = first.await.expect("it ends");
        let mut tables = Vec::new();
        for later in later {
            tables.push(later.await.expect("it ends"));
        }
        assert!(tables.iter().all(|table| Arc::ptr_eq(table, &tables[0])));
        assert!(!Arc::ptr_eq(&first, &tables[0]));
        assert_eq!(begun(), 2);
    }

    #[tokio::test]
    async fn a_request_after_a_scan_gets_a_new_one() {
        let processes = ProcessTable::from_now();
        let first = ask(processes.clone()).await;
        let second = ask(processes).await;
        assert!(!Arc::ptr_eq(&first, &second));
    }

    async fn ask(processes: ProcessTable) -> Arc<ProcessScan> {
        processes.scan().await.expect("processes can be listed")
    }
}
