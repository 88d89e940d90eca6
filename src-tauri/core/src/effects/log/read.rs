//! Reads the logs of a service across its runs.

use std::{collections::VecDeque, io, time::SystemTime};

use regex::Regex;

use super::{Line, ServiceLogs, run_reader::RunReader, without_ansi};
use crate::model::facts::RunId;

/// The lines to read. The default is all lines of all runs.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// The runs to read.
    pub runs: Runs,
    /// The maximum number of lines, counted from the end, that match the rest of the query.
    pub tail: Option<usize>,
    /// The earliest time. Lines with unknown times are included unless their run ended before.
    pub since: Option<SystemTime>,
    /// A pattern that lines must match, without terminal sequences.
    pub grep: Option<Regex>,
    /// Whether a line longer than 64 KiB is shortened to its beginning, followed by a line without
    /// text that contains the [number of omitted bytes](Line::left_out). Otherwise the line is
    /// returned in parts.
    pub shortened: bool,
}

impl Query {
    fn matches(&self, line: &Line) -> bool {
        self.grep
            .as_ref()
            .is_none_or(|grep| grep.is_match(&without_ansi(&line.text)))
    }
}

/// The runs to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Runs {
    /// All existing runs. Following continues with the next runs.
    #[default]
    All,
    /// The latest run. Following continues with the next runs.
    Latest,
    /// This run. Following stays with it, and waits for it if it has not begun.
    One(RunId),
}

/// The lines of a service, in order. An iterator over the existing lines; [`Reader::follow`]
/// continues with new ones.
#[derive(Debug)]
pub struct Reader {
    logs: ServiceLogs,
    query: Query,
    /// The next runs and the offset at which to begin in each.
    next: VecDeque<(RunId, u64)>,
    current: Option<RunReader>,
    /// The last run that was read or queued.
    latest: Option<RunId>,
    /// Whether the last line matched; the note about its omitted rest belongs to it.
    matched: bool,
    remarks: Vec<String>,
}

impl Reader {
    /// Finds where to begin. With `tail` alone that depends only on the number of lines to return,
    /// not on the length of the log; with `tail` and `grep` the newest runs are searched until
    /// there are enough.
    pub fn open(logs: &ServiceLogs, query: Query) -> io::Result<Self> {
        let mut runs = logs.runs()?;
        match query.runs {
            Runs::All => {}
            Runs::Latest => drop(runs.drain(..runs.len().saturating_sub(1))),
            Runs::One(one) => runs.retain(|run| *run == one),
        }
        let mut reader = Self {
            logs: logs.clone(),
            query,
            next: VecDeque::new(),
            current: None,
            latest: runs.last().copied(),
            matched: false,
            remarks: Vec::new(),
        };
        let mut wanted = reader.query.tail;
        for run in runs.into_iter().rev() {
            let Some((start, lines)) = reader.start_of(run, wanted)? else {
                continue;
            };
            reader.next.push_front((run, start));
            if let Some(wanted) = &mut wanted {
                *wanted = wanted.saturating_sub(lines);
                if *wanted == 0 {
                    break;
                }
            }
        }
        Ok(reader)
    }

    /// Returns where to begin in a run, and the number of tail lines in it; `None` if its log was
    /// deleted.
    fn start_of(&mut self, run: RunId, tail: Option<usize>) -> io::Result<Option<(u64, usize)>> {
        let Some(mut reader) = self.open_run(run)? else {
            return Ok(None);
        };
        let since = match self.query.since {
            Some(since) => reader.since(since)?,
            None => reader.offset(),
        };
        let Some(tail) = tail else {
            return Ok(Some((since, 0)));
        };
        if self.query.grep.is_none() {
            let (start, lines) = reader.tail(tail)?;
            return Ok(if start >= since {
                Some((start, lines))
            } else {
                // All lines since then, without those of earlier runs.
                Some((since, tail))
            });
        }
        let mut starts = VecDeque::new();
        reader.go_to(since)?;
        loop {
            let offset = reader.offset();
            let line = match reader.next_line()? {
                Some(line) => line,
                None => match reader.take_rest(true, |_| true) {
                    Some(line) => line,
                    None => break,
                },
            };
            if line.left_out == 0 && self.query.matches(&line) {
                if starts.len() == tail {
                    starts.pop_front();
                }
                starts.push_back(offset);
            }
        }
        let start = starts.front().copied().unwrap_or(reader.offset());
        Ok(Some((start, starts.len())))
    }

