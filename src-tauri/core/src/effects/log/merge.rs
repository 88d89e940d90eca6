//! The logs of several services as one, in the order of their times.

use std::{cmp::Reverse, collections::BinaryHeap, io, time::SystemTime};

use tokio::{sync::mpsc, task::JoinSet};

use super::{Line, Query, Reader, ServiceLogs, Watcher};
use crate::stack::ServiceName;

/// Lines that wait to be taken while several services are followed. Each is at most 64 KiB.
const WAITING: usize = 64;

/// The lines of several services by time. An iterator over what is there now;
/// [`Merged::follow`] goes on with what comes.
///
/// A line without a known time stays with the line of its service before it. Lines of the same time
/// come in the order in which the services were given.
#[derive(Debug)]
pub struct Merged {
    sources: Vec<Source>,
    /// Each source that has a line, by the time of that line.
    order: BinaryHeap<Reverse<(SystemTime, usize)>>,
    /// Whether a line that has not ended is left for later.
    holds_back: bool,
}

#[derive(Debug)]
struct Source {
    service: ServiceName,
    reader: Reader,
    line: Option<Line>,
    time: SystemTime,
}

impl Merged {
    /// Opens the logs of these services. The query is asked of each; so many lines as its `tail`
    /// says come of each.
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

    /// Goes on with what the services write from now on, after the lines that were not read yet.
    /// What comes at nearly the same time from two services comes in the order in which it is seen.
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

    /// What a person should know about the lines so far; see [`Reader::take_remarks`].
    pub fn take_remarks(&mut self) -> Vec<(ServiceName, String)> {
        let mut remarks = Vec::new();
        for source in &mut self.sources {
            let own = source.reader.take_remarks().into_iter();
            remarks.extend(own.map(|remark| (source.service.clone(), remark)));
        }
        remarks
    }

    fn take(&mut self) -> io::Result<Option<(ServiceName, Line)>> {
        // The first time around no source has a line yet.
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

    /// Takes the next line of a source in.
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

impl Iterator for Merged {
    type Item = io::Result<(ServiceName, Line)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.take().transpose()
    }
}

/// The lines of several services as they come.
#[derive(Debug)]
pub struct MergedFollow {
    /// What was there; `None` when all of it has been read.
    history: Option<Merged>,
    watcher: Watcher,
    lines: Option<mpsc::Receiver<io::Result<(ServiceName, Line)>>>,
    /// A task for each service. They end with this.
    readers: JoinSet<()>,
}

impl MergedFollow {
    /// The next line; waits until there is one. `None` when no service is followed. Cancel-safe.
    pub async fn next(&mut self) -> io::Result<Option<(ServiceName, Line)>> {
        if let Some(history) = &mut self.history {
            tokio::task::consume_budget().await;
            if let Some(line) = history.take()? {
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
