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
    model::finding::{Action, Finding},
    stack::ServiceName,
};

use super::{Visit, consent::Asking};
use crate::{
    commands::port::{Running, confirmed},
    context::Context,
    daemon::attach_in_background,
    failure::{Ending, Failure, tell},
    paint::{self, BOLD, DIM, paint, remark, tame},
    view::difference,
};

/// The outcome of an action.
pub(crate) enum Done {
    /// Carried out; the service may start now.
    Prepared,
    /// Carried out; nothing else is needed.
    Finished,
    /// Not carried out; the reason has been reported.
    Not,
}

/// Carries out the safe remedies, one after the other, and diagnoses again.
pub(super) async fn run(context: &Context, asking: Asking) -> Result<Ending, Failure> {
    let yes = asking == Asking::Agreed;
    let visit = Visit::make(context, asking, None).await?;
    visit.print()?;
    let with_action = |finding: &&Finding| finding.remedy.action.is_some();
    let to_do: Vec<&Finding> = visit.findings.iter().filter(with_action).collect();
    if to_do.is_empty() {
        if !visit.findings.is_empty() {
            remark(DIM, "None of these can be fixed automatically.")?;
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

/// Carries out the remedy of a finding. Returns whether anything was changed.
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
        remark(DIM, &what)?;
    } else if !confirmed(&format!("{what}?"))? {
        return Ok(false);
    }
    match carry_out(context, visit, action).await {
        Ok(Done::Finished) => Ok(true),
        Ok(Done::Prepared) => {
            // A stack that was stopped stays stopped.
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

/// Describes an action, for a question. Shows the difference of a stack file first; returns `None` if the file
/// cannot be changed.
fn describe(action: &Action) -> io::Result<Option<String>> {
    if let Action::EditStackFile { file, changes } = action {
        let text = Reader::within(TIME_LIMIT).text(file)?;
        match remedy::change(&text, changes) {
            Ok(changed) => {
                let lines = difference(&file.display().to_string(), &changed.difference);
                paint::print(&mut paint::err(), lines)?;
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
            match free(*port, &requester).await {
                Ok(ended) => {
                    for holder in ended {
                        remark(DIM, &format!("ended {}", holder.describe()))?;
                    }
                    Ok(Done::Prepared)
                }
                Err(fault) => {
                    tell(&tame(&describe_fault(*port, &fault)), None)?;
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

/// Starts a service and its dependencies. Without a daemon, starts one in the background.
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
            // The attempt may have changed the findings.
            Ok(Done::Finished)
        }
        Outcome::Refused(message) | Outcome::Overruled(message) => Err(Failure::Refused(message)),
        Outcome::Ending { .. } => Err(Failure::Client(ClientError::Closed)),
    }
}

/// Returns the last lines of a failed command.
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
