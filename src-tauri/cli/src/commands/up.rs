//! `pilotlight up`

use std::path::{Path, PathBuf};

use pilotlight::{
    clock,
    control::{self, Client, ClientError, Environment, Outcome},
    home::Home,
    keeping::Keeping,
    model::finding::Finding,
    signals::Endings,
};

use super::{Unstarted, answered, catch_up, tell_findings};
use crate::{
    args::Up,
    context::{Context, expect_known, read},
    failure::{Ending, Failure, tell},
    keeper::{Kept, keep, keep_in_background, listen},
    paint,
    time::took,
    view::{Over, Show, Subject},
};

const STOPS_ALL: &str = "Ctrl-C stops everything";
const STOPS_STACK: &str = "Ctrl-C stops this stack";
const STOPS_WAITING: &str = "Ctrl-C stops waiting; the services go on";
const KILLS: &str = "Ctrl-C again kills";

pub(crate) async fn run(context: &Context, up: Up) -> Result<Ending, Failure> {
    let file = context.find()?;
    let stack = read(&file)?;
    let names = stack.services.iter().map(|service| service.name.clone());
    expect_known(&up.services, &stack.name, names)?;
    let request = control::Up {
        file,
        services: up.services,
        environment: Environment::of_this_process(),
    };
    let mut endings = listen()?;
    loop {
        let come = if up.detach {
            detached(context, &request, &mut endings).await
        } else {
            foreground(&context.home, &request, &mut endings).await
        };
        match come {
            Ok(ending) => return Ok(ending),
            Err(Unstarted::Failure(failure)) => return Err(failure),
            Err(Unstarted::KeeperEnded) => {}
        }
    }
}

impl<E: Into<Failure>> From<E> for Unstarted {
    fn from(error: E) -> Self {
        Self::Failure(error.into())
    }
}

/// Returns when all is ready or something has failed.
async fn detached(
    context: &Context,
    request: &control::Up,
    endings: &mut Endings,
) -> Result<Ending, Unstarted> {
    let home = &context.home;
    let mut client = keep_in_background(context).await?;
    let mut show = follow(home, &request.file).await?;
    show.say("", STOPS_WAITING);
    let begun = clock::now().instant;
    let outcome = tokio::select! {
        outcome = show.during(client.up(request.clone())) => outcome,
        _ = endings.next() => {
            show.say("still starting, in the background", "`pilotlight down` stops it");
            show.finish();
            return Ok(Ending::Undone);
        }
    };
    let answer = answered(outcome, &mut show).await?;
    let ready = took(begun.elapsed());
    catch_up(&mut show, &mut client).await;
    match answer {
        Ok(()) => {
            show.say(
                format!("all ready in {ready}"),
                "running in the background; `pilotlight down` stops it",
            );
            show.finish();
            Ok(Ending::Done)
        }
        Err(findings) => {
            let look = root_causes(&mut client, &request.file, findings);
            let findings = show.during(look).await;
            show.say("", "");
            show.finish();
            tell_findings(&mut show, &findings);
            Ok(Ending::Undone)
        }
    }
}

/// What is behind the failures: a service that did not come up may be the victim of another. Where
/// nothing more can be found, the failures themselves.
async fn root_causes(client: &mut Client, file: &Path, failures: Vec<Finding>) -> Vec<Finding> {
    let doctor = control::Doctor {
        file: file.to_owned(),
    };
    match client.doctor(doctor).await {
        Ok(Some(causes)) if !causes.is_empty() => causes,
        _ => failures,
    }
}

/// Shows the stack until it is stopped, from here or from elsewhere.
async fn foreground(
    home: &Home,
    request: &control::Up,
    endings: &mut Endings,
) -> Result<Ending, Unstarted> {
    match keep(home).await? {
        Kept::There(client) => attend(home, request, endings, client, None).await,
        Kept::Here(own) => {
            for remark in &own.remarks {
                tell_remark(remark);
            }
            let ending = match Client::connect(home).await {
                Ok(client) => attend(home, request, endings, client, Some(&own)).await,
                Err(error) => Err(error.into()),
            };
            own.end().await;
            ending
        }
    }
}

