//! The profiles with which each stack was started last. The next start has the same, unless it names
//! others.

use std::{fs, io, path::PathBuf};

use crate::{
    fs::{home::Home, replace::replace},
    model::facts::StackId,
    platform::local,
};

/// Returns the chosen profiles of a stack; none if no start has named any.
#[must_use]
pub fn chosen(home: &Home, stack: &StackId) -> Vec<String> {
    let known = fs::read_to_string(file(home, stack)).unwrap_or_default();
    known.lines().map(str::to_owned).collect()
}

/// Remembers the profiles of a start.
///
/// # Errors
///
/// The file cannot be written.
pub fn choose(home: &Home, stack: &StackId, profiles: &[String]) -> io::Result<()> {
    let file = file(home, stack);
    if let Some(folder) = file.parent() {
        local::private_folder(folder)?;
    }
    replace(&file, (profiles.join("\n") + "\n").as_bytes())
}

/// Returns the file with the profiles of a stack.
pub(crate) fn file(home: &Home, stack: &StackId) -> PathBuf {
    home.state().join("profiles").join(&stack.0)
}
