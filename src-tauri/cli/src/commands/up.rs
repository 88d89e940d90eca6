//! `pilotlight up`

use std::{future::pending, io::Write as _, path::Path, pin::pin};

use jiff::Timestamp;
use pilotlight::{
    control::{self, Client, ClientError, Control as _, Outcome},
    env::Env,
    fs::home::Home,
    host::{
        clock,
        signals::{Endings, Keys},
    },
    model::{
        facts::RunId,
        finding::Finding,
        view::{Light, StackView},
    },
    stack::{ServiceName, Stack},
};

use super::{Answer, Unstarted, answered, catch_up, conclude, service::open_page, until_taken};
use crate::{
    args::Up,
    context::{Context, expect_declared},
    daemon::{Attached, attach, attach_in_background, listen, start_in_background},
    failure::{Ending, Failure, tell},
    paint,
    time::{self, age, took},
    view::{Over, Show, Subject},
};

const STOPS_WAITING: &str = "Press Ctrl-C to stop waiting. Services keep running.";
const DETACHED: &str = "stopped watching; services are still running";
const KILLS: &str = "Press Ctrl-C again to kill";

pub(crate) async fn run(context: &Context, up: Up) -> Result<Ending, Failure> {
    let file = context.find()?;
    let stack = context.choose(&file, &up.profiles)?;
    if up.profiles.is_empty() && !stack.chosen.is_empty() {
        let chosen = stack.chosen.join(", ");
        let other = "`pilotlight up --profile default` starts without it";
        tell(
            &format!("profile {chosen}, as in the last start"),
            Some(other),
        )?;
    }
    expect_declared(&up.services, &stack)?;
    let request = control::Up {
        file,
        services: up.services,
        environment: Env::of_this_process(),
    };
    let mut wishes = Wishes {
        endings: listen()?,
        keys: None,
    };
    until_taken(async || {
        if up.detach {
            detached(context, &request, &mut wishes).await
        } else {
            foreground(&context.home, &stack, &request, &mut wishes).await
        }
    })
    .await
}

/// What the user wants while the view is on the screen.
enum Wish {
    /// To end: Ctrl-C, or a signal.
    End,
    /// To stop watching.
    Detach,
    /// To turn the log lines on or off.
    Logs,
    Restart,
    /// To open the first page of the stack.
    Open,
}

/// The keys of the view. All but `l` are for a stack that is up.
const KEYS: &str = "l logs off   r restart   o open   q leave running";
const QUIET_KEYS: &str = "l logs on   r restart   o open   q leave running";

/// The requests to end, and the keys of the view.
struct Wishes {
    endings: Endings,
    keys: Option<Keys>,
}

impl Wishes {
    /// Waits for the next wish. Cancel-safe.
    async fn next(&mut self) -> Wish {
        loop {
            let key = tokio::select! {
                _ = self.endings.next() => return Wish::End,
                key = pressed(self.keys.as_mut()) => key,
            };
            match key {
                'l' => return Wish::Logs,
                'r' => return Wish::Restart,
                'o' => return Wish::Open,
                'q' => return Wish::Detach,
                _ => {}
            }
        }
    }
}

fn toggle_logs(show: &mut Show) {
    let keys = if show.toggle_logs() { KEYS } else { QUIET_KEYS };
    show.offer(keys);
}

async fn pressed(keys: Option<&mut Keys>) -> char {
    match keys {
        Some(keys) => keys.next().await,
        None => pending().await,
    }
}

/// Returns when all is ready or something has failed.
async fn detached(
    context: &Context,
    request: &control::Up,
    wishes: &mut Wishes,
) -> Result<Ending, Unstarted> {
    let home = &context.home;
    let mut client = tokio::select! {
        client = attach_in_background(context) => client?,
        // Nothing was asked for yet.
        _ = wishes.next() => return Ok(Ending::Undone),
    };
    let mut show = follow(home, &request.file).await?;
    let before = ready_runs(&mut client, request).await;
    show.say("", STOPS_WAITING);
    let begun = clock::now().instant;
    let Ok(outcome) = begin(request, &mut client, &mut show, wishes).await else {
        show.say(
            "still starting in the background",
            "stop it with `pilotlight down`",
        );
        show.finish();
        return Ok(Ending::Undone);
    };
    let answer = answered(outcome, &mut show).await?;
    let ready = took(begun.elapsed());
    catch_up(&mut show, &mut client).await;
    let mut status = format!("all ready in {ready}");
    let answer = match answer {
        Answer::Done => {
            let after = ready_runs(&mut client, request).await;
            if let Some((_, since)) = before.filter(|before| after.as_ref() == Some(before)) {
                let up = since.map(|since| age(time::since(since, time::now())));
                let up = up.map_or_else(String::new, |up| format!(" (up {up})"));
                status = format!("already running{up}");
            }
            Answer::Done
        }
        Answer::Failed(findings) => {
            let look = root_causes(&mut client, &request.file, findings);
            Answer::Failed(show.during(look).await)
        }
        Answer::Overruled(why) => Answer::Overruled(why),
    };
    let hint = "running in the background; stop it with `pilotlight down`";
    Ok(conclude(&mut show, answer, status, hint)?)
}

