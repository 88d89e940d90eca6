//! The times that a container engine writes before the lines of a container. They are not shown:
//! they are used as the times of the lines, and to continue a log where it ended.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom},
    time::SystemTime,
};

use jiff::{SignedDuration, Timestamp};

use super::RunLog;

/// The number of bytes at the end of a log that are searched for the last time.
const SEARCHED: u64 = 1 << 20;
/// The longest time: `2026-11-30T00:35:39.077651778+01:00`.
const LONGEST: usize = 35;

/// Splits a line into its time and the rest.
pub(super) fn split(line: &[u8]) -> Option<(SystemTime, &[u8])> {
    let (time, text) = timestamp(line)?;
    Some((time.into(), text))
}

fn timestamp(line: &[u8]) -> Option<(Timestamp, &[u8])> {
    if !line.first()?.is_ascii_digit() {
        return None;
    }
    let head = &line[..line.len().min(LONGEST + 1)];
    // An empty line has no space.
    let end = memchr::memchr(b' ', head).unwrap_or(head.len());
    let time = std::str::from_utf8(&head[..end]).ok()?.parse().ok()?;
    Some((time, line.get(end + 1..).unwrap_or_default()))
}

/// Returns the time at which the log of a container continues, just after that of its last complete
/// line, and removes an incomplete line at its end. No process may be writing the log.
///
/// # Errors
///
/// The log cannot be read or written.
pub fn continue_from(run: &RunLog) -> io::Result<Option<String>> {
    let mut log = OpenOptions::new().read(true).write(true).open(run.log())?;
    let size = log.metadata()?.len();
    let start = size.saturating_sub(SEARCHED);
    let text = read_from(&mut log, start)?;
    let complete = memchr::memrchr(b'\n', &text).map_or(0, |end| end + 1);
    if complete < text.len() && (complete > 0 || start == 0) {
        log.set_len(start + complete as u64)?;
    }
    let lines = text[..complete].rsplit(|byte| *byte == b'\n');
    let last = lines.filter_map(timestamp).map(|(time, _)| time).next();
    Ok(last.map(|time| (time + SignedDuration::from_nanos(1)).to_string()))
}

fn read_from(log: &mut File, start: u64) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    log.seek(SeekFrom::Start(start))?;
    log.read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{effects::log::ServiceLogs, model::facts::RunId};

    #[test]
    fn a_log_continues_after_its_last_complete_line() {
        let folder = tempfile::tempdir().unwrap();
        let logs = ServiceLogs::open(folder.path().to_owned());
        drop(logs.create(RunId(1)).unwrap());
        let run = logs.run(RunId(1));
        assert_eq!(continue_from(&run).unwrap(), None);
        let whole = "2026-11-30T00:35:39.077651778Z one\n2026-11-30T00:35:39.999999999Z two\nerror from daemon\n";
        fs::write(run.log(), format!("{whole}2026-11-30T00:35:41.0")).unwrap();
        let from = continue_from(&run).unwrap();
        assert_eq!(from.as_deref(), Some("2026-11-30T00:35:40Z"));
        assert_eq!(fs::read_to_string(run.log()).unwrap(), whole);
    }

    #[test]
    fn only_a_time_is_split_off() {
        let rest = |line: &str| split(line.as_bytes()).map(|(_, rest)| rest.to_vec());
        assert_eq!(
            rest("2026-11-30T00:35:39.077651778Z one two"),
            Some(b"one two".to_vec())
        );
        assert_eq!(
            rest("2026-11-30T00:35:39.077651778+01:00 x"),
            Some(b"x".to_vec())
        );
        assert_eq!(rest("2026-11-30T00:35:39.077651778Z"), Some(Vec::new()));
        assert_eq!(rest("2026 was a year"), None);
        assert_eq!(rest(""), None);
    }
}