    fn open_run(&self, run: RunId) -> io::Result<Option<RunReader>> {
        match RunReader::open(self.logs.run(run)) {
            Ok(mut reader) => {
                if self.query.shortened {
                    reader.shorten();
                }
                Ok(Some(reader))
            }
            // Deleted meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns remarks about the lines read since the last call: unknown times, and lines that were
    /// discarded before they were read.
    pub fn take_remarks(&mut self) -> Vec<String> {
        std::mem::take(&mut self.remarks)
    }

    pub(super) fn logs(&self) -> &ServiceLogs {
        &self.logs
    }

    pub(super) fn query(&self) -> &Query {
        &self.query
    }

    /// Returns the current run.
    pub(super) fn current(&mut self) -> Option<&mut RunReader> {
        self.current.as_mut()
    }

    /// Queues new runs. Returns whether there are any.
    pub(super) fn look_for_runs(&mut self) -> io::Result<bool> {
        let latest = self.latest;
        for run in self.logs.runs()? {
            let wanted = match self.query.runs {
                Runs::One(one) => run == one,
                Runs::All | Runs::Latest => true,
            };
            if wanted && latest.is_none_or(|latest| run > latest) {
                self.next.push_back((run, 0));
                self.latest = Some(run);
            }
        }
        Ok(!self.next.is_empty())
    }

    /// Returns the next complete line. Moves to the next run only if there is one.
    pub(super) fn next_whole(&mut self) -> io::Result<Option<Line>> {
        loop {
            if let Some(current) = &mut self.current {
                let mut line = current.next_line()?;
                let missed = current.take_missed();
                if missed > 0 {
                    let run = current.log().run();
                    self.remarks.push(format!(
                        "{missed} bytes of run {run} were discarded before they could be read"
                    ));
                }
                if line.is_none() && !self.next.is_empty() {
                    // More may have been written since the last check.
                    if current.check_growth()? {
                        continue;
                    }
                    line = current.take_rest(true, |_| true);
                }
                if let Some(line) = line {
                    if line.left_out == 0 {
                        self.matched = self.query.matches(&line);
                    }
                    if self.matched {
                        return Ok(Some(line));
                    }
                    continue;
                }
            }
            let Some((run, start)) = self.next.pop_front() else {
                return Ok(None);
            };
            self.begin(run, start)?;
        }
    }

    /// Returns the incomplete last line, if it matches as it is. It may match later, when more has
    /// been written.
    pub(super) fn take_rest(&mut self, no_more: bool) -> Option<Line> {
        let (query, matched) = (&self.query, self.matched);
        self.current.as_mut()?.take_rest(no_more, |line| {
            if line.left_out > 0 {
                matched
            } else {
                query.matches(line)
            }
        })
    }

    fn begin(&mut self, run: RunId, start: u64) -> io::Result<()> {
        let Some(mut reader) = self.open_run(run)? else {
            self.current = None;
            return Ok(());
        };
        if let Some(damage) = reader.damage() {
            self.remarks.push(format!(
                "some times of run {run} are unknown because its index cannot be used: {damage}"
            ));
        }
        // Unless that part was discarded since.
        if start > reader.offset() {
            reader.go_to(start)?;
        }
        self.current = Some(reader);
        Ok(())
    }
}

impl Iterator for Reader {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.next_whole() {
            Ok(None) => self.take_rest(true).map(Ok),
            line => line.transpose(),
        }
    }
}
