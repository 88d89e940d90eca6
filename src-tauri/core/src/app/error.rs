//! Why the app cannot do what the page asks for.

use std::{io, path::PathBuf};

use serde::{Serialize, Serializer};

use super::acts::lines;
use crate::{
    control::Outcome,
    example::BreakError,
    model::facts::LaunchFault,
    stack::ServiceName,
    stack_file::{NotFound, Report},
};

/// Why a call of the page cannot be carried out. The page gets its text, a sentence for the user.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No known stack has this file.
    #[error("that stack is not known")]
    UnknownStack,
    /// The stack has no service with this name.
    #[error("that stack has no service {:?}", .0.as_str())]
    UnknownService(ServiceName),
    /// The stack file was changed, and has no such service any more.
    #[error("the stack file no longer has this service")]
    ServiceGone,
    /// The user did not select this path in a dialog.
    #[error("{} was not selected in a dialog", .0.display())]
    NotSelected(PathBuf),
    /// No draft was made for this folder.
    #[error("{} was not scanned", .0.display())]
    NotScanned(PathBuf),
    /// The folder has no stack file.
    #[error(transparent)]
    NoStackFile(#[from] NotFound),
    /// The stack file is invalid.
    #[error("{}", lines(.0))]
    StackFile(#[from] Report),
    /// The service declares no such variable.
    #[error("{service} declares no {variable}")]
    NoVariable {
        /// The service.
        service: ServiceName,
        /// The variable.
        variable: String,
    },
    /// The variables of a service cannot be read.
    #[error("{0}")]
    Variables(LaunchFault),
    /// No current finding recommends this action.
    #[error("This suggestion is out of date. Check the stack again.")]
    Outdated,
    /// A line of the file is no longer what a finding would change.
    #[error("line {line} of {} has changed since", file.display())]
    LineChanged {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The example cannot be broken or repaired.
    #[error(transparent)]
    Example(#[from] BreakError),
    /// The page, file or folder to open does not exist.
    #[error("{0}")]
    NothingToOpen(String),
    /// A file cannot be read or written.
    #[error("{what}: {source}")]
    Io {
        /// The outcome: `the settings cannot be written`.
        what: String,
        /// The reason.
        source: io::Error,
    },
}

impl CallError {
    /// Returns the error for an outcome such as `the settings cannot be written`.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

impl From<CallError> for Outcome {
    fn from(error: CallError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl Serialize for CallError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
