//! The texts of the stack files that are up, as they were applied: a later daemon can stop a stack
//! whose file was changed or deleted meanwhile. They may hold secrets, so only the user reads them.

use std::{fs, io, path::PathBuf};

use crate::{fs::replace::replace, model::facts::StackId, platform::local};

/// The folder of the copies.
#[derive(Debug)]
pub(super) struct Copies(PathBuf);

impl Copies {
    /// The copies in this folder, which is made when the first is kept.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Keeps a text, in place of an earlier one.
    pub(super) fn keep(&self, id: &StackId, text: &str) -> io::Result<()> {
        local::private_folder(&self.0)?;
        replace(&self.path(id), text.as_bytes())
    }

    /// The text, if it is still there.
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

    /// Removes every text but these: a daemon that was killed while it forgot a stack left one.
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
