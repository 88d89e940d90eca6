//! What a package leaves open.

use super::{
    Candidate, Project, display,
    package::{Manager, Package},
    script::Script,
    tool,
};
use crate::{
    detect::{Found, listing::folder},
    draft::{Change, Choice, CommandLine, DraftService, Origin, Question, Sourced},
};

impl Project<'_> {
    pub(super) fn ask_script(
        &self,
        package: &Package<'_>,
        found: &mut Found,
        other: &Candidate,
        script: &Script,
    ) {
        let Some(alternative) = self.service(package, &other.script, script, None) else {
            return;
        };
        let name = found.service.name.clone();
        let mut changes = Vec::new();
        if let Some(command) = alternative.service.command {
            changes.push(Change::Command {
                service: name.clone(),
                command,
            });
        }
        if let Some(port) = alternative.service.port {
            changes.push(Change::Port {
                service: name.clone(),
                port,
            });
        }
        let label = |because: &Origin| because.text.clone();
        found.asks.push(Question {
            id: format!("script:{}", display(package.folder)),
            text: format!("Which script starts {name}?"),
            choices: vec![
                Choice {
                    label: label(&found.service.because),
                    likelihood: 50,
                    changes: Vec::new(),
                },
                Choice {
                    label: label(&alternative.service.because),
                    likelihood: 50,
                    changes,
                },
            ],
            default: 0,
        });
    }
}

/// Two scripts of which neither is for development by its name, and that do the same kind of thing.
pub(super) fn are_alike(first: &Candidate, other: &Candidate, one: &Script, two: &Script) -> bool {
    let plain = ["serve", "start"];
    plain.contains(&first.script.as_str())
        && plain.contains(&other.script.as_str())
        && one.words != two.words
        && tool::of(&one.words).is_some() == tool::of(&two.words).is_some()
}

pub(super) fn ask_manager(
    service: &DraftService,
    manager: Manager,
    other: Manager,
    why: &Origin,
    command: Vec<String>,
) -> Question {
    let place = why.file.as_deref().map_or("", folder);
    let command = Sourced::new(CommandLine::Words(command), service.because.clone());
    Question {
        id: format!("manager:{}", display(place)),
        text: "Two lock files: which package manager runs the scripts?".to_owned(),
        choices: vec![
            Choice {
                label: manager.name().to_owned(),
                likelihood: 50,
                changes: Vec::new(),
            },
            Choice {
                label: other.name().to_owned(),
                likelihood: 50,
                changes: vec![Change::Command {
                    service: service.name.clone(),
                    command,
                }],
            },
        ],
        default: 0,
    }
}
