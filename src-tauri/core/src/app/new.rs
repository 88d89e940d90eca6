//! New stacks: the example, and a drafted stack file.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{AppState, acts::lines};
use crate::{effects::remedy::stack_file_text, stack_file};

impl AppState {
    /// Copies the example to `place`, unless it exists there, and adds it.
    pub fn try_example(&self, example: &Path, place: &Path) -> Result<PathBuf, String> {
        let file = place.join(stack_file::FILE_NAME);
        if !file.exists() {
            copy(example, place).map_err(|error| {
                format!(
                    "the example cannot be copied to {}: {error}",
                    place.display()
                )
            })?;
        }
        self.add(&file)
    }

    /// Writes the stack file of a scanned folder, if there is none and the text is valid, and adds it
    /// to the known stacks.
    pub fn write_draft(&self, file: &Path, text: &str) -> Result<PathBuf, String> {
        self.expect_drafted(file)?;
        let variables = self.0.own.borrow().variables.clone();
        let valid = stack_file::parse(file, text.as_bytes(), &variables);
        valid.map_err(|report| lines(&report))?;
        stack_file_text::create(file, text)
            .map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
        self.add(file)
    }
}

/// Copies a folder recursively. Never overwrites.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy(&from, &to)?;
        } else if !to.exists() {
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}
