//! Previews and carries out remedies.

use std::{path::Path, time::Duration};

use super::{AppState, CallError};
use crate::{
    app::window::Preview,
    control::{Control as _, Outcome},
    effects::{
        port::{Requester, describe_fault, free},
        remedy::{self, Line, RemedyError},
    },
    fs::{project_file::Reader, redact::redact},
    model::{facts::Mark, finding::Action},
    stack::ServiceName,
};

/// The time limit for reading a stack file for the window.
const BRIEF: Duration = Duration::from_secs(1);

impl AppState {
    /// Returns a preview of an action, with the diff for a stack file.
    pub fn preview(&self, file: &Path, action: &Action) -> Result<Preview, CallError> {
        if self.advised(file, action).is_none() {
            return Err(CallError::Outdated);
        }
        let diff = match action {
            Action::EditStackFile { file, changes } => {
                let text = Reader::within(BRIEF)
                    .text(file)
                    .map_err(CallError::io(format!("{} cannot be read", file.display())))?;
                let changed = remedy::change(&text, changes).map_err(|line| {
                    let file = file.clone();
                    CallError::LineChanged { file, line }
                })?;
                Some(shown(&changed.difference))
            }
            Action::Start { .. }
            | Action::Restart { .. }
            | Action::Stop { .. }
            | Action::FreePort { .. }
            | Action::Install { .. }
            | Action::Run { .. }
            | Action::CopyFile { .. } => None,
        };
        Ok(Preview {
            text: remedy::describe(action),
            diff,
        })
    }

    /// Carries out an action, if a current finding of the stack recommends it: the window cannot
    /// request any other. A running stack starts the service afterwards, so that the change takes
    /// effect.
    pub async fn carry_out(&self, file: &Path, action: &Action) -> Outcome {
        let Some(service) = self.advised(file, action) else {
            return CallError::Outdated.into();
        };
        let variables = self.0.settled_variables(file).await;
        let done = match action {
            Action::Start { service } => return self.start(file, vec![service.clone()]).await,
            Action::Restart { service } => return self.restart(file, vec![service.clone()]).await,
            Action::Stop { file, service } => match self.stop(file, vec![service.clone()]).await {
                Outcome::Done => Ok(()),
                outcome => return outcome,
            },
            Action::FreePort { port } => {
                let requester = Requester::with(self.running().into_iter().collect());
                free(*port, &requester)
                    .await
                    .map(drop)
                    .map_err(|fault| describe_fault(*port, &fault))
            }
            Action::Install {
                command, directory, ..
            }
            | Action::Run {
                command, directory, ..
            } => remedy::install(command, directory, &variables)
                .await
                .map(drop)
                .map_err(|error| failure_text(&error)),
            Action::CopyFile { from, to } => {
                remedy::copy(from, to).map_err(|error| failure_text(&error))
            }
            Action::EditStackFile { file, changes } => {
                remedy::edit_stack_file(file, changes, &variables)
                    .map_err(|error| failure_text(&error))
            }
        };
        if let Err(message) = done {
            return Outcome::Failed {
                message,
                findings: Vec::new(),
            };
        }
        if self.0.daemon.snapshot().borrow().has_alive(file) {
            return self.start(file, vec![service]).await;
        }
        Outcome::Done
    }

    /// Returns the service of the finding that recommends this action.
    fn advised(&self, file: &Path, action: &Action) -> Option<ServiceName> {
        let shown = self.0.daemon.snapshot().borrow().clone();
        let stack = shown.stack(file);
        let of_services = stack.iter().flat_map(|stack| &stack.services);
        let of_services = of_services.filter_map(|service| service.finding.as_deref());
        let of_stack = stack.iter().flat_map(|stack| &stack.findings);
        let state = self.0.state();
        let doctored = state.doctored.get(file).into_iter().flatten();
        let findings = of_stack.map(|finding| &**finding).chain(of_services);
        let mut findings = findings.chain(doctored);
        let found = findings.find(|finding| finding.remedy.action.as_ref() == Some(action));
        found.map(|found| found.service.clone())
    }

    /// Returns the active runs of the daemon.
    pub(super) fn running(&self) -> Vec<Mark> {
        let snapshot = self.0.daemon.snapshot().borrow().clone();
        let stacks = snapshot.stacks.iter().flat_map(|stack| {
            let id = self.0.home.stack_id(&stack.file);
            let running = stack
                .services
                .iter()
                .filter(|service| service.pid.is_some());
            running.filter_map(move |service| {
                Some(Mark {
                    stack: id.clone(),
                    service: service.name.clone(),
                    run: service.run?,
                })
            })
        });
        stacks.collect()
    }
}

/// Returns the error message of a remedy, with the last output of its command.
fn failure_text(error: &RemedyError) -> String {
    let mut text = error.to_string();
    if let RemedyError::Ended { output, .. } = error {
        let said: Vec<&str> = output.text.lines().collect();
        for line in &said[said.len().saturating_sub(10)..] {
            text.push('\n');
            text.push_str(&redact(line));
        }
    }
    text
}

/// Formats a diff: lines that begin with a space, `-`, `+`, or `:` for a gap.
fn shown(difference: &[Line]) -> String {
    let line = |line: &Line| match line {
        Line::Same(_, text) => format!(" {text}"),
        Line::Old(_, text) => format!("-{text}"),
        Line::New(text) => format!("+{text}"),
        Line::Gap => ":".to_owned(),
    };
    difference.iter().map(line).collect::<Vec<_>>().join("\n")
}
