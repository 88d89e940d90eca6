//! Reads errors from a log: the last error, and the addresses that could not be reached.
//!
//! The last part of a run's log is read as lines; everything else is a function of them. A line or a
//! trace becomes an error if it is formatted as one ([`trace`], [`super::level`]) or contains a known
//! message ([`kind`]). A consequence of another error is skipped.

mod kind;
mod own;
mod scan;
mod trace;
mod unreachable;

#[cfg(test)]
mod tests;

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    time::SystemTime,
};

pub use self::own::OwnErrors;
use self::scan::{Text, scan};
use super::{
    RunLog,
    line::{BLOCK, after_newline},
    run_reader::RunReader,
    without_ansi,
};
use crate::{diagnose::evidence::log::LogEvidence, platform::file};

/// The number of lines read from the end of a log.
const LINES: usize = 3000;
/// The number of bytes read from the end of a log.
const BYTES: u64 = 512 * 1024;
/// The maximum number of characters per line in a finding.
const LONGEST: usize = 500;

/// Reads the errors in the log of a run. Secrets are masked. Only the last part of a long log is
/// read; an unreadable log contains none. Blocks for some milliseconds.
#[must_use]
pub fn read_errors(run: &RunLog, own: &OwnErrors, now: SystemTime) -> LogEvidence {
    let lines = match lines(run) {
        Ok(lines) => lines,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return LogEvidence::default(),
        Err(error) => {
            tracing::debug!(log = %run.log().display(), %error, "failed to read a log");
            return LogEvidence::default();
        }
    };
    LogEvidence {
        file: Some(run.log().to_owned()),
        run: Some(run.run()),
        ..scan(&lines, own, now)
    }
}

/// Reads the errors in an excerpt of a log.
#[must_use]
pub fn read_excerpt(text: &str, own: &OwnErrors, now: SystemTime) -> LogEvidence {
    let lines = (1..).zip(text.lines()).map(|(number, line)| Text {
        number,
        time: None,
        line: without_ansi(line).trim_end().to_owned(),
    });
    scan(&lines.collect::<Vec<_>>(), own, now)
}

fn lines(run: &RunLog) -> io::Result<Vec<Text>> {
    let mut reader = RunReader::open(run.clone())?;
    let begins = reader.offset();
    let (mut start, _) = reader.tail(LINES)?;
    let mut log = File::open(run.log())?;
    let size = log.metadata()?.len();
    if size > BYTES {
        let from = size - BYTES;
        let line = after_newline(&mut log, from, from + BLOCK as u64)?;
        start = start.max(line.unwrap_or(from));
    }
    let mut number = newlines(&mut log, begins, start)? + 1;
    reader.go_to(start)?;
    let mut texts: Vec<Text> = Vec::new();
    loop {
        let line = match reader.next_line()? {
            Some(line) => Some(line),
            None => reader.take_rest(true, |_| true),
        };
        let Some(line) = line else { break };
        // Continuations of a long line are ignored.
        if !line.continues {
            // Punched holes read as zeros.
            let plain = without_ansi(&line.text).replace('\0', "");
            texts.push(Text {
                number,
                time: line.time,
                line: plain.trim_end().to_owned(),
            });
        }
        number += u64::from(line.complete);
    }
    Ok(texts)
}

/// Counts the lines that end between two offsets. Punched holes have none and are not read.
fn newlines(log: &mut File, from: u64, to: u64) -> io::Result<u64> {
    let from = from.max(file::first_kept(log)?);
    log.seek(SeekFrom::Start(from))?;
    let mut rest = log.take(to.saturating_sub(from));
    let mut block = vec![0; 256 * 1024];
    let mut count = 0;
    loop {
        let read = rest.read(&mut block)?;
        if read == 0 {
            return Ok(count);
        }
        count += memchr::memchr_iter(b'\n', &block[..read]).count() as u64;
    }
}
