//! The commands, each in a file of its own.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod down;
pub(crate) mod init;
mod leftovers;
pub(crate) mod logs;
pub(crate) mod port;
pub(crate) mod restart;
pub(crate) mod status;
pub(crate) mod up;

use std::time::Duration;

use pilotlight::{
    control::{Client, ClientError, Outcome},
    model::finding::Finding,
};

use crate::{
    failure::{Failure, tell},
    view::Show,
};

/// How long a keeper that refuses may take to end, if it does.
const KEEPER_ENDS: Duration = Duration::from_secs(5);

/// Why a start came to nothing.
enum Unstarted {
    /// The keeper was about to end; another one may do it.
    KeeperEnded,
    Failure(Failure),
}

/// Tells an answer of the keeper from one of a keeper that is about to end.
async fn answered(
    outcome: Result<Outcome, ClientError>,
    show: &mut Show,
) -> Result<Result<(), Vec<Finding>>, Unstarted> {
    match outcome {
        Ok(Outcome::Done) => Ok(Ok(())),
        Ok(Outcome::Failed { findings, .. }) if !findings.is_empty() => Ok(Err(findings)),
        Ok(Outcome::Failed { message, .. } | Outcome::Refused(message)) => {
            if show.until_keeper_ends(KEEPER_ENDS).await {
                Err(Unstarted::KeeperEnded)
            } else {
                Err(Unstarted::Failure(Failure::Refused(message)))
            }
        }
        Err(ClientError::Closed) => Err(Unstarted::KeeperEnded),
        Err(error) => Err(Unstarted::Failure(error.into())),
    }
}

/// Shows how things stand now that what was asked is done. What is seen of it may come later than
/// the answer.
async fn catch_up(show: &mut Show, client: &mut Client) {
    match client.status().await {
        Ok(snapshot) => show.until_shown(&snapshot).await,
        // It has ended, and told whoever watches what it saw last.
        Err(_) => drop(show.until_keeper_ends(KEEPER_ENDS).await),
    }
}

/// Says that not everything came up, and what did not, as far as that has not been shown.
fn tell_findings(show: &mut Show, findings: &[Finding]) {
    show.show_findings(findings);
    let mut services: Vec<&str> = findings
        .iter()
        .map(|finding| finding.service.as_str())
        .collect();
    services.dedup();
    let help = format!(
        "see `pilotlight logs {}`; what did start keeps running",
        services.join(" ")
    );
    // It is told by the exit status, too.
    drop(tell("not everything came up", Some(&help)));
}
