//! `pilotlight doctor --fix`

use std::io::{self, IsTerminal as _, Write as _};

use pilotlight::{
    control::{Client, ClientError, Down, Outcome, Restart, Up},
    effects::{
        port::{Requester, describe_fault, free},
        remedy::{self, RemedyError},
    },
    env::Env,
    fs::{
        project_file::{Reader, TIME_LIMIT},
        redact::redact,
    },
    host::clock,
    model::finding::{Action, Finding},
    stack::ServiceName,
};

use super::{Visit, consent::Asking};
use crate::{
    commands::port::{Running, confirmed},
    context::Context,
    daemon::attach_in_background,
    failure::{Ending, Failure, tell},
    paint::{self, BOLD, DIM, Signs, paint, tame},
    view::difference,
};

/// What came of one action.
pub(crate) enum Done {
    /// It was carried out; the service may start now.
    Prepared,
    /// It was carried out, and is all there is to do.
    Finished,
    /// It was not carried out, and why has been said.
    Not,
}

/// Carries out the remedies that are safe, one after the other, and looks again.
pub(super) async fn run(context: &Context, asking: Asking) -> Result<Ending, Failure> {
    let yes = asking == Asking::Agreed;
    let visit = Visit::make(context, asking, None).await?;
    visit.print()?;
    let with_action = |finding: &&Finding| finding.remedy.action.is_some();
    let to_do: Vec<&Finding> = visit.findings.iter().filter(with_action).collect();
    if to_do.is_empty() {
        if !visit.findings.is_empty() {
            say(DIM, "None of these can be fixed automatically.")?;
        }
        return Ok(visit.ending());
    }
    if !yes && !io::stdin().is_terminal() {
        let why = "confirmation needs a terminal; pass `--yes` to apply without asking";
        return Err(Failure::Usage(why.to_owned()));
    }
    let mut any = false;
    for finding in to_do {
        any |= treat(context, &visit, finding, yes).await?;
    }
    if !any {
        return Ok(visit.ending());
    }
    writeln!(paint::err())?;
    let again = match asking {
        // An action that was refused once stays refused.
        Asking::Terminal => Visit::make(context, Asking::Never, None).await?,
        Asking::Never | Asking::Agreed => Visit::make(context, asking, None).await?,
    };
    again.print()?;
    Ok(again.ending())
}

/// Whether something was done about a finding.
async fn treat(
    context: &Context,
    visit: &Visit,
    finding: &Finding,
    yes: bool,
) -> Result<bool, Failure> {
    let Some(action) = &finding.remedy.action else {
        return Ok(false);
    };
    writeln!(paint::err(), "\n{}", paint(BOLD, &tame(&finding.title)))?;
    let Some(what) = describe(action)? else {
        return Ok(false);
    };
    if yes {
        say(DIM, &what)?;
    } else if !confirmed(&format!("{what}?"))? {
        return Ok(false);
    }
    match carry_out(context, visit, action).await {
        Ok(Done::Finished) => Ok(true),
        Ok(Done::Prepared) => {
            // What was stopped before stays so.
            if visit.kept {
                start(context, visit, &finding.service).await?;
            }
            Ok(true)
        }
        Ok(Done::Not) => Ok(false),
        Err(Failure::Remedy(error)) => {
            tell(&error.to_string(), detail(&error).as_deref())?;
            Ok(false)
        }
        Err(failure) => Err(failure),
    }
}

/// What an action does, in words that make a question. Of a change of the stack file the difference
/// is shown first; `None` if it cannot be made.
fn describe(action: &Action) -> io::Result<Option<String>> {
    if let Action::EditStackFile { file, changes } = action {
        let text = Reader::within(TIME_LIMIT).text(file)?;
        match remedy::change(&text, changes) {
            Ok(changed) => {
                let mut err = paint::err();
                for line in difference(&file.display().to_string(), &changed.difference) {
                    writeln!(err, "{line}")?;
                }
            }
            Err(line) => {
                let message = format!("line {line} of {} has changed", file.display());
                tell(&message, Some("run `pilotlight doctor` again"))?;
                return Ok(None);
            }
        }
    }
    Ok(Some(remedy::describe(action)))
}

pub(crate) async fn carry_out(
    context: &Context,
    visit: &Visit,
    action: &Action,
) -> Result<Done, Failure> {
    match action {
        Action::Start { service } => start(context, visit, service).await,
        Action::Restart { service } => {
            let Some(mut client) = context.daemon().await?.filter(|_| visit.kept) else {
                return start(context, visit, service).await;
            };
            let restart = Restart {
                file: visit.file.clone(),
                services: vec![service.clone()],
            };
            told(client.restart(restart).await?)
        }
        Action::Stop { file, service } => {
            let Some(mut client) = context.daemon().await? else {
                return Ok(Done::Prepared);
            };
            let down = Down {
                file: Some(file.clone()),
                services: vec![service.clone()],
                kill: false,
            };
            match client.down(down).await? {
                Outcome::Done => Ok(Done::Prepared),
                outcome => told(outcome),
            }
        }
        Action::FreePort { port } => {
            let requester =
                Requester::with(Running::of(context, &visit.snapshot).marks().collect());
            let now = clock::now().wall;
            match free(*port, &requester).await {
                Ok(ended) => {
                    for holder in ended {
                        say(DIM, &format!("ended {}", tame(&holder.describe(now))))?;
                    }
                    Ok(Done::Prepared)
                }
                Err(fault) => {
                    tell(&tame(&describe_fault(*port, &fault, now)), None)?;
                    Ok(Done::Not)
                }
            }
        }
        Action::Install {
            command, directory, ..
        }
        | Action::Run {
            command, directory, ..
        } => {
            let variables = Env::of_this_process();
            remedy::install(command, directory, &variables).await?;
            Ok(Done::Prepared)
        }
        Action::CopyFile { from, to } => {
            remedy::copy(from, to)?;
            Ok(Done::Prepared)
        }
        Action::EditStackFile { file, changes } => {
            remedy::edit_stack_file(file, changes, &Env::of_this_process())?;
            Ok(Done::Prepared)
        }
    }
}

/// Starts a service and what it needs, by the daemon or, where there is none, by a new one in the
/// background.
pub(crate) async fn start(
    context: &Context,
    visit: &Visit,
    service: &ServiceName,
) -> Result<Done, Failure> {
    let mut client: Client = attach_in_background(context).await?;
    let up = Up {
        file: visit.file.clone(),
        services: vec![service.clone()],
        environment: Env::of_this_process(),
    };
    told(client.up(up).await?)
}

fn told(outcome: Outcome) -> Result<Done, Failure> {
    match outcome {
        Outcome::Done => Ok(Done::Finished),
        Outcome::Failed { message, .. } => {
            tell(&tame(&message), None)?;
            // It was tried, and may have changed what is wrong.
            Ok(Done::Finished)
        }
        Outcome::Refused(message) | Outcome::Overruled(message) => Err(Failure::Refused(message)),
        Outcome::Ending { .. } => Err(Failure::Client(ClientError::Closed)),
    }
}

/// What a command said last.
fn detail(error: &RemedyError) -> Option<String> {
    let RemedyError::Ended { output, .. } = error else {
        return None;
    };
    let lines: Vec<String> = output
        .text
        .lines()
        .map(|line| tame(&redact(line)))
        .collect();
    let last = lines.len().saturating_sub(10);
    Some(lines[last..].join("\n        "))
}

fn say(style: anstyle::Style, text: &str) -> io::Result<()> {
    let arrow = Signs::of_this_terminal().arrow();
    writeln!(paint::err(), "{}", paint(style, &format!("{arrow} {text}")))
}
