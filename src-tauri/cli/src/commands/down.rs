//! `pilotlight down`

use std::{io::Write as _, path::PathBuf, time::Duration};

use pilotlight::{
    control::{self, Client, ClientError, ConnectError, Control as _, Outcome},
    model::view::Snapshot,
};

use super::{Unstarted, catch_up, leftovers, overruled, until_taken, volumes};
use crate::{
    args::Down,
    context::{Context, expect_declared, expect_shown, read},
    daemon::{Attached, attach_to_stop},
    failure::{Ending, Failure, tell},
    paint,
    view::{Show, Subject},
};

/// Stops services. A background daemon exits when its last service has stopped; the tray app does not.
const DAEMON_ENDS: Duration = Duration::from_millis(250);

pub(crate) async fn run(context: &Context, down: Down) -> Result<Ending, Failure> {
    let stack = down.volumes.then(|| volumes::stack(context, &down));
    let stack = stack.transpose()?;
    let mut chosen = Vec::new();
    if let Some(stack) = &stack {
        let Some(confirmed) = volumes::chosen(context, stack, &down).await? else {
            return Ok(Ending::Undone);
        };
        chosen = confirmed;
    }
    // The daemon may exit during the request, because another `down` has stopped everything.
    match until_taken(async || attempt(context, &down).await).await? {
        Ending::Done => volumes::remove(&chosen).await,
        ending => Ok(ending),
    }
}

async fn attempt(context: &Context, down: &Down) -> Result<Ending, Unstarted> {
    if let Some(client) = context.daemon().await? {
        return stop(context, client, down).await;
    }
    // Without an earlier daemon, no service can be left.
    if !context.home.lock().exists() {
        return Ok(without_daemon(context, down, &Snapshot::default()).await?);
    }
    let Attached { client, own } = attach_to_stop(&context.home).await?;
    let Some(own) = own else {
        return stop(context, client, down).await;
    };
    let left = !own.handle.snapshot().borrow().stacks.is_empty();
    let ending = if left {
        stop(context, client, down).await
    } else {
        let ending = without_daemon(context, down, &Snapshot::default()).await;
        ending.map_err(Into::into)
    };
    own.end().await;
    ending
}

/// Stops the running services of a stack that belongs to no daemon.
async fn without_daemon(
    context: &Context,
    down: &Down,
    known: &Snapshot,
) -> Result<Ending, Failure> {
    let file = if down.all {
        None
    } else {
        Some(context.find()?)
    };
    let services = &down.services;
    if let Some(ending) =
        leftovers::stop(context, file.as_deref(), services, known, down.kill).await?
    {
        return Ok(ending);
    }
    if let Some(file) = file.filter(|_| !services.is_empty()) {
        expect_declared(services, &read(&file)?)?;
    }
    writeln!(paint::err(), "Nothing is running.")?;
    Ok(Ending::Done)
}

async fn stop(context: &Context, mut client: Client, down: &Down) -> Result<Ending, Unstarted> {
    let snapshot = client.status().await.map_err(untaken)?;
    let file: Option<PathBuf> = if down.all {
        None
    } else {
        Some(context.find_among(&snapshot)?)
    };
    let subject = match &file {
        None => Subject::All,
        Some(file) => match snapshot.stack(file) {
            None => return cancel(context, client, file.clone(), down, &snapshot).await,
            Some(stack) => {
                expect_shown(&down.services, stack)?;
                Subject::Stack(file.clone())
            }
        },
    };
    let watch = match Client::connect(&context.home).await {
        Ok(client) => client.watch().await.map_err(untaken)?,
        Err(ConnectError::NoDaemon | ConnectError::Closed) => return Err(Unstarted::NotTaken),
        Err(error) => return Err(error.into()),
    };
    let mut show = Show::new(&context.home, subject, watch);
    show.begin_with(&snapshot);
    show.say("", "stopping");
    let outcome = show
        .during(client.down(request(file, down)))
        .await
        .map_err(untaken)?;
    if matches!(outcome, Outcome::Ending { .. }) {
        show.until_daemon_ends(DAEMON_ENDS).await;
        return Err(Unstarted::NotTaken);
    }
    catch_up(&mut show, &mut client).await;
    let left = client.status().await;
    drop(client);
    if left.is_ok_and(|left| left.stacks.iter().all(|stack| stack.is_dark())) {
        show.until_daemon_ends(DAEMON_ENDS).await;
    }
    match outcome {
        Outcome::Done => {
            show.say("stopped", "");
            show.finish();
            if !down.all {
                return Ok(Ending::Done);
            }
            let lost = leftovers::stop(context, None, &[], &snapshot, down.kill).await?;
            Ok(lost.unwrap_or(Ending::Done))
        }
        Outcome::Failed { message, findings } => {
            show.say("", "");
            show.finish();
            show.show_findings(&findings);
            tell(&message, None)?;
            Ok(Ending::Undone)
        }
        Outcome::Overruled(why) => Ok(overruled(&mut show, &why)?),
        Outcome::Refused(message) => Err(Failure::Refused(message).into()),
        Outcome::Ending { .. } => Err(Unstarted::NotTaken),
    }
}

/// Cancels a start that the daemon is still preparing and that no snapshot shows yet, and stops all
/// other processes of its stack.
async fn cancel(
    context: &Context,
    mut client: Client,
    file: PathBuf,
    down: &Down,
    snapshot: &Snapshot,
) -> Result<Ending, Unstarted> {
    let request = request(Some(file), down);
    match client.down(request).await.map_err(untaken)? {
        Outcome::Done => Ok(without_daemon(context, down, snapshot).await?),
        Outcome::Failed { message, .. } | Outcome::Overruled(message) => {
            tell(&message, None)?;
            Ok(Ending::Undone)
        }
        Outcome::Refused(message) => Err(Failure::Refused(message).into()),
        Outcome::Ending { .. } => Err(Unstarted::NotTaken),
    }
}

fn request(file: Option<PathBuf>, down: &Down) -> control::Down {
    control::Down {
        file,
        services: down.services.clone(),
        kill: down.kill,
    }
}

/// Sends a stop, which can be repeated safely whether or not the daemon has accepted it.
fn untaken(error: ClientError) -> Unstarted {
    match error {
        ClientError::Closed => Unstarted::NotTaken,
        error => error.into(),
    }
}
