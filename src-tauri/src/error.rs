//! Why a command of the window fails.

use std::{error::Error, io, path::PathBuf};

use pilotlight::app::CallError;
use pilotlight_init::DraftError;
use serde::{Serialize, Serializer};

/// Why a command of the window fails. The page gets its text, a sentence for the user.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// The user selected something that is no file.
    #[error("the selection cannot be used: {0}")]
    Selection(Box<dyn Error + Send + Sync>),
    #[error("{what} cannot be opened: {source}")]
    Open {
        what: String,
        source: tauri_plugin_shell::Error,
    },
    #[error("the path {} is not Unicode", .0.display())]
    NotUnicode(PathBuf),
    #[error("{} cannot be written: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl Serialize for CommandError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
