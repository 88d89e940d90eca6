//! Copies of the applied stack files: a later daemon can stop a stack whose file was changed or
//! deleted meanwhile. They may contain secrets, so only the user can read them.

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
    Copies::under(home.state()).read(id)
}

/// The folder of the copies.
#[derive(Debug)]
pub(super) struct Copies(PathBuf);

impl Copies {
    /// Returns the copies below the folder of the state. Theirs is created with the first copy.
    pub(super) fn under(state: &Path) -> Self {
        Self(state.join("stacks"))
    }

    /// Stores a text, and replaces an earlier one.
    pub(super) fn keep(&self, id: &StackId, text: &str) -> io::Result<()> {
        local::private_folder(&self.0)?;
        replace(&self.path(id), text.as_bytes())
    }

    /// Returns a text, if it exists.
    pub(super) fn read(&self, id: &StackId) -> Option<String> {
        fs::read_to_string(self.path(id)).ok()
    }

    /// Removes a text.
    pub(super) fn remove(&self, id: &StackId) -> io::Result<()> {
        match fs::remove_file(self.path(id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    /// Removes all other texts: a daemon that was killed may have left some.
    pub(super) fn remove_others(&self, known: &[StackId]) -> io::Result<()> {
        let wanted: Vec<PathBuf> = known.iter().map(|id| self.path(id)).collect();
        let copies = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            copies => copies?,
        };
        for copy in copies {
            let path = copy?.path();
            if path.extension().is_some_and(|kind| kind == "toml") && !wanted.contains(&path) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    fn path(&self, id: &StackId) -> PathBuf {
        self.0.join(format!("{id}.toml"))
    }
}