/// The same, with the keeper at hand; `own` is this process, where it is.
async fn attend(
    home: &Home,
    request: &control::Up,
    endings: &mut Endings,
    mut client: Client,
    own: Option<&Keeping>,
) -> Result<Ending, Unstarted> {
    let hint = if own.is_some() {
        STOPS_ALL
    } else {
        STOPS_STACK
    };
    let mut show = follow(home, &request.file).await?;
    show.say("", hint);
    let begun = clock::now().instant;
    let outcome = tokio::select! {
        outcome = show.during(client.up(request.clone())) => Some(outcome),
        _ = endings.next() => None,
    };
    let mut came_up = false;
    let mut failed = Vec::new();
    let mut interrupted = outcome.is_none();
    if let Some(outcome) = outcome {
        let answer = answered(outcome, &mut show).await?;
        let ready = took(begun.elapsed());
        catch_up(&mut show, &mut client).await;
        match answer {
            Ok(()) => {
                came_up = true;
                show.say(format!("up in {ready}"), hint);
            }
            Err(findings) => {
                failed = findings;
                show.say("not everything came up", hint);
            }
        }
        interrupted = tokio::select! {
            () = until_over(own, &mut show) => false,
            _ = endings.next() => true,
        };
    }
    let mut went_down = true;
    if interrupted {
        let file = own.is_none().then(|| request.file.clone());
        went_down = stop(home, file, &mut show, endings).await?;
    }
    if let Ok(mut client) = Client::connect(home).await {
        catch_up(&mut show, &mut client).await;
    }
    show.say(if show.is_dark() { "stopped" } else { "let go" }, "");
    show.finish();
    // With the services, what was wrong with them is off the screen.
    show.show_findings(&failed);
    Ok(if came_up && went_down {
        Ending::Done
    } else {
        Ending::Undone
    })
}

/// What is shown of the stack of this file.
async fn follow(home: &Home, file: &Path) -> Result<Show, Failure> {
    let watch = Client::connect(home).await?.watch().await?;
    Ok(Show::new(home, Subject::Stack(file.to_owned()), watch))
}

/// Shows what happens until nobody keeps the stack up any more.
async fn until_over(own: Option<&Keeping>, show: &mut Show) {
    match own {
        Some(own) => show.during(own.over()).await,
        None => match show.until_over().await {
            Over::Dark => {}
            Over::KeeperEnded => show.say("the keeper has ended", ""),
        },
    }
}

/// Stops a stack, or all of them; the next request to end kills. Whether all of it is gone.
async fn stop(
    home: &Home,
    file: Option<PathBuf>,
    show: &mut Show,
    endings: &mut Endings,
) -> Result<bool, Failure> {
    let down = |kill| control::Down {
        file: file.clone(),
        services: Vec::new(),
        kill,
    };
    show.say("stopping", KILLS);
    let outcome = tokio::select! {
        outcome = show.during(ask(home, down(false))) => outcome,
        _ = endings.next() => {
            show.say("killing", "");
            show.during(ask(home, down(true))).await
        }
    };
    match outcome? {
        Outcome::Done => Ok(true),
        Outcome::Failed { findings, message } => {
            show.show_findings(&findings);
            tell(&message, None)?;
            Ok(false)
        }
        Outcome::Refused(message) => Err(Failure::Refused(message)),
    }
}

async fn ask(home: &Home, down: control::Down) -> Result<Outcome, Failure> {
    let mut client = match Client::connect(home).await {
        Ok(client) => client,
        Err(control::ConnectError::NoKeeper | control::ConnectError::Closed) => {
            return Ok(Outcome::Done);
        }
        Err(error) => return Err(error.into()),
    };
    match client.down(down).await {
        Err(ClientError::Closed) => Ok(Outcome::Done),
        outcome => Ok(outcome?),
    }
}

fn tell_remark(remark: &str) {
    use std::io::Write as _;
    // Nobody reads it; that is no reason not to start.
    let _ = writeln!(paint::err(), "note: {remark}");
}