/// Returns the runs of the requested services and the start of the latest, if all of them are ready.
async fn ready_runs(
    client: &mut Client,
    request: &control::Up,
) -> Option<(Vec<Option<RunId>>, Option<Timestamp>)> {
    let snapshot = client.status().await.ok()?;
    let stack = snapshot.stack(&request.file)?;
    let meant = stack
        .services
        .iter()
        .filter(|service| match &*request.services {
            [] => !service.is_idle_task(),
            named => named.contains(&service.name),
        });
    let mut runs = Vec::new();
    let mut since = None;
    for service in meant {
        if service.light != Light::Green {
            return None;
        }
        runs.push(service.run);
        since = since.max(service.started.filter(|_| service.pid.is_some()));
    }
    Some((runs, since))
}

/// Returns the root causes of the failures, which may be in other services, or else the failures.
pub(crate) async fn root_causes(
    client: &mut Client,
    file: &Path,
    failures: Vec<Finding>,
) -> Vec<Finding> {
    /// In milliseconds.
    const WAIT: u64 = 2800;
    let doctor = control::Doctor {
        file: file.to_owned(),
        within_ms: Some(WAIT),
    };
    match client.doctor(doctor).await {
        Ok(Some(causes)) if !causes.is_empty() => causes,
        _ => failures,
    }
}

/// Shows the stack until it is stopped, from here or from elsewhere.
async fn foreground(
    home: &Home,
    stack: &Stack,
    request: &control::Up,
    wishes: &mut Wishes,
) -> Result<Ending, Unstarted> {
    let mut daemon = tokio::select! {
        daemon = attach(home) => daemon?,
        // Nothing was asked for yet, and what an earlier daemon left keeps running.
        _ = wishes.next() => return Ok(Ending::Undone),
    };
    for remark in daemon.own.iter().flat_map(|own| &own.remarks) {
        // A closed standard error must not prevent the start.
        let _ = writeln!(paint::err(), "note: {remark}");
    }
    let left = attend(home, stack, request, wishes, &mut daemon).await;
    // The terminal is as before.
    wishes.keys = None;
    if let Some(own) = daemon.own {
        own.end().await;
        if let Ok(Left { detached: true, .. }) = left {
            start_in_background(home).await?;
        }
    }
    Ok(left?.ending)
}

/// How an `up` in the foreground has ended.
struct Left {
    ending: Ending,
    /// Whether the services are left to another daemon.
    detached: bool,
}

