//! Reads the logs of a service across its runs.

use std::{collections::VecDeque, io, time::SystemTime};

use regex::Regex;

use super::{Line, ServiceLogs, run_reader::RunReader, without_ansi};
use crate::model::facts::RunId;

/// Which lines to read. The default is all of all runs.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Of which runs.
    pub runs: Runs,
    /// At most so many, the last ones, of those that the rest of the query asks for.
    pub tail: Option<usize>,
    /// Written then or later. Lines whose time nobody knows are in unless their run ended before.
    pub since: Option<SystemTime>,
    /// That match, without their terminal sequences.
    pub grep: Option<Regex>,
    /// Whether a line longer than 64 KiB gives only its beginning, followed by a line without text that
    /// says [how much more](Line::left_out) there is. Otherwise the line is given in parts.
    pub shortened: bool,
}

impl Query {
    fn matches(&self, line: &Line) -> bool {
        self.grep
            .as_ref()
            .is_none_or(|grep| grep.is_match(&without_ansi(&line.text)))
    }
}

/// Of which runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Runs {
    /// All that are kept. Following goes on with the next runs.
    #[default]
    All,
    /// The one that began last. Following goes on with the next runs.
    Latest,
    /// This one. Following stays with it, and waits for it where it has not begun.
    One(RunId),
}

/// The lines of a service, in order. An iterator over what is there now; [`Reader::follow`] goes on
/// with what comes.
#[derive(Debug)]
pub struct Reader {
    logs: ServiceLogs,
    query: Query,
    /// What is read next, where in each to begin.
    next: VecDeque<(RunId, u64)>,
    current: Option<RunReader>,
    /// The last run that was read, or is to be.
    latest: Option<RunId>,
    /// Whether the last line matched; the note about its rest belongs to it.
    matched: bool,
    remarks: Vec<String>,
}

impl Reader {
    /// Finds where to begin. With `tail` alone that takes as long as there are lines to give,
    /// however long the log; with `tail` and `grep` the newest runs are searched until there are
    /// enough.
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

    /// Where to begin in a run, and how many lines of a tail that gives; `None` if its log is gone.
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
                // All since then, and none of an earlier run.
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
            // Deleted by now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What a person should know about the lines read since the last call: times that are lost,
    /// lines that were let go before they could be read.
    pub fn take_remarks(&mut self) -> Vec<String> {
        std::mem::take(&mut self.remarks)
    }

    pub(super) fn logs(&self) -> &ServiceLogs {
        &self.logs
    }

    pub(super) fn query(&self) -> &Query {
        &self.query
    }

    /// The run that is being read.
    pub(super) fn current(&mut self) -> Option<&mut RunReader> {
        self.current.as_mut()
    }

    /// Takes runs in that began since. Whether there are any.
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

    /// The next line whose end is there, going on to the next run only when there is one.
    pub(super) fn next_whole(&mut self) -> io::Result<Option<Line>> {
        loop {
            if let Some(current) = &mut self.current {
                let mut line = current.next_line()?;
                let missed = current.take_missed();
                if missed > 0 {
                    let run = current.log().run();
                    self.remarks.push(format!(
                        "{missed} bytes of run {run} were let go before they could be read"
                    ));
                }
                if line.is_none() && !self.next.is_empty() {
                    // Between the last look and the next run, more may have come.
                    if current.look()? {
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

    /// What there is of the last line, whose end has not come, if it matches as it is. One that does
    /// not may do so when more has come.
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
                "not all times of run {run} are known: its index cannot be used, {damage}"
            ));
        }
        // Unless that part was let go since.
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
