use std::{collections::HashMap, fs::File, io, sync::Mutex, time::SystemTime};

use crate::{
    host::clock,
    platform::{FileId, os::local::id_of, types::Extent},
    sync::lock,
};

/// The number of remembered files, more than are followed at once.
const REMEMBERED: usize = 512;

/// The latest state of files. NTFS updates the time of a write when the writer closes the file,
/// which for a log happens only when the service exits. So the time of a write is when a reader
/// first saw the growth; all readers share it.
static SEEN: Mutex<Option<HashMap<FileId, Extent>>> = Mutex::new(None);

/// Returns the size and time of the file, as the writer sees it (a directory listing may lag).
pub(crate) fn extent(file: &File) -> io::Result<Extent> {
    let found = file.metadata()?;
    let noted = Extent {
        size: found.len(),
        modified: found.modified()?,
    };
    Ok(remember(id_of(file)?, noted, clock::now().wall))
}

fn remember(identity: FileId, noted: Extent, now: SystemTime) -> Extent {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_file_that_has_grown_was_written_now() {
        let identity = FileId {
            device: u64::MAX,
            number: u64::MAX,
        };
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
}
