//! Finds the stack file.

use std::{
    io,
    path::{Path, PathBuf},
};

use miette::Diagnostic;

/// The name of a stack file.
pub const FILE_NAME: &str = "pilotlight.toml";

/// Why no stack file was found.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[non_exhaustive]
pub enum NotFound {
    /// The given path does not exist or cannot be read.
    #[error("{} cannot be read: {reason}", path.display())]
    #[diagnostic(help("name a stack file, or a folder that has one"))]
    Path {
        /// The given path.
        path: PathBuf,
        /// The operating system's error.
        #[source]
        reason: io::Error,
    },
    /// Neither the folder nor any parent contains one.
    #[error("no {FILE_NAME} in {} or any parent folder", folder.display())]
    #[diagnostic(help("write one with `pilotlight init`, or name it with `--file`"))]
    Nowhere {
        /// The folder where the search began, absolute.
        folder: PathBuf,
    },
}

/// Returns the absolute path of the stack file: the given file, or `pilotlight.toml` in the given
/// folder or its nearest parent. Links to folders are resolved, so that a stack has only one path;
/// a link to the file itself is not, since relative paths start at the folder that contains it.
pub fn find(start: &Path) -> Result<PathBuf, NotFound> {
    let failed = |reason| NotFound::Path {
        path: start.to_owned(),
        reason,
    };
    if !start.metadata().map_err(failed)?.is_dir() {
        return absolute(start).map_err(failed);
    }
    let folder = plain(start.canonicalize().map_err(failed)?);
    folder
        .ancestors()
        .map(|folder| folder.join(FILE_NAME))
        .find(|file| file.is_file())
        .ok_or(NotFound::Nowhere { folder })
}

/// Returns the path of a file, with links to folders resolved.
pub(super) fn absolute(file: &Path) -> io::Result<PathBuf> {
    let file = std::path::absolute(file)?;
    match (file.parent(), file.file_name()) {
        (Some(folder), Some(name)) => Ok(plain(folder.canonicalize()?).join(name)),
        _ => Ok(file),
    }
}

/// Removes the prefix `\\?\` of canonical paths on Windows, which many programs do not accept as a
/// working directory. It stays if the path needs it.
#[must_use]
pub fn plain(path: PathBuf) -> PathBuf {
    const LONGEST_PLAIN_PATH: usize = 240;
    let plain = path
        .to_str()
        .and_then(|text| text.strip_prefix(r"\\?\"))
        .filter(|rest| rest.as_bytes().get(1) == Some(&b':') && rest.len() < LONGEST_PLAIN_PATH)
        .map(PathBuf::from);
    plain.unwrap_or(path)
}
