//! The events of a home, appended by the daemon as one JSON object per line. A full file becomes
//! the older one of two.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use crate::{
    fs::home::Home,
    model::history::HistoryEvent,
    platform::{
        file::{Armed, Watcher},
        local,
    },
};

/// The size at which a new file begins.
const FULL: u64 = 1 << 20;

/// Returns the file with the latest events and the one with earlier events.
fn files(home: &Home) -> (PathBuf, PathBuf) {
    let of = |name| home.state().join(name);
    (of("events.ndjson"), of("events.1.ndjson"))
}

/// Appends events. Never fails: an event that cannot be written is lost, and one warning is logged.
#[derive(Debug)]
pub struct EventLog {
    current: PathBuf,
    older: PathBuf,
    has_failed: bool,
}

impl EventLog {
    /// Returns the log of a home. Only its daemon may write.
    #[must_use]
    pub fn of(home: &Home) -> Self {
        let (current, older) = files(home);
        Self {
            current,
            older,
            has_failed: false,
        }
    }

    /// Appends these events.
    pub fn append(&mut self, events: &[HistoryEvent]) {
        if events.is_empty() {
            return;
        }
        let appended = self.try_append(events);
        if let Err(error) = &appended
            && !self.has_failed
        {
            tracing::warn!(file = %self.current.display(), %error, "events cannot be recorded");
        }
        self.has_failed = appended.is_err();
    }

    fn try_append(&self, events: &[HistoryEvent]) -> io::Result<()> {
        let mut options = local::private_file();
        options.append(true).read(true).create(true);
        let mut file = options.open(&self.current)?;
        let length = file.metadata()?.len();
        if length >= FULL {
            drop(file);
            fs::rename(&self.current, &self.older)?;
            file = options.open(&self.current)?;
        }
        let mut text = Vec::new();
        // A killed daemon may have left an incomplete line.
        if !ends_with_line(&mut file)? {
            text.push(b'\n');
        }
        for event in events {
            serde_json::to_writer(&mut text, event)?;
            text.push(b'\n');
        }
        file.write_all(&text)
    }
}

fn ends_with_line(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// Reads the events of a home, older ones first.
#[derive(Debug)]
pub struct EventReader {
    current: PathBuf,
    older: PathBuf,
    /// The number of bytes read from the current file; `None` before the first read.
    read: Option<u64>,
}

impl EventReader {
    /// Returns a reader that begins with the oldest event.
    #[must_use]
    pub fn of(home: &Home) -> Self {
        let (current, older) = files(home);
        Self {
            current,
            older,
            read: None,
        }
    }

    /// Returns the file with the latest events.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.current
    }

    /// Waits for unread events and returns them. The folder of the file must exist. Cancel-safe.
    ///
    /// # Errors
    ///
    /// The same as [`Self::read`].
    pub async fn next(&mut self, watcher: &Watcher) -> io::Result<Vec<HistoryEvent>> {
        loop {
            // Set before the read, so that no event is missed.
            let growth = self.current.exists().then(|| watcher.growth(&self.current));
            let arrival = self.current.parent().map(|folder| watcher.arrival(folder));
            let events = self.read()?;
            if !events.is_empty() {
                return Ok(events);
            }
            tokio::select! {
                () = fired(growth) => {}
                () = fired(arrival) => {}
            }
        }
    }

    /// Returns the events since the last call. Skips lines that are damaged or of a later version.
    ///
    /// # Errors
    ///
    /// A file exists but cannot be read.
    pub fn read(&mut self) -> io::Result<Vec<HistoryEvent>> {
        let length = match self.current.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            found => found?.len(),
        };
        let mut events = Vec::new();
        let begin = match self.read {
            Some(read) if read <= length => read,
            // The file that was read has become the older one.
            read => {
                events.extend(parsed(&rest(&self.older, read.unwrap_or(0))?));
                0
            }
        };
        let mut text = rest(&self.current, begin)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n');
        text.truncate(whole.map_or(0, |end| end + 1));
        events.extend(parsed(&text));
        self.read = Some(begin + text.len() as u64);
        Ok(events)
    }
}

async fn fired(armed: Option<Armed>) {
    match armed {
        Some(armed) => armed.fired().await,
        None => std::future::pending().await,
    }
}

fn rest(file: &Path, begin: u64) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    match File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        file => {
            let mut file = file?;
            file.seek(SeekFrom::Start(begin))?;
            file.take(2 * FULL).read_to_end(&mut text)?;
        }
    }
    Ok(text)
}

fn parsed(text: &[u8]) -> impl Iterator<Item = HistoryEvent> {
    let lines = text.split(|byte| *byte == b'\n');
    lines.filter_map(|line| serde_json::from_slice(line).ok())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::history::EventKind;

    fn event(port: u16) -> HistoryEvent {
        HistoryEvent {
            port: crate::stack::Port::new(port),
            ..HistoryEvent::new(Timestamp::UNIX_EPOCH, EventKind::Ready)
        }
    }

    #[test]
    fn events_are_read_once_across_a_full_file_and_a_torn_line() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::under(folder.path()).unwrap();
        home.prepare().unwrap();
        let (mut log, mut reader) = (EventLog::of(&home), EventReader::of(&home));
        assert_eq!(reader.read().unwrap(), []);
        log.append(&[event(1), event(2)]);
        assert_eq!(reader.read().unwrap(), [event(1), event(2)]);

        let mut torn = File::options().append(true).open(reader.file()).unwrap();
        torn.write_all(b"{\"time\":\"19").unwrap();
        log.append(&[event(3)]);
        assert_eq!(reader.read().unwrap(), [event(3)]);

        log.append(&[event(4)]);
        let spaces = vec![b' '; usize::try_from(FULL).unwrap()];
        torn.write_all(&spaces).unwrap();
        log.append(&[event(5)]);
        assert!(reader.file().metadata().unwrap().len() < FULL);
        assert_eq!(reader.read().unwrap(), [event(4), event(5)]);
        let all: Vec<HistoryEvent> = (1..=5).map(event).collect();
        assert_eq!(EventReader::of(&home).read().unwrap(), all);
    }
}
