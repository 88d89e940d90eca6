use std::{
    collections::HashMap,
    fs::File,
    io,
    sync::Mutex,
    time::{Duration, SystemTime},
};

use windows_sys::Win32::{
    Foundation::FILETIME,
    Storage::FileSystem::{BY_HANDLE_FILE_INFORMATION, GetFileInformationByHandle},
};

use crate::{
    host::clock,
    platform::{
        os::call::{check, raw},
        types::Extent,
    },
    sync::lock,
};

/// The time from 1601, the system's epoch, to 1970, in 100 ns.
const TO_1970: u64 = 116_444_736_000_000_000;

/// The number of remembered files, more than are followed at once.
const REMEMBERED: usize = 512;

/// The latest state of files, by volume and number. NTFS updates the time of a write when the
/// writer closes the file, which for the log of a service is at its end: so the time counts at
/// which growth was first seen, shared by all readers.
static SEEN: Mutex<Option<HashMap<(u32, u64), Extent>>> = Mutex::new(None);

/// Returns the size and time of the file, as the writer sees it (a directory listing may lag).
pub(crate) fn extent(file: &File) -> io::Result<Extent> {
    let mut known = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: the file is open, and the answer has a place.
    check(unsafe { GetFileInformationByHandle(raw(file), &raw mut known) })?;
    let identity = (
        known.dwVolumeSerialNumber,
        joined(known.nFileIndexHigh, known.nFileIndexLow),
    );
    let noted = Extent {
        size: joined(known.nFileSizeHigh, known.nFileSizeLow),
        modified: time(known.ftLastWriteTime),
    };
    Ok(remember(identity, noted, clock::now().wall))
}

fn remember(identity: (u32, u64), noted: Extent, now: SystemTime) -> Extent {
    let mut seen = lock(&SEEN);
    let seen = seen.get_or_insert_default();
    let extent = match seen.get(&identity) {
        Some(last) if last.size < noted.size => Extent {
            modified: now,
            ..noted
        },
        Some(last) if last.size == noted.size => Extent {
            modified: last.modified.max(noted.modified),
            ..noted
        },
        _ => noted,
    };
    if seen.len() >= REMEMBERED {
        seen.clear();
    }
    seen.insert(identity, extent);
    extent
}

fn joined(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn time(time: FILETIME) -> SystemTime {
    let ticks = joined(time.dwHighDateTime, time.dwLowDateTime).saturating_sub(TO_1970);
    let second = 10_000_000;
    // Below a second, and so below 2³².
    let nanoseconds = u32::try_from(ticks % second * 100).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::new(ticks / second, nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_grown_was_written_now() {
        let identity = (u32::MAX, u64::MAX);
        let at = |second| SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        let noted = |size| Extent {
            size,
            modified: at(10),
        };
        let look = |size, now| remember(identity, noted(size), at(now)).modified;
        assert_eq!(look(5, 20), at(10));
        assert_eq!(look(5, 30), at(10));
        assert_eq!(look(6, 40), at(40));
        assert_eq!(look(6, 50), at(40));
        assert_eq!(look(0, 60), at(10));
    }

    #[test]
    fn the_clock_of_the_system_begins_in_1601() {
        let begin = FILETIME {
            dwLowDateTime: (TO_1970 & 0xffff_ffff) as u32,
            dwHighDateTime: (TO_1970 >> 32) as u32,
        };
        assert_eq!(time(begin), SystemTime::UNIX_EPOCH);
    }
}