/// Does the same with a daemon that is already connected.
async fn attend(
    home: &Home,
    stack: &Stack,
    request: &control::Up,
    wishes: &mut Wishes,
    daemon: &mut Attached,
) -> Result<Left, Unstarted> {
    let own = match &daemon.own {
        Some(_) => Own::Everything,
        None => own(&mut daemon.client, stack).await,
    };
    let hint = own.hint();
    let mut show = follow(home, &request.file).await?;
    show.stream_logs(stack);
    if show.is_drawn() {
        // Without keys the view is the same.
        wishes.keys = Keys::listen().ok().flatten();
    }
    if wishes.keys.is_some() {
        show.offer(KEYS);
    }
    show.say("", hint);
    let begun = clock::now().instant;
    let outcome = begin(request, &mut daemon.client, &mut show, wishes).await;
    let mut came_up = false;
    let mut failed = Vec::new();
    let mut undone = None;
    // The wish to leave.
    let mut leaving = None;
    match outcome {
        Err(wish) => leaving = Some(wish),
        Ok(outcome) => {
            let answer = answered(outcome, &mut show).await?;
            let ready = took(begun.elapsed());
            catch_up(&mut show, &mut daemon.client).await;
            match answer {
                Answer::Done => {
                    came_up = true;
                    show.say(format!("up in {ready}"), hint);
                }
                Answer::Failed(findings) => {
                    failed = findings;
                    show.say("some services failed to start", hint);
                }
                Answer::Overruled(why) => {
                    show.say("", hint);
                    undone = Some(why);
                }
            }
            // A start that was stopped before its stack was known has nothing to show.
            if undone.is_none() || !show.shows_nothing() {
                leaving = stay(home, request, hint, wishes, daemon, &mut show).await;
            }
        }
    }
    show.offer("");
    let mut went_down = true;
    if let Some(Wish::End) = leaving
        && own != Own::Nothing
    {
        went_down = stop(home, &request.file, &own, daemon, &mut show, wishes).await?;
        // The outcome of the start has not been read from the old connection.
        if let Ok(client) = Client::connect(home).await {
            daemon.client = client;
        }
    }
    catch_up(&mut show, &mut daemon.client).await;
    show.until_logs_end().await;
    show.say(if show.is_dark() { "stopped" } else { DETACHED }, "");
    show.finish();
    // The findings of the stopped services are no longer on the screen.
    show.show_findings(&failed);
    if let Some(why) = undone {
        tell(&why, None)?;
    }
    Ok(Left {
        ending: if came_up && went_down {
            Ending::Done
        } else {
            Ending::Undone
        },
        detached: matches!(leaving, Some(Wish::Detach)),
    })
}

/// Shows the stack and does what the keys say, until it is stopped (`None`) or the user leaves.
async fn stay(
    home: &Home,
    request: &control::Up,
    hint: &'static str,
    wishes: &mut Wishes,
    daemon: &Attached,
    show: &mut Show,
) -> Option<Wish> {
    loop {
        let wish = tokio::select! {
            () = until_over(daemon, show) => return None,
            wish = wishes.next() => wish,
        };
        match wish {
            Wish::End | Wish::Detach => return Some(wish),
            Wish::Logs => toggle_logs(show),
            Wish::Open => {
                let page = show.stacks().iter().find_map(|stack| first_page(stack));
                match page {
                    // A browser may run as long as the command that opens it.
                    Some(page) => drop(tokio::spawn(async move { open_page(&page).await })),
                    None => show.say("no service has a page", hint),
                }
            }
            Wish::Restart => {
                show.say("restarting", hint);
                let begun = clock::now().instant;
                let said = tokio::select! {
                    outcome = show.during(restart(home, &request.file)) => match outcome {
                        Ok(Outcome::Done) => format!("restarted in {}", took(begun.elapsed())),
                        Ok(_) => "some services failed to start".to_owned(),
                        Err(failure) => failure.to_string(),
                    },
                    _ = wishes.endings.next() => return Some(Wish::End),
                };
                show.say(said, hint);
            }
        }
    }
}

/// Restarts the stack, over a connection of its own.
async fn restart(home: &Home, file: &Path) -> Result<Outcome, Failure> {
    let restart = control::Restart {
        file: file.to_owned(),
        services: Vec::new(),
    };
    Ok(Client::connect(home).await?.restart(restart).await?)
}

/// Returns the first link of a stack.
fn first_page(stack: &StackView) -> Option<String> {
    let links = stack
        .services
        .iter()
        .flat_map(|service| service.links.values());
    let mut pages =
        links.filter(|link| link.starts_with("http://") || link.starts_with("https://"));
    pages.next().cloned()
}

/// The services that an `up` in the foreground stops at Ctrl-C: those that it started.
#[derive(Debug, PartialEq, Eq)]
enum Own {
    /// All stacks of the daemon, which is this process.
    Everything,
    /// All services of the stack.
    Stack,
    /// The services that did not run before.
    Services(Vec<ServiceName>),
    /// All services ran before.
    Nothing,
}

impl Own {
    fn hint(&self) -> &'static str {
        match self {
            Self::Everything => "Press Ctrl-C to stop everything",
            Self::Stack => "Press Ctrl-C to stop this stack",
            Self::Services(_) => "Press Ctrl-C to stop what this command started",
            Self::Nothing => "Press Ctrl-C to stop watching. Services keep running.",
        }
    }
}

