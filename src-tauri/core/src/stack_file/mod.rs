//! Parses text to a valid [`Stack`] in four steps: text to TOML (`syntax`), the files of a stack to
//! one tree (`bundle`, `layers`), TOML to typed tables (`reader`, `tables`), tables to the stack
//! (`meaning`). Each step reports all its problems ([`Report`]); the next one runs only on valid
//! input, so that nothing is reported twice.

mod bundle;
mod find;
mod findings;
mod forms;
mod help;
mod layers;
mod meaning;
mod near;
mod placeholder;
mod problem;
mod reader;
mod report;
mod resolved;
mod schema;
mod syntax;
mod tables;
#[cfg(test)]
mod tests;
mod units;
mod words;

use std::{
    io::{self, Read},
    path::Path,
};

use crate::{env::Env, platform::file::open_without_waiting, stack::Stack};

pub use bundle::{complete, files, local_file};
pub use find::{FILE_NAME, NotFound, find, plain as plain_path};
pub use near::nearest;
pub(crate) use placeholder::{change_json, written};
pub use problem::ProblemKind;
pub use report::{Place, Problem, Report};
pub use resolved::{ResolvedKey, resolved};
pub use schema::json_schema;

use bundle::Bundle;
use findings::{Finding, Problems};
use reader::FromToml;
use tables::StackTable;

/// The maximum size in bytes, which is more than a stack file with thousands of services needs.
pub const SIZE_LIMIT: usize = 1 << 20;

/// Reads a stack file and the files that belong to it, for these profiles. Its path becomes
/// absolute as in [`find`].
///
/// # Errors
///
/// All problems, or why it cannot be read. Only a regular file is opened, so that a pipe does not
/// block.
pub fn read(file: &Path, profiles: &[String], environment: &Env) -> Result<Stack, Report> {
    let text = whole(file, profiles)?;
    let absolute = find::absolute(file).unwrap_or_else(|_| file.to_owned());
    parse(&absolute, text.as_bytes(), environment)
}

/// Returns the text of a stack file alone.
///
/// # Errors
///
/// Why it cannot be read, or that it is not UTF-8.
pub fn text(file: &Path) -> Result<String, Report> {
    let bytes = bytes(file).map_err(|kind| Report::about_file(file, kind))?;
    readable(&bytes, SIZE_LIMIT)
        .map(str::to_owned)
        .map_err(|finding| Report::new(&Bundle::alone(file, &bytes), &bytes, vec![*finding]))
}

/// Returns the text of a stack file and the files that belong to it, for these profiles. It can be
/// [parsed](parse), compared and stored.
///
/// # Errors
///
/// The same as [`complete`].
pub fn whole(file: &Path, profiles: &[String]) -> Result<String, Report> {
    complete(file, text(file)?, profiles)
}

/// Returns the byte offset at which a TOML text first exceeds the maximum nesting.
#[must_use]
pub fn too_deep(text: &str) -> Option<usize> {
    syntax::too_deep(text).map(|place| place.start())
}

/// Reads at most one byte more than [`SIZE_LIMIT`], which shows [`parse`] that the file is too
/// large.
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

/// Returns the stack in this text (of [`whole`], or of one file alone), as if it were in `file`,
/// which must be absolute. Reads no files.
///
/// # Errors
///
/// All problems, each with its position.
pub fn parse(file: &Path, text: &[u8], environment: &Env) -> Result<Stack, Report> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let bundle = Bundle::split(file, text);
    let utf8 = readable(text, bundle.size_limit());
    let utf8 = utf8.map_err(|finding| Report::new(&bundle, text, vec![*finding]))?;
    let mut problems = Problems::new(utf8);
    let stack = layers::tree(&bundle, &mut problems)
        .and_then(|tree| StackTable::from_toml(&tree, &mut problems))
        .and_then(|table| meaning::stack(&bundle, &table, environment, &mut problems));
    match stack {
        Ok(stack) if problems.is_empty() => Ok(stack),
        _ => Err(Report::new(&bundle, text, problems.into_findings())),
    }
}

/// Returns the text if it is UTF-8 and not too long.
fn readable(text: &[u8], limit: usize) -> Result<&str, Box<Finding>> {
    if text.len() > limit {
        let too_large = ProblemKind::TooLarge { limit };
        return Err(Box::new(Finding::new(limit..limit + 1, too_large)));
    }
    std::str::from_utf8(text).map_err(|error| {
        let offset = error.valid_up_to();
        let byte = text[offset];
        let not_utf8 = ProblemKind::NotUtf8 { offset, byte };
        Box::new(Finding::new(offset..offset + 1, not_utf8))
    })
}
