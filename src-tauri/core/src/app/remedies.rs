//! What a finding advises: what it would do, and doing it.

use std::{path::Path, time::Duration};

use super::AppState;
use crate::{
    app::window::Preview,
    control::{Control as _, Outcome},
    effects::{
        port::{Asker, describe_fault, free},
        remedy::{self, Line, RemedyError},
    },
    fs::{project_file::Reader, redact::redact},
    host::clock,
    model::{facts::Mark, finding::Action},
};

/// How long the window waits for the text of a stack file.
const BRIEF: Duration = Duration::from_secs(1);

/// The window can only ask for what it has been shown.
const OUTDATED: &str = "that is not advised any more: have the stack looked at again";

impl AppState {
    /// What an action would do. Of a change of a stack file, the difference too.
    pub fn preview(&self, file: &Path, action: &Action) -> Result<Preview, String> {
        if self.advised(file, action).is_none() {
            return Err(OUTDATED.into());
        }
        let diff = match action {
            Action::EditStackFile { file, changes } => {
                let text = Reader::within(BRIEF)
                    .text(file)
                    .map_err(|error| format!("failed to read {}: {error}", file.display()))?;
                let changed = remedy::change(&text, changes).map_err(|line| {
                    format!("line {line} of {} has changed since", file.display())
                })?;
                Some(shown(&changed.difference))
            }
            Action::Start { .. }
            | Action::Restart { .. }
            | Action::Stop { .. }
            | Action::FreePort { .. }
            | Action::Install { .. }
            | Action::CopyFile { .. } => None,
        };
        Ok(Preview {
            text: remedy::describe(action),
            diff,
        })
    }

    /// Carries an action out, if it is one that the stack has been advised: the window cannot make
    /// one up. What was up is started afterwards, so that the advice takes effect.
    pub async fn carry_out(&self, file: &Path, action: &Action) -> Outcome {
        let Some(service) = self.advised(file, action) else {
            return Outcome::Refused(OUTDATED.into());
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
                let asker = Asker::with(self.running().into_iter().collect());
                free(*port, &asker)
                    .await
                    .map(drop)
                    .map_err(|fault| describe_fault(*port, &fault, clock::now().wall))
            }
            Action::Install {
                command, directory, ..
            } => remedy::install(command, directory, &variables)
                .await
                .map(drop)
                .map_err(|error| told(&error)),
            Action::CopyFile { from, to } => remedy::copy(from, to).map_err(|error| told(&error)),
            Action::EditStackFile { file, changes } => {
                remedy::edit_stack_file(file, changes, &variables).map_err(|error| told(&error))
            }
        };
        if let Err(message) = done {
            return Outcome::Failed {
                message,
                findings: Vec::new(),
            };
        }
        let view = self.0.daemon.snapshot();
        let is_up = view
            .borrow()
            .stacks
            .iter()
            .any(|stack| stack.file == file && !stack.is_dark());
        if is_up {
            return self.start(file, vec![service]).await;
        }
        Outcome::Done
    }

    /// For which service a finding that was shown advises this.
    fn advised(&self, file: &Path, action: &Action) -> Option<crate::stack::ServiceName> {
        let shown = self.0.daemon.snapshot().borrow().clone();
        let stack = shown.stacks.iter().find(|stack| stack.file == file);
        let of_services = stack.iter().flat_map(|stack| &stack.services);
        let of_services = of_services.filter_map(|service| service.finding.clone());
        let of_stack = stack
            .iter()
            .flat_map(|stack| stack.findings.iter().cloned());
        let mut findings = of_stack.chain(of_services);
        let found = findings.find(|finding| finding.remedy.action.as_ref() == Some(action));
        if let Some(found) = found {
            return Some(found.service.clone());
        }
        let state = self.0.state();
        let mut findings = state.doctored.get(file)?.iter();
        let found = findings.find(|finding| finding.remedy.action.as_ref() == Some(action))?;
        Some(found.service.clone())
    }

    /// The runs that the daemon has.
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

/// A remedy failed: in a sentence, with what a command said last.
fn told(error: &RemedyError) -> String {
    let mut text = format!("failed to {error}");
    if let RemedyError::Ended { output, .. } = error {
        let said: Vec<&str> = output.text.lines().collect();
        for line in &said[said.len().saturating_sub(10)..] {
            text.push('\n');
            text.push_str(&redact(line));
        }
    }
    text
}

/// Lines that begin with a space, `-`, `+`, or `:` for a gap.
fn shown(difference: &[Line]) -> String {
    let line = |line: &Line| match line {
        Line::Same(_, text) => format!(" {text}"),
        Line::Old(_, text) => format!("-{text}"),
        Line::New(text) => format!("+{text}"),
        Line::Gap => ":".to_owned(),
    };
    difference.iter().map(line).collect::<Vec<_>>().join("\n")
}
