//! Merges the logs of several services by time.

use std::{cmp::Reverse, collections::BinaryHeap, io, time::SystemTime};

use tokio::{sync::mpsc, task::JoinSet};

use super::{Line, Query, Reader, ServiceLogs, Watcher};
use crate::stack::ServiceName;

/// The number of buffered lines while several services are followed. Each is at most 64 KiB.
const WAITING: usize = 64;

/// The lines of several services by time. An iterator over the existing lines;
/// [`MergedLogs::follow`] continues with new ones.
///
/// A line without a known time stays with the previous line of its service. Lines of the same time
/// keep the order in which the services were given.
#[derive(Debug)]
pub struct MergedLogs {
    sources: Vec<Source>,
    /// Each source that has a line, by the time of that line.
    order: BinaryHeap<Reverse<(SystemTime, usize)>>,
    /// Whether incomplete lines are left for later.
    holds_back: bool,
}

#[derive(Debug)]
struct Source {
    service: ServiceName,
    reader: Reader,
    line: Option<Line>,
    time: SystemTime,
}

impl MergedLogs {
    /// Opens the logs of these services. The query applies to each of them, including its `tail`.
    pub fn open(
        logs: impl IntoIterator<Item = (ServiceName, ServiceLogs)>,
        query: &Query,
    ) -> io::Result<Self> {
        let mut merged = Self {
            sources: Vec::new(),
            order: BinaryHeap::new(),
            holds_back: false,
        };
        for (service, logs) in logs {
            merged.sources.push(Source {
                service,
                reader: Reader::open(&logs, query.clone())?,
                line: None,
                time: SystemTime::UNIX_EPOCH,
            });
        }
        Ok(merged)
    }

    /// Follows the output of the services, after the unread lines. Nearly simultaneous lines of two
    /// services keep the order in which they are seen.
    #[must_use]
    pub fn follow(mut self, watcher: &Watcher) -> MergedFollow {
        self.holds_back = true;
        MergedFollow {
            history: Some(self),
            watcher: watcher.clone(),
            lines: None,
            readers: JoinSet::new(),
        }
    }

    /// Returns the remarks about the lines so far; see [`Reader::take_remarks`].
    pub fn take_remarks(&mut self) -> Vec<(ServiceName, String)> {
        let mut remarks = Vec::new();
        for source in &mut self.sources {
            let own = source.reader.take_remarks().into_iter();
            remarks.extend(own.map(|remark| (source.service.clone(), remark)));
        }
        remarks
    }

    fn next_line(&mut self) -> io::Result<Option<(ServiceName, Line)>> {
        // At first no source has a line.
        if self.order.is_empty() {
            for source in 0..self.sources.len() {
                self.advance(source)?;
            }
        }
        let Some(Reverse((_, earliest))) = self.order.pop() else {
            return Ok(None);
        };
        let line = self.sources[earliest].line.take();
        self.advance(earliest)?;
        Ok(line.map(|line| (self.sources[earliest].service.clone(), line)))
    }

    /// Reads the next line of a source.
    fn advance(&mut self, number: usize) -> io::Result<()> {
        let source = &mut self.sources[number];
        source.line = match source.reader.next_whole()? {
            None if !self.holds_back => source.reader.take_rest(true),
            line => line,
        };
        if let Some(line) = &source.line {
            source.time = line.time.unwrap_or(source.time);
            self.order.push(Reverse((source.time, number)));
        }
        Ok(())
    }
}

impl Iterator for MergedLogs {
    type Item = io::Result<(ServiceName, Line)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_line().transpose()
    }
}

/// The new lines of several services.
#[derive(Debug)]
pub struct MergedFollow {
    /// The existing lines; `None` once all were read.
    history: Option<MergedLogs>,
    watcher: Watcher,
    lines: Option<mpsc::Receiver<io::Result<(ServiceName, Line)>>>,
    /// A task for each service. They end with this value.
    readers: JoinSet<()>,
}

impl MergedFollow {
    /// Waits for the next line; `None` if no service is followed. Cancel-safe.
    pub async fn next(&mut self) -> io::Result<Option<(ServiceName, Line)>> {
        if let Some(history) = &mut self.history {
            tokio::task::consume_budget().await;
            if let Some(line) = history.next_line()? {
                return Ok(Some(line));
            }
            self.lines = Some(self.follow_all()?);
        }
        match &mut self.lines {
            Some(lines) => lines.recv().await.transpose(),
            None => Ok(None),
        }
    }

    fn follow_all(&mut self) -> io::Result<mpsc::Receiver<io::Result<(ServiceName, Line)>>> {
        let (sender, lines) = mpsc::channel(WAITING);
        let history = self.history.take();
        for source in history.into_iter().flat_map(|history| history.sources) {
            let mut follow = source.reader.follow(&self.watcher)?;
            let sender = sender.clone();
            self.readers.spawn(async move {
                loop {
                    let line = follow.next().await;
                    let failed = line.is_err();
                    let line = line.map(|line| (source.service.clone(), line));
                    if sender.send(line).await.is_err() || failed {
                        return;
                    }
                }
            });
        }
        Ok(lines)
    }
}
