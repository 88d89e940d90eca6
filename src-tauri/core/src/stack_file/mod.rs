//! Text to a validated [`Stack`], in three steps: text to TOML (`syntax`), TOML to typed tables
//! (`reader`, `tables`), tables to their meaning (`meaning`). Each step says everything that it
//! finds wrong ([`Report`]); the next one runs only on what is right so far, so that nothing is said
//! twice.

mod find;
mod findings;
mod forms;
mod help;
mod meaning;
mod near;
mod placeholder;
mod problem;
mod reader;
mod report;
mod schema;
mod syntax;
mod tables;
#[cfg(test)]
mod tests;
mod units;
mod words;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{self, Read},
    path::Path,
};

use crate::{platform::file::open_without_waiting, stack::Stack};

pub use find::{FILE_NAME, NotFound, find};
pub use near::nearest;
pub(crate) use placeholder::fill_json;
pub use problem::ProblemKind;
pub use report::{Place, Problem, Report};
pub use schema::json_schema;

use findings::{Finding, Problems};
use reader::FromToml;
use tables::StackTable;

/// The caller's variables, from which `${NAME}` is filled.
pub type Environment = BTreeMap<OsString, OsString>;

/// More bytes than a stack file of thousands of services has.
pub const SIZE_LIMIT: usize = 1 << 20;

/// Reads a stack file. Its path is made absolute as [`find`] does.
///
/// # Errors
///
/// All that is wrong with it, or why it cannot be read. Nothing that is not a regular file is opened,
/// so that a pipe does not block.
pub fn read(file: &Path, environment: &Environment) -> Result<Stack, Report> {
    let text = bytes(file).map_err(|kind| Report::about_file(file, kind))?;
    let absolute = find::absolute(file).unwrap_or_else(|_| file.to_owned());
    parse(&absolute, &text, environment)
}

/// The text of a stack file, as [`read`] reads it.
///
/// # Errors
///
/// Why it cannot be read, or that it is no text.
pub fn text(file: &Path) -> Result<String, Report> {
    let bytes = bytes(file).map_err(|kind| Report::about_file(file, kind))?;
    match readable(&bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(finding) => Err(Report::new(file, &bytes, vec![finding])),
    }
}

/// Where a TOML text first nests deeper than a tree of it may, as the number of a byte.
#[must_use]
pub fn too_deep(text: &str) -> Option<usize> {
    syntax::too_deep(text).map(|place| place.start())
}

/// At most one byte more than [`SIZE_LIMIT`], by which [`parse`] knows that there are too many.
fn bytes(file: &Path) -> Result<Vec<u8>, ProblemKind> {
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => ProblemKind::Missing,
        _ => ProblemKind::Unreadable(error.to_string()),
    };
    let kind = file.metadata().map_err(unreadable)?.file_type();
    if kind.is_dir() {
        return Err(ProblemKind::NotAFile("a folder"));
    }
    if !kind.is_file() {
        return Err(ProblemKind::NotAFile("a pipe, a socket or a device"));
    }
    let mut text = Vec::new();
    // The file may have been replaced since it was checked.
    open_without_waiting(file)
        .and_then(|(file, _)| file.take(SIZE_LIMIT as u64 + 1).read_to_end(&mut text))
        .map_err(unreadable)?;
    Ok(text)
}

/// The stack that this text describes, as if it stood in `file`, which must be absolute. Touches
/// nothing.
///
/// # Errors
///
/// All that is wrong with it, each with its place.
pub fn parse(file: &Path, text: &[u8], environment: &Environment) -> Result<Stack, Report> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let utf8 = readable(text).map_err(|finding| Report::new(file, text, vec![finding]))?;
    let mut problems = Problems::new(utf8);
    let stack = syntax::tree(utf8, &mut problems)
        .and_then(|tree| StackTable::from_toml(&tree, &mut problems))
        .and_then(|table| meaning::stack(file, &table, environment, &mut problems));
    match stack {
        Ok(stack) if problems.is_empty() => Ok(stack),
        _ => Err(Report::new(file, text, problems.into_findings())),
    }
}

/// The text, if it is one and not too long.
fn readable(text: &[u8]) -> Result<&str, Finding> {
    if text.len() > SIZE_LIMIT {
        let limit = SIZE_LIMIT;
        return Err(Finding::new(
            SIZE_LIMIT..SIZE_LIMIT + 1,
            ProblemKind::TooLarge { limit },
        ));
    }
    std::str::from_utf8(text).map_err(|error| {
        let offset = error.valid_up_to();
        let byte = text[offset];
        Finding::new(offset..offset + 1, ProblemKind::NotUtf8 { offset, byte })
    })
}