/// Returns what a start in another daemon will own.
async fn own(client: &mut Client, stack: &Stack) -> Own {
    let Ok(snapshot) = client.status().await else {
        return Own::Stack;
    };
    let known = snapshot.stack(&stack.file);
    let runs = |name: &ServiceName| {
        let mut services = known.iter().flat_map(|known| &known.services);
        services.any(|service| service.name == *name && service.pid.is_some())
    };
    let managed = stack
        .services
        .iter()
        .filter(|service| !service.is_external());
    let (running, new): (Vec<_>, Vec<_>) =
        managed.map(|service| service.name.clone()).partition(runs);
    match (running.is_empty(), new.is_empty()) {
        (true, _) => Own::Stack,
        (false, true) => Own::Nothing,
        (false, false) => Own::Services(new),
    }
}

/// Returns the outcome of the start, or the wish to leave if the user stops waiting. The daemon has accepted
/// the start by then, so that a later stop is handled after it.
async fn begin(
    request: &control::Up,
    client: &mut Client,
    show: &mut Show,
    wishes: &mut Wishes,
) -> Result<Result<Outcome, ClientError>, Wish> {
    let starting = match show.during(client.start(request.clone())).await {
        Ok(starting) => starting,
        Err(error) => return Ok(Err(error)),
    };
    let mut outcome = pin!(starting.outcome());
    loop {
        let wish = tokio::select! {
            outcome = show.during(&mut outcome) => return Ok(outcome),
            wish = wishes.next() => wish,
        };
        match wish {
            Wish::End => return Err(wish),
            Wish::Logs => toggle_logs(show),
            Wish::Restart | Wish::Open | Wish::Detach => {}
        }
    }
}

/// Shows the stack of this file.
async fn follow(home: &Home, file: &Path) -> Result<Show, Failure> {
    let watch = Client::connect(home).await?.watch().await?;
    Ok(Show::new(home, Subject::Stack(file.to_owned()), watch))
}

/// Shows changes until no service of the stack is wanted any more.
async fn until_over(daemon: &Attached, show: &mut Show) {
    match &daemon.own {
        Some(own) => show.during(own.handle.retire()).await,
        None => match show.until_over().await {
            Over::Dark => {}
            Over::DaemonEnded => show.say("the daemon has exited", ""),
        },
    }
}

/// Stops what this command started. The next Ctrl-C kills. Returns whether every process is gone.
async fn stop(
    home: &Home,
    file: &Path,
    own: &Own,
    daemon: &Attached,
    show: &mut Show,
    wishes: &mut Wishes,
) -> Result<bool, Failure> {
    show.say("stopping", KILLS);
    let outcome = tokio::select! {
        outcome = show.during(ask(home, file, own, daemon, false)) => outcome,
        _ = wishes.endings.next() => {
            show.say("killing", "");
            show.during(ask(home, file, own, daemon, true)).await
        }
    };
    match outcome? {
        // A daemon that has exited owns no services any more.
        Outcome::Done | Outcome::Ending { .. } => Ok(true),
        Outcome::Failed { findings, message } => {
            show.show_findings(&findings);
            tell(&message, None)?;
            Ok(false)
        }
        Outcome::Overruled(why) => {
            tell(&why, None)?;
            Ok(false)
        }
        Outcome::Refused(message) => Err(Failure::Refused(message)),
    }
}

async fn ask(
    home: &Home,
    file: &Path,
    own: &Own,
    daemon: &Attached,
    kill: bool,
) -> Result<Outcome, Failure> {
    let down = control::Down {
        file: (*own != Own::Everything).then(|| file.to_owned()),
        services: match own {
            Own::Services(services) => services.clone(),
            Own::Everything | Own::Stack | Own::Nothing => Vec::new(),
        },
        kill,
    };
    if let Some(daemon) = &daemon.own {
        return Ok(if kill {
            daemon.handle.down(down).await
        } else {
            // The daemon accepts no start after this, so that no service is left without a daemon.
            daemon.handle.quit(false).await
        });
    }
    // The connection of the start is still in use, so this request opens its own.
    until_taken(async || {
        let mut client = match Client::connect(home).await {
            Ok(client) => client,
            Err(control::ConnectError::NoDaemon) => return Ok(Outcome::Done),
            Err(control::ConnectError::Closed) => return Err(Unstarted::NotTaken),
            Err(error) => return Err(error.into()),
        };
        match client.down(down.clone()).await {
            Ok(Outcome::Ending { .. }) | Err(ClientError::Closed) => Err(Unstarted::NotTaken),
            outcome => Ok(outcome?),
        }
    })
    .await
}
