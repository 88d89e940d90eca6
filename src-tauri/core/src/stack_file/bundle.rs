//! The files of a stack as one text: the stack file, `pilotlight.local.toml` in its folder, and the
//! files that they include.
//!
//! A position in this text is a position in one of the files. A single file is its own text. The
//! text of several files begins with a line that lists them, so that it can be hashed for consent,
//! compared for changes, and stored for a later daemon, which can parse it even if files have
//! changed or are missing.

use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use toml::de::{DeTable, DeValue};

use super::{SIZE_LIMIT, find::absolute, problem::ProblemKind, report::Report, syntax};

/// The beginning of a text with a list of files.
const LIST: &str = "#:pilotlight-files ";
/// The maximum number of files of a stack.
const MOST_FILES: usize = 32;

/// The list of files at the beginning of a text.
#[derive(Serialize, Deserialize)]
struct List {
    profiles: Vec<String>,
    files: Vec<Listed>,
}

#[derive(Serialize, Deserialize)]
struct Listed {
    #[serde(with = "crate::fs::native_text")]
    path: PathBuf,
    size: usize,
    includes: Vec<Included>,
}

/// The file to which an item of `include` refers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Included {
    /// Its index among the files.
    File(usize),
    /// It could not be read, for this reason.
    Failed(String),
}

/// A file of a stack.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) path: PathBuf,
    /// The range of its text in the text of all files.
    pub(super) range: Range<usize>,
    /// The files of its `include`, one for each item.
    pub(super) includes: Vec<Included>,
}

/// The files of a stack and the chosen profiles.
#[derive(Debug)]
pub(super) struct Bundle {
    pub(super) profiles: Vec<String>,
    /// The stack file, the local file if it exists, and the included ones. Never empty.
    pub(super) parts: Vec<Part>,
}

impl Bundle {
    /// Returns the bundle of a single file.
    pub(super) fn alone(file: &Path, text: &[u8]) -> Self {
        Self {
            profiles: Vec::new(),
            parts: vec![Part {
                path: file.to_owned(),
                range: 0..text.len(),
                includes: Vec::new(),
            }],
        }
    }

    /// Splits a text into files. Without a valid list, the whole text belongs to `file`.
    pub(super) fn split(file: &Path, text: &[u8]) -> Self {
        let Some((list, mut start)) = list(text) else {
            return Self::alone(file, text);
        };
        let mut parts = Vec::new();
        for listed in list.files {
            let end = start.saturating_add(listed.size);
            let Some(own) = text.get(start..end) else {
                return Self::alone(file, text);
            };
            let mark = if own.starts_with(b"\xef\xbb\xbf") {
                3
            } else {
                0
            };
            parts.push(Part {
                path: listed.path,
                range: start + mark..end,
                includes: listed.includes,
            });
            // After the line break.
            start = (end + 1).min(text.len());
        }
        match parts.first_mut() {
            Some(first) => file.clone_into(&mut first.path),
            None => return Self::alone(file, text),
        }
        Self {
            profiles: list.profiles,
            parts,
        }
    }

    /// Returns the maximum size of the text in bytes.
    pub(super) fn size_limit(&self) -> usize {
        self.parts[0].range.start + self.parts.len() * (SIZE_LIMIT + 1)
            - usize::from(self.parts.len() == 1)
    }

    /// Returns the index of the file that contains this position.
    pub(super) fn number_at(&self, offset: usize) -> usize {
        let after = self
            .parts
            .partition_point(|part| part.range.start <= offset);
        after.saturating_sub(1)
    }

    /// Returns the file that contains this position.
    pub(super) fn part_at(&self, offset: usize) -> &Part {
        &self.parts[self.number_at(offset)]
    }

    /// Returns the index of the local file.
    pub(super) fn local(&self) -> Option<usize> {
        let local = local_file(&self.parts[0].path);
        self.parts.iter().position(|part| part.path == local)
    }
}

