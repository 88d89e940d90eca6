//! The profiles with which each stack was last started. The next start uses the same ones, unless
//! it names others.

use std::{io, path::PathBuf};

use super::texts::Texts;
use crate::{fs::home::Home, model::facts::StackId};

/// Returns the chosen profiles of a stack; none if no start has named any.
#[must_use]
pub fn chosen(home: &Home, stack: &StackId) -> Vec<String> {
    let known = texts(home).read(stack).unwrap_or_default();
    known.lines().map(str::to_owned).collect()
}

/// Stores the profiles of a start.
///
/// # Errors
///
/// The file cannot be written.
pub fn choose(home: &Home, stack: &StackId, profiles: &[String]) -> io::Result<()> {
    texts(home).write(stack, &(profiles.join("\n") + "\n"))
}

/// Returns the file with the profiles of a stack.
pub(crate) fn file(home: &Home, stack: &StackId) -> PathBuf {
    texts(home).file(stack)
}

fn texts(home: &Home) -> Texts {
    Texts::of(home.state(), "profiles")
}
