//! A stack file before it is written: what was found in a project, each part with the place that
//! says so. Detection ([`crate::detect`]) and the readers of other tools' files make one; a person
//! looks at it, answers what is open ([`Draft::answered`]), and it becomes text ([`render`]) or is
//! added to a text that is there ([`merge`]).
//!
//! All strings are as a stack file has them: `{port}` and `${VARIABLE}` mean there what they mean
//! here. Text that was found somewhere goes through [`plain`] first.

mod answer;
mod merge;
mod render;
mod service;
#[cfg(test)]
mod tests;
mod value;

use serde::{Deserialize, Serialize};

pub use merge::{MergeError, Merged, merge};
pub use render::render;
pub use service::{
    Check, CheckAction, CommandLine, DraftService, Http, Kind, Needed, Origin, Probe, Ready,
    Require, Sourced, Stop,
};
pub use value::{plain, service_name, stack_name, unescaped};

/// What is going to be a stack file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    /// The name of the stack.
    pub name: String,
    /// In the order in which they are written: stores, what needs them, what needs that.
    pub services: Vec<DraftService>,
    /// What has two answers that are equally likely.
    pub questions: Vec<Question>,
    /// What was found and cannot be said in a stack file, or was left out.
    pub unsaid: Vec<LeftOut>,
}

/// Something that the project does not answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// Unique in its draft, and the same for the same project: `node-script:web`.
    pub id: String,
    /// As it is put to a person: `What starts web?`
    pub text: String,
    /// At least two.
    pub choices: Vec<Choice>,
    /// The choice that the draft already has in it, by number: the likeliest.
    pub default: usize,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// In a few words: ``npm run dev (vite)``
    pub label: String,
    /// From 0 to 100, beside the others.
    pub likelihood: u8,
    /// What it makes of a draft that has the default in it. Empty for the default.
    pub changes: Vec<Change>,
}

/// A change that an answer makes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Adds a service, or puts it in the place of the one with its name.
    Put(Box<DraftService>),
    /// Leaves a service out, and all that refers to it.
    Remove(String),
    /// Starts a service in another way.
    Command {
        /// Its name.
        service: String,
        /// What runs.
        command: Sourced<CommandLine>,
    },
    /// Has a service listen somewhere else.
    Port {
        /// Its name.
        service: String,
        /// Where.
        port: Sourced<u16>,
    },
}

/// Something that was found and left out of the stack file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LeftOut {
    /// What: `deploy.replicas = 3`
    pub what: String,
    /// The file, from the folder that was looked at, with forward slashes.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<usize>,
    /// Why not.
    pub why: String,
}

impl LeftOut {
    /// Something that a line of a file says, and why it is left out.
    #[must_use]
    pub fn new(what: impl Into<String>, because: &Origin, why: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            file: because.file.clone(),
            line: because.line,
            why: why.into(),
        }
    }
}
