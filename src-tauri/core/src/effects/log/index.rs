//! The index of a log: when its lines were written, and where the log begins.
//!
//! A header of 16 bytes (`PLLOGIDX`, the version as `u32`, four zeros), then records of 16 bytes:
//! an offset in the log, and a word whose highest byte is the kind and whose rest is a time in
//! milliseconds since 1970. All numbers are little-endian. Records are appended; reading stops at
//! an incomplete or unknown one.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
    time::{Duration, SystemTime},
};

use crate::{fs::replace::replace, platform::file};

const MAGIC: &[u8; 8] = b"PLLOGIDX";
const VERSION: u32 = 1;
const HEADER: usize = 16;
const RECORD: usize = 16;

/// A larger index is thinned to half of that: 1 MiB.
const MAX_RECORDS: usize = 65_536;

/// A record of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Record {
    /// The time of the lines since the previous entry.
    Time(Entry),
    /// The log begins at this offset: earlier data was discarded.
    Begins(u64),
}

/// Lines between the previous entry and `offset` were written at this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    offset: u64,
    /// Milliseconds since 1970; `None` if unknown.
    millis: Option<u64>,
}

const WRITTEN: u8 = 1;
const UNKNOWN: u8 = 2;
const BEGINS: u8 = 3;

impl Record {
    fn parse(bytes: &[u8; RECORD]) -> Option<Self> {
        let (offset, word) = bytes.split_at(8);
        let offset = u64::from_le_bytes(offset.try_into().ok()?);
        let word = u64::from_le_bytes(word.try_into().ok()?);
        let time = |millis| Some(Self::Time(Entry { offset, millis }));
        match (word >> 56) as u8 {
            WRITTEN => time(Some(word & (u64::MAX >> 8))),
            UNKNOWN => time(None),
            BEGINS => Some(Self::Begins(offset)),
            _ => None,
        }
    }

    fn to_bytes(self) -> [u8; RECORD] {
        let (kind, offset, millis) = match self {
            Self::Time(Entry { offset, millis }) => match millis {
                Some(millis) => (WRITTEN, offset, millis),
                None => (UNKNOWN, offset, 0),
            },
            Self::Begins(offset) => (BEGINS, offset, 0),
        };
        let word = u64::from(kind) << 56 | (millis & (u64::MAX >> 8));
        let mut bytes = [0; RECORD];
        bytes[..8].copy_from_slice(&offset.to_le_bytes());
        bytes[8..].copy_from_slice(&word.to_le_bytes());
        bytes
    }
}

/// Why an index cannot be used, completely or in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Damage {
    #[error("it is missing")]
    Missing,
    #[error("it is not an index of this version")]
    Foreign,
    #[error("a part of it is garbage")]
    Garbage,
}

/// An index in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    begins: u64,
    /// Sorted by offset.
    entries: Vec<Entry>,
    /// The number of valid records in the file.
    records: usize,
}

impl Index {
    /// Reads the valid part of an index.
    pub(super) fn load(path: &Path) -> io::Result<(Self, Option<Damage>)> {
        let mut bytes = Vec::new();
        match File::open(path) {
            // A valid index is smaller than this.
            Ok(file) => file
                .take((HEADER + 4 * MAX_RECORDS * RECORD) as u64)
                .read_to_end(&mut bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok((Self::default(), Some(Damage::Missing)));
            }
            Err(error) => return Err(error),
        };
        let Some(records) = bytes.strip_prefix(&header()) else {
            return Ok((Self::default(), Some(Damage::Foreign)));
        };
        let mut index = Self::default();
        // A record that is being written is incomplete.
        for bytes in records.as_chunks().0 {
            let believed = Record::parse(bytes).is_some_and(|record| index.push(record));
            if !believed {
                return Ok((index, Some(Damage::Garbage)));
            }
        }
        Ok((index, None))
    }

    /// Adds a record, unless it contradicts earlier ones.
    fn push(&mut self, record: Record) -> bool {
        let last = self.noted();
        match record {
            Record::Begins(offset) if (self.begins..=last).contains(&offset) => {
                self.begins = offset;
            }
            Record::Time(entry) if entry.offset >= last => self.entries.push(entry),
            Record::Begins(_) | Record::Time(_) => return false,
        }
        self.records += 1;
        true
    }

    /// Returns the offset at which the log begins, after discarded data.
    pub(super) fn begins(&self) -> u64 {
        self.begins
    }

