//! Where the stack file is.

use std::{
    io,
    path::{Path, PathBuf},
};

use miette::Diagnostic;

/// What a stack file is called.
pub const FILE_NAME: &str = "pilotlight.toml";

/// There is no stack file.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[non_exhaustive]
pub enum NotFound {
    /// The path that was given does not exist, or cannot be looked at.
    #[error("failed to look at {}: {reason}", path.display())]
    #[diagnostic(help("name a stack file, or a folder that has one"))]
    Path {
        /// As it was given.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        reason: io::Error,
    },
    /// Neither the folder nor any that it is in has one.
    #[error("failed to find {FILE_NAME} in {} or any folder above it", folder.display())]
    #[diagnostic(help("write one with `pilotlight init`, or name it with `--file`"))]
    Nowhere {
        /// Where the search began, absolute.
        folder: PathBuf,
    },
}

/// The stack file that is meant: the file given, or `pilotlight.toml` in the folder given or its
/// nearest parent. The answer is absolute. Links to folders on the way are followed, so that a stack
/// has one path however it is reached; a link to the file itself is not, since relative paths start
/// at the folder in which it is found.
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

/// The path of a file, with the links among its folders followed.
pub(super) fn absolute(file: &Path) -> io::Result<PathBuf> {
    let file = std::path::absolute(file)?;
    match (file.parent(), file.file_name()) {
        (Some(folder), Some(name)) => Ok(plain(folder.canonicalize()?).join(name)),
        _ => Ok(file),
    }
}

/// Without the `\\?\` that Windows puts before canonical paths, and that many programs do not take
/// as a working directory. It stays where it is needed.
fn plain(path: PathBuf) -> PathBuf {
    const LONGEST_PLAIN_PATH: usize = 240;
    let plain = path
        .to_str()
        .and_then(|text| text.strip_prefix(r"\\?\"))
        .filter(|rest| rest.as_bytes().get(1) == Some(&b':') && rest.len() < LONGEST_PLAIN_PATH)
        .map(PathBuf::from);
    plain.unwrap_or(path)
}
