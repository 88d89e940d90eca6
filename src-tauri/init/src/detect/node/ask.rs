//! The questions that a package leaves open.

use super::{Candidate, Project, display, package::Package, script::Script, tool};
use crate::{
    detect::{Found, frameworks::Manager, listing::folder, question},
    draft::{Change, CommandLine, DraftService, Origin, Question},
};

impl Project<'_> {
    /// Asks which of two scripts starts a service.
    pub(super) fn ask_script(
        &self,
        package: &Package<'_>,
        found: &mut Found,
        other: &Candidate,
        script: &Script,
    ) {
        let Some(other) = self.service(package, &other.script, script, None) else {
            return;
        };
        let service = &found.service;
        let changes = vec![Change::Start {
            service: service.name.clone(),
            command: other.service.command.map(Box::new),
            port: other.service.port,
        }];
        let asked = question(
            format!("script:{}", display(package.folder)),
            format!("Which script starts {}?", service.name),
            [
                (service.because.text.clone(), 50, Vec::new()),
                (other.service.because.text, 50, changes),
            ],
        );
        found.asks.push(asked);
    }
}

/// Whether two scripts do the same kind of thing, and neither has a name of development.
pub(super) fn are_alike(first: &Candidate, other: &Candidate, one: &Script, two: &Script) -> bool {
    let is_plain = |name: &str| matches!(name, "serve" | "start");
    is_plain(&first.script)
        && is_plain(&other.script)
        && one.words != two.words
        && tool::of(&one.words).is_some() == tool::of(&two.words).is_some()
}

/// Asks which of two package managers runs the scripts.
pub(super) fn ask_manager(
    service: &DraftService,
    manager: &Manager,
    (other, why): (&Manager, &Origin),
    command: Vec<String>,
) -> Question {
    let place = why.file.as_deref().map_or("", folder);
    let command = service.because.says(CommandLine::Words(command));
    let change = Change::Start {
        service: service.name.clone(),
        command: Some(Box::new(command)),
        port: None,
    };
    question(
        format!("manager:{}", display(place)),
        "Two lock files: which package manager runs the scripts?".to_owned(),
        [
            (manager.name.clone(), 50, Vec::new()),
            (other.name.clone(), 50, vec![change]),
        ],
    )
}