fn list(text: &[u8]) -> Option<(List, usize)> {
    let after = text.strip_prefix(LIST.as_bytes())?;
    let line = after.split(|byte| *byte == b'\n').next()?;
    let list = serde_json::from_slice(line).ok()?;
    Some((list, LIST.len() + line.len() + 1))
}

/// Returns the paths of the files in this text of a stack, and that of its local file even if it
/// does not exist.
#[must_use]
pub fn files(file: &Path, text: &str) -> Vec<PathBuf> {
    let parts = Bundle::split(file, text.as_bytes()).parts;
    let mut files: Vec<PathBuf> = parts.into_iter().map(|part| part.path).collect();
    let local = local_file(file);
    if !files.contains(&local) {
        files.push(local);
    }
    files
}

/// Returns the path of the file that overrides a stack file: `pilotlight.local.toml`.
#[must_use]
pub fn local_file(file: &Path) -> PathBuf {
    file.with_extension("local.toml")
}

/// Returns the text of all files of the stack in `file`, for these profiles. `text` is the current
/// or a proposed content of `file`.
///
/// # Errors
///
/// A file exists but cannot be read as text. A missing included file is a problem of the stack
/// instead.
pub fn complete(file: &Path, text: String, profiles: &[String]) -> Result<String, Report> {
    let file = absolute(file).unwrap_or_else(|_| file.to_owned());
    let mut files = vec![(file.clone(), text)];
    let local = local_file(&file);
    if local.is_file() {
        files.push((local.clone(), super::text(&local)?));
    }
    let mut listed = Vec::new();
    while let Some((path, text)) = files.get(listed.len()) {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let (path, size) = (path.clone(), text.len());
        let includes = paths(text).into_iter().map(|path| {
            let path = folder.join(path);
            let path = absolute(&path).unwrap_or(path);
            if let Some(known) = files.iter().position(|(known, _)| *known == path) {
                return Ok(Included::File(known));
            }
            if files.len() == MOST_FILES {
                let reason = format!("a stack has at most {MOST_FILES} files");
                return Ok(Included::Failed(reason));
            }
            if let Err(kind) = super::bytes(&path) {
                return Ok(Included::Failed(kind.to_string()));
            }
            let text = super::text(&path)?;
            files.push((path, text));
            Ok(Included::File(files.len() - 1))
        });
        let includes = includes.collect::<Result<_, Report>>()?;
        listed.push(Listed {
            path,
            size,
            includes,
        });
    }
    let [Listed { includes, .. }] = &listed[..] else {
        return joined(profiles, listed, &files);
    };
    if includes.is_empty() && profiles.is_empty() && !files[0].1.starts_with(LIST) {
        return Ok(files.swap_remove(0).1);
    }
    joined(profiles, listed, &files)
}

fn joined(
    profiles: &[String],
    files: Vec<Listed>,
    texts: &[(PathBuf, String)],
) -> Result<String, Report> {
    let list = List {
        profiles: profiles.to_vec(),
        files,
    };
    let list = serde_json::to_string(&list).map_err(|error| {
        let error = io::Error::from(error).to_string();
        Report::about_file(&texts[0].0, ProblemKind::Unreadable(error))
    })?;
    let mut joined = format!("{LIST}{list}\n");
    for (_, text) in texts {
        joined.push_str(text);
        joined.push('\n');
    }
    Ok(joined)
}

/// Returns the valid paths in the `include` of a text. [`super::layers`] reports the others.
fn paths(text: &str) -> Vec<String> {
    if !text.contains("include") || text.len() > SIZE_LIMIT || syntax::too_deep(text).is_some() {
        return Vec::new();
    }
    let (table, _) = DeTable::parse_recoverable(text);
    let include = table.get_ref().get("include");
    let items = include.and_then(|include| include.get_ref().as_array());
    let path = |item: &DeValue<'_>| match item {
        DeValue::Table(table) => table.get("file")?.get_ref().as_str().map(str::to_owned),
        item => item.as_str().map(str::to_owned),
    };
    let items = items.into_iter().flatten();
    // One path for each item, so that items and files have the same indexes.
    items
        .map(|item| path(item.get_ref()).unwrap_or_default())
        .collect()
}
