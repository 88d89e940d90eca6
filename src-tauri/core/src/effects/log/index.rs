//! The index beside a log: when its lines were written, and where it now begins.
//!
//! A header of 16 bytes (`PLLOGIDX`, the version as `u32`, four zeros), then records of 16 bytes:
//! an offset in the log, and a word whose highest byte is the kind and whose rest is a time in
//! milliseconds since 1970. All numbers are little-endian. Records are appended; a torn or unknown
//! one ends what is believed.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
    time::{Duration, SystemTime},
};

use crate::platform::file;

const MAGIC: &[u8; 8] = b"PLLOGIDX";
const VERSION: u32 = 1;
const HEADER: usize = 16;
const RECORD: usize = 16;

/// A larger index is thinned to half of that: 1 MiB.
const MAX_RECORDS: usize = 65_536;

/// What one record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Record {
    /// All before `offset` had been written by then; what lies before the record before this one
    /// had been written earlier.
    Written { offset: u64, millis: u64 },
    /// Nobody knows when what lies before `offset` was written.
    Unknown { offset: u64 },
    /// The log begins here: what lies before has been let go.
    Begins { offset: u64 },
}

const WRITTEN: u8 = 1;
const UNKNOWN: u8 = 2;
const BEGINS: u8 = 3;

impl Record {
    fn parse(bytes: &[u8; RECORD]) -> Option<Self> {
        let (offset, word) = bytes.split_at(8);
        let offset = u64::from_le_bytes(offset.try_into().ok()?);
        let word = u64::from_le_bytes(word.try_into().ok()?);
        let millis = word & (u64::MAX >> 8);
        match (word >> 56) as u8 {
            WRITTEN => Some(Self::Written { offset, millis }),
            UNKNOWN => Some(Self::Unknown { offset }),
            BEGINS => Some(Self::Begins { offset }),
            _ => None,
        }
    }

    fn to_bytes(self) -> [u8; RECORD] {
        let (kind, offset, millis) = match self {
            Self::Written { offset, millis } => (WRITTEN, offset, millis),
            Self::Unknown { offset } => (UNKNOWN, offset, 0),
            Self::Begins { offset } => (BEGINS, offset, 0),
        };
        let word = u64::from(kind) << 56 | (millis & (u64::MAX >> 8));
        let mut bytes = [0; RECORD];
        bytes[..8].copy_from_slice(&offset.to_le_bytes());
        bytes[8..].copy_from_slice(&word.to_le_bytes());
        bytes
    }
}

/// Up to `offset`, and not before the entry before, lines were written at `time`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    offset: u64,
    /// Milliseconds since 1970; `None` if nobody knows.
    millis: Option<u64>,
}

/// Why an index could not be believed, wholly or in part.
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
    /// By growing offset.
    entries: Vec<Entry>,
    /// Records in the file that are believed.
    records: usize,
}

impl Index {
    /// Reads what can be believed of an index. A damaged one is read up to the damage.
    pub(super) fn load(path: &Path) -> io::Result<(Self, Option<Damage>)> {
        let mut bytes = Vec::new();
        match File::open(path) {
            // An index is kept below this; more could only be something else.
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
        // A record that is being written just now is not there yet.
        for bytes in records.as_chunks().0 {
            let believed = Record::parse(bytes).is_some_and(|record| index.push(record));
            if !believed {
                return Ok((index, Some(Damage::Garbage)));
            }
        }
        Ok((index, None))
    }

    /// Takes a record in, unless it contradicts those before it.
    fn push(&mut self, record: Record) -> bool {
        let last = self.noted();
        let (offset, millis) = match record {
            Record::Begins { offset } if offset >= self.begins && offset <= last => {
                self.begins = offset;
                self.records += 1;
                return true;
            }
            Record::Begins { .. } => return false,
            Record::Written { offset, millis } => (offset, Some(millis)),
            Record::Unknown { offset } => (offset, None),
        };
        if offset < last {
            return false;
        }
        self.entries.push(Entry { offset, millis });
        self.records += 1;
        true
    }

    /// Where the log begins: after what was let go.
    pub(super) fn begins(&self) -> u64 {
        self.begins
    }

    /// How far into the log it reaches.
    pub(super) fn noted(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.offset)
    }

    /// When the line that ends before `end` was written.
    pub(super) fn time_of(&self, end: u64) -> Option<SystemTime> {
        let entry = self.entries.partition_point(|entry| entry.offset < end);
        self.entries.get(entry)?.millis.map(from_millis)
    }

