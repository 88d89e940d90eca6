//! Folders of the state with one text for each stack. Texts may contain secrets, so only the user
//! can read them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    fs::{home::Home, replace::replace},
    model::facts::StackId,
    platform::local,
};

/// Returns the text of a running stack's file as it was last applied.
#[must_use]
pub fn applied_text(home: &Home, id: &StackId) -> Option<String> {
    Texts::copies(home.state()).read(id)
}

/// A folder with one text for each stack. It is created when the first text is written.
#[derive(Debug)]
pub(super) struct Texts {
    folder: PathBuf,
    /// The extension of its files.
    ending: &'static str,
}

impl Texts {
    /// Returns the folder with this name in the state folder.
    pub(super) fn of(state: &Path, name: &str) -> Self {
        Self {
            folder: state.join(name),
            ending: "",
        }
    }

    /// Returns the folder with copies of the applied stack files: a later daemon can stop a stack
    /// even if its file was changed or deleted.
    pub(super) fn copies(state: &Path) -> Self {
        Self {
            ending: ".toml",
            ..Self::of(state, "stacks")
        }
    }

    /// Returns the file of a stack.
    pub(super) fn file(&self, id: &StackId) -> PathBuf {
        self.folder.join(format!("{id}{}", self.ending))
    }

    /// Returns a text, if it exists.
    pub(super) fn read(&self, id: &StackId) -> Option<String> {
        fs::read_to_string(self.file(id)).ok()
    }

    /// Stores a text. Replaces an earlier one.
    pub(super) fn write(&self, id: &StackId, text: &str) -> io::Result<()> {
        local::private_folder(&self.folder)?;
        replace(&self.file(id), text.as_bytes())
    }

    /// Removes a text.
    pub(super) fn remove(&self, id: &StackId) -> io::Result<()> {
        match fs::remove_file(self.file(id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    /// Removes all other texts, which a killed daemon may have left.
    pub(super) fn remove_others(&self, known: &[StackId]) -> io::Result<()> {
        let wanted: Vec<PathBuf> = known.iter().map(|id| self.file(id)).collect();
        let texts = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            texts => texts?,
        };
        for text in texts {
            let path = text?.path();
            if path.to_string_lossy().ends_with(self.ending) && !wanted.contains(&path) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}
