//! A stack file before it is written: the services of a project, each part with its source. Detection
//! ([`crate::detect`]) and the readers of other tools' files create one. The user answers its questions
//! ([`Draft::answered`]), and it is rendered ([`render`]) or added to an existing file ([`merge`]).
//!
//! All strings are in the notation of a stack file, with `{port}` and `${VARIABLE}`. Text from a project is escaped
//! by [`plain`] first.

mod answer;
mod merge;
mod render;
mod service;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeSet;

use serde::Serialize;

pub use merge::{MergeError, Merged, merge};
pub use render::render;
pub use service::{
    Check, CommandLine, DraftService, Http, Image, Kind, Needed, Origin, Probe, Ready, Require,
    Sourced, Stop,
};
pub use value::{plain, service_name, stack_name, unescaped};

/// A stack file before it is written.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Draft {
    /// The name of the stack.
    pub name: String,
    /// Its services in order: stores, then the services that need them.
    pub services: Vec<DraftService>,
    /// The open questions.
    pub questions: Vec<Question>,
    /// Things that were found and are not in the stack file.
    pub unsaid: Vec<LeftOut>,
}

/// A question that the project does not answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Question {
    /// Unique in its draft, and the same for the same project: `node-script:web`.
    pub id: String,
    /// The text: `What starts web?`
    pub text: String,
    /// At least two.
    pub choices: Vec<Choice>,
    /// The number of the most likely choice, which the draft already contains.
    pub default: usize,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Choice {
    /// In a few words: ``npm run dev (vite)``
    pub label: String,
    /// From 0 to 100, beside the others.
    pub likelihood: u8,
    /// The changes to the draft, which has the default. Empty for the default.
    pub changes: Vec<Change>,
}

/// A change that an answer makes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Replaces the service with its name.
    Put(Box<DraftService>),
    /// Starts a service in another way.
    Start {
        /// Its name.
        service: String,
        /// Its command.
        command: Option<Box<Sourced<CommandLine>>>,
        /// Its port, if it is another one.
        port: Option<Sourced<u16>>,
    },
}

impl Change {
    /// Returns the name of the service that it changes.
    pub(crate) fn service_mut(&mut self) -> &mut String {
        match self {
            Self::Put(service) => &mut service.name,
            Self::Start { service, .. } => service,
        }
    }
}

/// Something that was found and left out of the stack file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LeftOut {
    /// What: `deploy.replicas = 3`
    pub what: String,
    /// The file, relative to the project, with forward slashes.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<usize>,
    /// The reason.
    pub why: String,
}

impl LeftOut {
    /// Leaves out a part of a file for a reason.
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

/// Returns whether dependencies lead from one service to another. `needs` returns those of a service.
pub(crate) fn leads_to<'a, I>(from: &'a str, to: &str, needs: impl Fn(&str) -> I) -> bool
where
    I: IntoIterator<Item = &'a String>,
{
    let mut open = vec![from];
    let mut seen = BTreeSet::new();
    while let Some(name) = open.pop() {
        if name == to {
            return true;
        }
        if seen.insert(name) {
            open.extend(needs(name).into_iter().map(String::as_str));
        }
    }
    false
}

/// `frontend/package.json:7`
fn place(file: Option<&str>, line: Option<usize>) -> Option<String> {
    let line = line.map_or_else(String::new, |line| format!(":{line}"));
    Some(format!("{}{line}", file?))
}