    /// From which offset on lines may have been written at `time` or later; `None` if all are older.
    pub(super) fn since(&self, time: SystemTime) -> Option<u64> {
        let millis = to_millis(time);
        // Looked at one by one, since a clock that was set back leaves them unsorted.
        let first = self
            .entries
            .iter()
            .position(|entry| entry.millis.is_none_or(|then| then >= millis))?;
        let before = first.checked_sub(1);
        Some(before.map_or(0, |before| self.entries[before].offset))
    }

    /// Adds what a reader saw itself, and forgets what lies before `read`.
    pub(super) fn observe(&mut self, size: u64, time: SystemTime, read: u64) {
        if size > self.noted() {
            self.entries.push(Entry {
                offset: size,
                millis: Some(to_millis(time)),
            });
            let past = self.entries.partition_point(|entry| entry.offset < read);
            // Now and then, so that it costs nothing on the whole.
            if past > 1_024 {
                self.entries.drain(..past);
            }
        }
    }

    /// Forgets what has been let go, and of entries close in time the earlier ones, until at most
    /// `most` are left. A line's time comes out later by that closeness, never earlier.
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
            // Only where known and unknown alternate without end can this be of no use.
            let Some(next) = step.checked_mul(2) else {
                self.entries.drain(..self.entries.len() - most);
                return;
            };
            step = next;
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let records = self.entries.iter().map(|entry| match entry.millis {
            Some(millis) => Record::Written {
                offset: entry.offset,
                millis,
            },
            None => Record::Unknown {
                offset: entry.offset,
            },
        });
        let begins = Record::Begins {
            offset: self.begins,
        };
        let mut bytes = header().to_vec();
        for record in records.chain((self.begins > 0).then_some(begins)) {
            bytes.extend(record.to_bytes());
        }
        bytes
    }
}

/// An index that is being written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct IndexWriter {
    records: usize,
    noted: u64,
    begins: u64,
}

impl IndexWriter {
    /// Makes the index of a new log.
    pub(super) fn create(path: &Path) -> io::Result<()> {
        file::open_private(path)?.write_all(&header())
    }

    /// Goes on with the index of a log of `size` bytes. One that cannot be believed is set aside
    /// under the name `aside`, and what was written so far has no known times.
    pub(super) fn resume(
        path: &Path,
        aside: &Path,
        size: u64,
    ) -> io::Result<(Self, Option<Damage>)> {
        let (mut index, mut damage) = Index::load(path)?;
        if index.noted() > size {
            // The log was emptied by somebody else.
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
            index.push(Record::Unknown { offset: size });
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

    /// How far into the log the index reaches.
    pub(super) fn noted(&self) -> u64 {
        self.noted
    }

    /// Where the log begins.
    pub(super) fn begins(&self) -> u64 {
        self.begins
    }

    /// Notes that all before `size` had been written by `time`.
    pub(super) fn note(&mut self, path: &Path, size: u64, time: SystemTime) -> io::Result<()> {
        let millis = to_millis(time);
        self.append(
            path,
            Record::Written {
                offset: size,
                millis,
            },
        )?;
        self.noted = size;
        Ok(())
    }

    /// Notes that the log begins at `offset` from now on.
    pub(super) fn begin_at(&mut self, path: &Path, offset: u64) -> io::Result<()> {
        self.append(path, Record::Begins { offset })?;
        self.begins = offset;
        Ok(())
    }

    /// Opened anew each time, so that a thousand idle services cost no file descriptors. Written
    /// where the record belongs rather than at the end: over one that a full disk tore.
    fn append(&mut self, path: &Path, record: Record) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        let end = (HEADER + self.records * RECORD) as u64;
        file.seek(SeekFrom::Start(end))?;
        file.write_all(&record.to_bytes())?;
        self.records += 1;
        Ok(())
    }

    /// Whether the index has grown too large.
    pub(super) fn is_full(&self) -> bool {
        self.records >= MAX_RECORDS
    }

    /// Makes a large index small again, at the cost of exactness in its busiest times.
    pub(super) fn thin(path: &Path) -> io::Result<Self> {
        let (mut index, _) = Index::load(path)?;
        index.thin(MAX_RECORDS / 2);
        Self::rewrite(path, &index)
    }

    /// Readers see the old index or the new one, never a part.
    fn rewrite(path: &Path, index: &Index) -> io::Result<Self> {
        let draft = path.with_extension("index.new");
        let written = fs::remove_file(&draft)
            .or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })
            .and_then(|()| file::open_private(&draft)?.write_all(&index.to_bytes()))
            .and_then(|()| fs::rename(&draft, path));
        if let Err(error) = written {
            // Half a draft on a full disk only takes room.
            let _ = fs::remove_file(&draft);
            return Err(error);
        }
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
