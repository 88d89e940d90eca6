//! What was in the way and is kept: renamed beside its old place, never deleted.

use std::{
    ffi::OsString,
    fmt, fs, io,
    path::{Path, PathBuf},
};

/// Something that was found in a place of ours, could not be used, and was moved out of the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Where it was.
    pub path: PathBuf,
    /// Where it is now.
    pub kept_as: PathBuf,
    /// Why it could not be used, as a person reads it.
    pub reason: String,
}

impl fmt::Display for SetAside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}; it was set aside as {}",
            self.path.display(),
            self.reason,
            self.kept_as.display()
        )
    }
}

/// Renames what stands at `path` to the first free `<path>.set-aside-<n>`. Only the holder of the
/// keeper's lock does this, so nobody takes that name in between.
pub(crate) fn set_aside(path: &Path, reason: impl Into<String>) -> io::Result<SetAside> {
    let mut number = 1_u32;
    let kept_as = loop {
        let mut name = OsString::from(path);
        name.push(format!(".set-aside-{number}"));
        let candidate = PathBuf::from(name);
        match fs::symlink_metadata(&candidate) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => break candidate,
            Err(error) => return Err(error),
            Ok(_) => number += 1,
        }
    };
    fs::rename(path, &kept_as)?;
    Ok(SetAside {
        path: path.to_owned(),
        kept_as,
        reason: reason.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_was_set_aside_before_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for text in ["first", "second"] {
            fs::write(&path, text).unwrap();
            set_aside(&path, "a test").unwrap();
        }
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("file.set-aside-1"), "first");
        assert_eq!(read("file.set-aside-2"), "second");
        assert!(!path.exists());
    }
}
