//! Reads the files of a project into a [`Listing`], and the facts about the computer. Executes nothing of the project. A
//! project may be anything, so that every step has a limit.

mod health;
mod host;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    fs, io,
    path::{Path, PathBuf},
};

use pilotlight::{
    effects::port::running,
    fs::project_file::{Reader, TIME_LIMIT},
    stack_file,
};

use crate::{
    detect::{Host, Interest, Listing, SOURCES_AT_MOST, is_of_interest, join, skips_folder},
    draft::{LeftOut, Origin},
    import::{self, Combined},
};

pub use host::look_around;

/// The number of files that are listed.
const FILES_AT_MOST: usize = 200_000;
/// The number of folders that are read.
const FOLDERS_AT_MOST: usize = 50_000;
/// The depth of folders that are read.
const DEEPEST: usize = 32;
/// The bytes of text that are read in all.
const TEXT_AT_MOST: usize = 64 << 20;
/// The number of unreadable files that are named.
const UNREAD_AT_MOST: usize = 20;

/// A folder cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the folder {} cannot be read: {source}", path.display())]
pub struct LookError {
    /// The folder.
    pub path: PathBuf,
    /// The error of the operating system.
    pub source: io::Error,
}

impl LookError {
    fn of(folder: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = folder.to_owned();
        move |source| Self {
            path: path.clone(),
            source,
        }
    }
}

/// The files of a folder.
#[derive(Clone, Debug)]
pub struct Project {
    /// The files.
    pub listing: Listing,
    /// The notes on what could not be read, or was not because of a limit.
    pub unread: Vec<LeftOut>,
}

/// Drafts the stack file of a folder, from the files of other tools, the source, and the facts about this computer.
///
/// # Errors
///
/// As [`list`].
pub async fn look(folder: &Path) -> Result<Looked, LookError> {
    drafted(folder, |listing| Ok(import::draft(listing))).await
}

/// Drafts a stack file from the processes of a project that run now. Reads the files of the project, and
/// requests the health pages of its services.
///
/// # Errors
///
/// As [`list`], and the operating system does not list its processes.
pub async fn look_at_running(folder: &Path) -> Result<Looked, LookError> {
    let root = folder.canonicalize().map(stack_file::plain_path);
    let root = root.unwrap_or_else(|_| folder.to_owned());
    let mut looked = drafted(folder, move |listing| {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        let variables = variables.collect();
        let mut processes = running()?;
        processes.retain(|_, process| process.mark.is_none());
        Ok(import::draft_of_running(
            listing, &root, &processes, &variables,
        ))
    })
    .await?;
    for service in &mut looked.combined.draft.services {
        health::find(service).await;
    }
    Ok(looked)
}

async fn drafted(
    folder: &Path,
    draft: impl FnOnce(&Listing) -> io::Result<Combined> + Send + 'static,
) -> Result<Looked, LookError> {
    let host = look_around().await;
    let path = folder.to_owned();
    let looking = tokio::task::spawn_blocking(move || {
        let Project { listing, unread } = list(&path, host)?;
        let files = listing.paths().count();
        let mut combined = draft(&listing).map_err(LookError::of(&path))?;
        combined.draft.unsaid.extend(unread);
        Ok(Looked { combined, files })
    });
    let failed = |error| Err(LookError::of(folder)(io::Error::other(error)));
    looking.await.unwrap_or_else(failed)
}

/// The draft of a folder.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The draft and its parts.
    pub combined: Combined,
    /// The number of files.
    pub files: usize,
}

/// Lists a folder and those below it. The contents of folders without source of the project are skipped; links out of the
/// folder and links to folders are not followed.
///
/// # Errors
///
/// The folder does not exist, is a file, or is not readable.
pub fn list(folder: &Path, host: Host) -> Result<Project, LookError> {
    let failed = LookError::of(folder);
    let root = folder.canonicalize().map_err(&failed)?;
    let name = root.file_name().unwrap_or_default().to_string_lossy();
    let mut walk = Walk {
        listing: Listing::new(name.into_owned(), host),
        root,
        unread: Vec::new(),
        open: VecDeque::from([(String::new(), 0)]),
        sources: Vec::new(),
        reader: Reader::within(TIME_LIMIT),
        files: 0,
        folders: 0,
        text: 0,
    };
    // A folder that cannot be read is an error rather than an empty project.
    fs::read_dir(&walk.root).map_err(failed)?;
    while let Some((path, depth)) = walk.open.pop_front() {
        walk.folder(&path, depth);
    }
    walk.sources();
    Ok(Project {
        listing: walk.listing,
        unread: walk.unread,
    })
}

