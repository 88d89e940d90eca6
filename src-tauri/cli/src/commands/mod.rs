//! The commands, each in a file of its own.

pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod down;
pub(crate) mod events;
pub(crate) mod example;
pub(crate) mod init;
pub(crate) mod input;
pub(crate) mod knowledge;
mod leftovers;
pub(crate) mod logs;
pub(crate) mod port;
pub(crate) mod pull;
pub(crate) mod reload;
pub(crate) mod restart;
pub(crate) mod service;
pub(crate) mod status;
pub(crate) mod task;
pub(crate) mod test;
pub(crate) mod up;
pub(crate) mod validate;
mod volumes;
pub(crate) mod wait;

use std::{io, time::Duration};

use pilotlight::{
    control::{Client, ClientError, Outcome},
    model::{finding::Finding, view::StackView},
};
use tokio::time::Instant;

use self::up::root_causes;
use crate::{
    context::Context,
    failure::{Ending, Failure, tell},
    paint,
    view::{Look, Show, card, failures},
};

/// The time that a daemon that accepts no more requests may take to exit.
const DAEMON_ENDS: Duration = Duration::from_secs(5);

/// The pause between two attempts to reach the next daemon.
const RETRY: Duration = Duration::from_millis(10);

/// The time after which a request that no daemon accepts is not sent again. Each attempt waits for a
/// daemon that is starting or exiting.
const NOT_ACCEPTED: Duration = Duration::from_mins(1);

/// The reason why a request had no effect.
enum Unstarted {
    /// The daemon exited before it accepted the request; the next daemon can carry it out.
    NotTaken,
    Failure(Failure),
}

impl<E: Into<Failure>> From<E> for Unstarted {
    fn from(error: E) -> Self {
        Self::Failure(error.into())
    }
}

/// The daemon's answer to a start.
enum Answer {
    Done,
    Failed(Vec<Finding>),
    /// Another request asked for the opposite; names that request.
    Overruled(String),
}

/// Reports the outcome of a start from a daemon that did not accept it.
async fn answered(
    outcome: Result<Outcome, ClientError>,
    show: &mut Show,
) -> Result<Answer, Unstarted> {
    let message = match outcome {
        Ok(Outcome::Done) => return Ok(Answer::Done),
        Ok(Outcome::Overruled(why)) => return Ok(Answer::Overruled(why)),
        Ok(Outcome::Failed { findings, .. }) if !findings.is_empty() => {
            return Ok(Answer::Failed(findings));
        }
        Ok(Outcome::Failed { message, .. } | Outcome::Refused(message)) => message,
        Ok(Outcome::Ending { taken: true }) => HANDED_OVER.to_owned(),
        Ok(Outcome::Ending { taken: false }) | Err(ClientError::NotHeard) => {
            show.until_daemon_ends(DAEMON_ENDS).await;
            return Err(Unstarted::NotTaken);
        }
        Err(error) => return Err(error.into()),
    };
    Err(Unstarted::Failure(Failure::Refused(message)))
}

const HANDED_OVER: &str = "the daemon is exiting and leaves its services running; \
                           the next `pilotlight up` reconnects to them";

/// Sends a request until a daemon accepts it.
async fn until_taken<T>(
    mut attempt: impl AsyncFnMut() -> Result<T, Unstarted>,
) -> Result<T, Failure> {
    let begun = Instant::now();
    loop {
        match attempt().await {
            Ok(done) => return Ok(done),
            Err(Unstarted::Failure(failure)) => return Err(failure),
            Err(Unstarted::NotTaken) if begun.elapsed() < NOT_ACCEPTED => {
                tokio::time::sleep(RETRY).await;
            }
            Err(Unstarted::NotTaken) => return Err(ClientError::NotHeard.into()),
        }
    }
}

/// Shows the state after a request is done. The watch may report it later than the answer.
async fn catch_up(show: &mut Show, client: &mut Client) {
    match client.status().await {
        Ok(snapshot) => show.until_shown(&snapshot).await,
        // The daemon has exited; its watchers have its last snapshot.
        Err(_) => drop(show.until_daemon_ends(DAEMON_ENDS).await),
    }
}

/// Shows the answer to a start, with this status and hint if all services are ready.
fn conclude(
    show: &mut Show,
    answer: Answer,
    status: String,
    hint: &'static str,
) -> Result<Ending, Failure> {
    match answer {
        Answer::Done => {
            show.say(status, hint);
            show.finish();
            Ok(Ending::Done)
        }
        Answer::Overruled(why) => overruled(show, &why),
        Answer::Failed(findings) => {
            show.say("", "");
            show.finish();
            tell_findings(show, &findings);
            Ok(Ending::Undone)
        }
    }
}

/// Reports the request that overruled this one.
fn overruled(show: &mut Show, why: &str) -> Result<Ending, Failure> {
    show.say("", "");
    show.finish();
    tell(why, None)?;
    Ok(Ending::Undone)
}

/// Reports the failures that have not been shown yet.
fn tell_findings(show: &mut Show, findings: &[Finding]) {
    show.show_findings(findings);
    let mut services: Vec<&str> = findings
        .iter()
        .map(|finding| finding.service.as_str())
        .collect();
    services.dedup();
    let help = format!(
        "run `pilotlight logs {}`; the other services are still running",
        services.join(" ")
    );
    // The exit status reports the failure, too.
    drop(tell("some services failed to start", Some(&help)));
}

/// Returns the root causes of the failures of a stack, as far as its daemon knows them.
async fn causes(context: &Context, stack: &StackView) -> Result<Vec<Finding>, Failure> {
    let failures = failures(stack);
    Ok(match context.daemon().await? {
        Some(mut client) => root_causes(&mut client, &stack.file, failures).await,
        None => failures,
    })
}

/// Prints findings on the standard error.
fn print_findings(findings: &[Finding]) -> io::Result<()> {
    let cards = findings.iter().flat_map(|it| card(it, Look::unlimited()));
    paint::print(&mut paint::err(), cards)
}