    /// Returns the offset up to which the log is indexed.
    pub(super) fn noted(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.offset)
    }

    /// Returns when the line that ends before `end` was written.
    pub(super) fn time_of(&self, end: u64) -> Option<SystemTime> {
        let entry = self.entries.partition_point(|entry| entry.offset < end);
        self.entries.get(entry)?.millis.map(from_millis)
    }

    /// Returns the offset after which lines may have been written at `time` or later; `None` if all
    /// are older.
    pub(super) fn since(&self, time: SystemTime) -> Option<u64> {
        let millis = to_millis(time);
        // A linear search, since a clock that was set back leaves them unsorted.
        let first = self
            .entries
            .iter()
            .position(|entry| entry.millis.is_none_or(|then| then >= millis))?;
        let before = first.checked_sub(1);
        Some(before.map_or(0, |before| self.entries[before].offset))
    }

    /// Adds an observation of a reader, and removes entries before `read`.
    pub(super) fn observe(&mut self, size: u64, time: SystemTime, read: u64) {
        if size > self.noted() {
            self.entries.push(Entry {
                offset: size,
                millis: Some(to_millis(time)),
            });
            let past = self.entries.partition_point(|entry| entry.offset < read);
            // Only occasionally, so that it costs nothing on average.
            if past > 1_024 {
                self.entries.drain(..past);
            }
        }
    }

    /// Removes entries of discarded data, and the earlier of entries close in time, until at most
    /// `most` are left. A line's time may become later by that distance, never earlier.
    fn thin(&mut self, most: usize) {
        let gone = self
            .entries
            .partition_point(|entry| entry.offset <= self.begins);
        self.entries
            .drain(..gone.min(self.entries.len().saturating_sub(1)));
        let mut step = 100;
        while self.entries.len() > most {
            let mut kept: Option<Entry> = None;
            self.entries.reverse();
            self.entries.retain(|entry| {
                let close = kept.is_some_and(|later| match (later.millis, entry.millis) {
                    (Some(later), Some(earlier)) => later.saturating_sub(earlier) < step,
                    (None, None) => true,
                    _ => false,
                });
                if !close {
                    kept = Some(*entry);
                }
                !close
            });
            self.entries.reverse();
            // This helps only if known and unknown times do not alternate.
            let Some(next) = step.checked_mul(2) else {
                self.entries.drain(..self.entries.len() - most);
                return;
            };
            step = next;
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let records = self.entries.iter().copied().map(Record::Time);
        let begins = Record::Begins(self.begins);
        let mut bytes = header().to_vec();
        for record in records.chain((self.begins > 0).then_some(begins)) {
            bytes.extend(record.to_bytes());
        }
        bytes
    }
}

/// Writes an index.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct IndexWriter {
    records: usize,
    noted: u64,
    begins: u64,
}

impl IndexWriter {
    /// Creates the index of a new log.
    pub(super) fn create(path: &Path) -> io::Result<()> {
        file::open_private(path)?.write_all(&header())
    }

    /// Continues the index of a log of `size` bytes. An unusable one is renamed to `aside`, and the
    /// times of the existing lines are unknown.
    pub(super) fn resume(
        path: &Path,
        aside: &Path,
        size: u64,
    ) -> io::Result<(Self, Option<Damage>)> {
        let (mut index, mut damage) = Index::load(path)?;
        if index.noted() > size {
            // Another process has truncated the log.
            damage = Some(Damage::Garbage);
            index = Index::default();
        }
        if damage.is_none() {
            return Ok((Self::at(&index), None));
        }
        if damage != Some(Damage::Missing) {
            fs::rename(path, aside)?;
        }
        if size > index.noted() {
            let (offset, millis) = (size, None);
            index.push(Record::Time(Entry { offset, millis }));
        }
        Ok((Self::rewrite(path, &index)?, damage))
    }

    fn at(index: &Index) -> Self {
        Self {
            records: index.records,
            noted: index.noted(),
            begins: index.begins(),
        }
    }

    /// Returns the offset up to which the log is indexed.
    pub(super) fn noted(&self) -> u64 {
        self.noted
    }

    /// Returns the offset at which the log begins.
    pub(super) fn begins(&self) -> u64 {
        self.begins
    }

    /// Records that everything before `size` was written by `time`.
    pub(super) fn note(&mut self, path: &Path, size: u64, time: SystemTime) -> io::Result<()> {
        let (offset, millis) = (size, Some(to_millis(time)));
        self.append(path, Record::Time(Entry { offset, millis }))?;
        self.noted = size;
        Ok(())
    }

    /// Records that the log now begins at `offset`.
    pub(super) fn begin_at(&mut self, path: &Path, offset: u64) -> io::Result<()> {
        self.append(path, Record::Begins(offset))?;
        self.begins = offset;
        Ok(())
    }

    /// Opens the file each time, so that a thousand idle services use no file descriptors. Writes
    /// at the position of the record and not at the end of the file, which may have a partial
    /// record after a full disk.
    fn append(&mut self, path: &Path, record: Record) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        let end = (HEADER + self.records * RECORD) as u64;
        file.seek(SeekFrom::Start(end))?;
        file.write_all(&record.to_bytes())?;
        self.records += 1;
        Ok(())
    }

    /// Returns whether the index is too large.
    pub(super) fn is_full(&self) -> bool {
        self.records >= MAX_RECORDS
    }

    /// Shrinks a large index, at the cost of precision in its busiest times.
    pub(super) fn thin(path: &Path) -> io::Result<Self> {
        let (mut index, _) = Index::load(path)?;
        index.thin(MAX_RECORDS / 2);
        Self::rewrite(path, &index)
    }

    /// Replaces the index atomically.
    fn rewrite(path: &Path, index: &Index) -> io::Result<Self> {
        replace(path, &index.to_bytes())?;
        Ok(Self {
            records: index.entries.len() + usize::from(index.begins > 0),
            ..Self::at(index)
        })
    }
}

fn header() -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header
}

fn to_millis(time: SystemTime) -> u64 {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn from_millis(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
}
