//! The names and paths that the page may use: known stacks, their services, and what the user
//! selected in a desktop dialog. The page shows text from services and projects, so it is not
//! trusted.

use std::path::{Path, PathBuf};

use super::{AppState, CallError};
use crate::{stack::ServiceName, stack_file};

impl AppState {
    /// Records that the user selected this file or folder in a dialog.
    pub fn picked(&self, path: &Path) {
        self.0.state().picked.insert(path.to_owned());
    }

    /// Adds a stack that the user selected, or the stack file of a folder that was scanned.
    pub fn add_picked(&self, path: &Path) -> Result<PathBuf, CallError> {
        if self.expect_drafted(path).is_err() {
            self.expect_picked(path)?;
        }
        self.add(path)
    }

    /// Allows a draft to be created and written in a folder, if the user selected it.
    pub fn allow_draft(&self, folder: &Path) -> Result<(), CallError> {
        self.expect_picked(folder)?;
        let file = folder.join(stack_file::FILE_NAME);
        self.0.state().drafted.insert(file);
        Ok(())
    }

    fn expect_picked(&self, path: &Path) -> Result<(), CallError> {
        if self.0.state().picked.contains(path) {
            Ok(())
        } else {
            Err(CallError::NotSelected(path.to_owned()))
        }
    }

    /// Returns whether a draft may be written there: the folder was scanned, and this is its stack
    /// file.
    pub(super) fn expect_drafted(&self, file: &Path) -> Result<(), CallError> {
        if self.0.state().drafted.contains(file) {
            Ok(())
        } else {
            let folder = file.parent().unwrap_or(file);
            Err(CallError::NotScanned(folder.to_owned()))
        }
    }

    /// Fails if the stack is unknown or has no service with one of these names.
    pub(super) fn expect_known(
        &self,
        file: &Path,
        services: &[ServiceName],
    ) -> Result<(), CallError> {
        if !self.knows(file) {
            return Err(CallError::UnknownStack);
        }
        let view = self.0.view.borrow().clone();
        let stack = view.stack(file);
        let is_unknown = |name: &&ServiceName| {
            let mut known = stack.iter().flat_map(|stack| &stack.services);
            !known.any(|service| service.name == **name)
        };
        match services.iter().find(is_unknown) {
            None => Ok(()),
            Some(name) => Err(CallError::UnknownService(name.clone())),
        }
    }
}
