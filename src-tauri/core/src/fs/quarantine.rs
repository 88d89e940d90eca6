//! Moves unusable files aside: they get another name in the same folder. The latest five of a path
//! are kept.

use std::{
    ffi::OsString,
    fmt, fs, io,
    path::{Path, PathBuf},
};

/// An unusable file that was moved aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Its old path.
    pub path: PathBuf,
    /// Its new path.
    pub kept_as: PathBuf,
    /// Why it could not be used.
    pub reason: String,
}

impl fmt::Display for Quarantined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}; it was moved to {}",
            self.path.display(),
            self.reason,
            self.kept_as.display()
        )
    }
}

/// The number of files kept for one path.
const KEPT: usize = 5;

/// Renames the file at `path` to `<path>.set-aside-<n>`, with the next free number, and removes the
/// files with the lowest numbers beyond five. A folder is never removed. Only the holder of the
/// lock does this, so no other process uses that name in between.
pub(crate) fn quarantine(path: &Path, reason: impl Into<String>) -> io::Result<Quarantined> {
    let mut earlier = numbers(path)?;
    earlier.sort_unstable();
    let number = earlier.last().map_or(1, |last| last + 1);
    let kept_as = name(path, number);
    fs::rename(path, &kept_as)?;
    let files = earlier.into_iter().map(|number| name(path, number));
    let mut files: Vec<PathBuf> = files.filter(|file| !file.is_dir()).collect();
    files.truncate((files.len() + 1).saturating_sub(KEPT));
    for old in files {
        if let Err(error) = fs::remove_file(&old) {
            tracing::warn!("failed to remove {}: {error}", old.display());
        }
    }
    Ok(Quarantined {
        path: path.to_owned(),
        kept_as,
        reason: reason.into(),
    })
}

fn name(path: &Path, number: u32) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".set-aside-{number}"));
    PathBuf::from(name)
}

/// Returns the numbers of the existing files that were moved aside from this path.
fn numbers(path: &Path) -> io::Result<Vec<u32>> {
    let mut prefix = path.file_name().unwrap_or_default().to_owned();
    prefix.push(".set-aside-");
    let mut numbers = Vec::new();
    for entry in path.parent().unwrap_or(Path::new(".")).read_dir()? {
        let name = entry?.file_name();
        let number = name
            .as_encoded_bytes()
            .strip_prefix(prefix.as_encoded_bytes())
            .and_then(|number| std::str::from_utf8(number).ok()?.parse::<u32>().ok());
        numbers.extend(number);
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_quarantined_files_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for text in ["first", "second"] {
            fs::write(&path, text).unwrap();
            quarantine(&path, "a test").unwrap();
        }
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("file.set-aside-1"), "first");
        assert_eq!(read("file.set-aside-2"), "second");
        assert!(!path.exists());
    }

    #[test]
    fn the_latest_five_stay_and_a_folder_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let at = |number: u32| folder.path().join(format!("file.set-aside-{number}"));
        fs::create_dir(&path).unwrap();
        quarantine(&path, "a folder").unwrap();
        for number in 2..=12 {
            fs::write(&path, number.to_string()).unwrap();
            quarantine(&path, "a test").unwrap();
        }
        assert!(at(1).is_dir());
        for number in 2..=7 {
            assert!(!at(number).exists(), "{number}");
        }
        for number in 8..=12 {
            assert_eq!(fs::read_to_string(at(number)).unwrap(), number.to_string());
        }
    }
}