struct Walk {
    root: PathBuf,
    listing: Listing,
    unread: Vec<LeftOut>,
    /// The folders to read, those that are not deep first.
    open: VecDeque<(String, usize)>,
    /// The sources to read, in the same order.
    sources: Vec<String>,
    reader: Reader,
    files: usize,
    folders: usize,
    text: usize,
}

impl Walk {
    fn folder(&mut self, path: &str, depth: usize) {
        self.folders += 1;
        if depth > DEEPEST || self.folders > FOLDERS_AT_MOST {
            self.leave_out(path, "the project is larger than the limit");
            return;
        }
        let entries = match fs::read_dir(self.root.join(path)) {
            Ok(entries) => entries,
            Err(error) => {
                self.leave_out(path, &error.to_string());
                return;
            }
        };
        let mut folders = Vec::new();
        for entry in entries {
            let Ok(entry) = entry else { continue };
            // A stack file cannot contain a name that is not UTF-8.
            let (Ok(name), Ok(kind)) = (entry.file_name().into_string(), entry.file_type()) else {
                continue;
            };
            let inner = join(path, &name);
            if kind.is_dir() {
                if skips_folder(&name) {
                    self.listing.add_folder(inner);
                } else {
                    folders.push(inner);
                }
            } else if kind.is_file() || (kind.is_symlink() && self.leads_to_own_file(&inner)) {
                self.file(inner);
            } else if kind.is_symlink() {
                // `node_modules` and `.venv` may be links, and their presence matters.
                self.listing.add_folder(inner);
            }
        }
        folders.sort_unstable();
        self.open
            .extend(folders.into_iter().map(|it| (it, depth + 1)));
    }

    /// Whether a link leads to a file of this project.
    fn leads_to_own_file(&self, path: &str) -> bool {
        let target = self.root.join(path).canonicalize();
        target.is_ok_and(|target| target.starts_with(&self.root) && target.is_file())
    }

    fn file(&mut self, path: String) {
        self.files += 1;
        if self.files > FILES_AT_MOST {
            if self.files == FILES_AT_MOST + 1 {
                self.leave_out(&path, "the project has more files than the limit");
            }
            return;
        }
        // The size is needed only for a file whose name matters.
        let interest = is_of_interest(&path, 0);
        if interest == Interest::Name {
            self.listing.add(path, None);
            return;
        }
        let size = fs::metadata(self.root.join(&path)).map_or(u64::MAX, |file| file.len());
        match is_of_interest(&path, size) {
            Interest::Name => {
                if interest == Interest::Text {
                    self.leave_out(&path, "the file is larger than hand-written files are");
                }
                self.listing.add(path, None);
            }
            Interest::Text => self.read(path),
            Interest::Source => {
                self.listing.add(path.clone(), None);
                if self.sources.len() < SOURCES_AT_MOST {
                    self.sources.push(path);
                }
            }
        }
    }

    /// Reads the sources last, so that they do not use up the limit of other texts.
    fn sources(&mut self) {
        for path in std::mem::take(&mut self.sources) {
            self.read(path);
        }
    }

    fn read(&mut self, path: String) {
        if self.text > TEXT_AT_MOST {
            self.listing.add(path, None);
            return;
        }
        match self.reader.read(&self.root.join(&path)) {
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                self.listing.add(path, None);
            }
            Ok(bytes) => {
                self.text += bytes.len();
                let text = String::from_utf8(bytes).ok();
                let text = text.filter(|text| !text.contains('\0'));
                self.listing.add(path, text.as_deref());
            }
            Err(error) => {
                self.leave_out(&path, &error.to_string());
                self.listing.add(path, None);
            }
        }
    }

    fn leave_out(&mut self, path: &str, why: &str) {
        if self.unread.len() < UNREAD_AT_MOST {
            let what = if path.is_empty() { "." } else { path };
            let left_out = LeftOut::new(what, &Origin::file(path, ""), why);
            self.unread.push(left_out);
        }
    }
}
