//! The proving run of `pilotlight init`: starts the stack, compares it with its file, changes the file to what is
//! true, and starts it again.

use std::{path::Path, time::Duration};

use pilotlight::{
    control,
    effects::remedy,
    env::Env,
    model::{finding::Action, view::StackView},
    stack_file,
};
use pilotlight_init::prove::{Learned, Lesson, Seen};
use tokio::time::{sleep, timeout};

use crate::{
    args::{Down, Up, Wait},
    commands::{down, port::agreed, service::Here, up, wait},
    context::Context,
    daemon::listen,
    failure::{Ending, Failure},
    paint::{self, AMBER, DIM, GREEN, remark},
    view::difference,
    waiting::Goal,
};

/// The maximum number of starts. A difference can hide others, which only the next start shows.
const STARTS: usize = 5;

/// The pause between two checks of the processes.
const PAUSE: Duration = Duration::from_secs(1);

/// The number of looks at a service that is not ready and listens on another port, after which that port counts.
const LOOKS: usize = 8;

/// The number of equal looks after which a stack is at rest.
const QUIET: usize = 3;

/// The time limit for a stack that is ready to come to rest. A service without a port is ready at once, and may
/// compile first.
const REST: Duration = Duration::from_secs(10);
const FIRST_BUILD: Duration = Duration::from_mins(5);

/// The time limit of the checks of a stack that is ready, and of its diagnosis.
const CHECKS: Duration = Duration::from_secs(30);
const DIAGNOSIS_MS: u64 = 3000;

/// Starts the stack of a file until the file says what is true. Asks before each change if `asks`. Succeeds if
/// everything is green.
pub(super) async fn run(file: &Path, asks: bool) -> Result<Ending, Failure> {
    let context = Context::new(Some(file.to_owned()))?;
    let mut endings = listen()?;
    tokio::select! {
        biased;
        _ = endings.next() => {
            remark(DIM, "stopped watching; `pilotlight down` stops what was started")?;
            Ok(Ending::Undone)
        }
        ending = prove(&context, file, asks) => ending,
    }
}

async fn prove(context: &Context, file: &Path, asks: bool) -> Result<Ending, Failure> {
    let mut told: Vec<String> = Vec::new();
    for start_number in 1..=STARTS {
        let started = start(context, file).await?;
        let Some((stack, lessons)) = lessons(context, file).await? else {
            return Ok(Ending::Undone);
        };
        let text = stack_file::text(file)?;
        let learned = Learned::of(file, &text, &lessons, &Env::of_this_process());
        let open = lessons.iter().filter(|lesson| lesson.changes.is_empty());
        let new = open.map(|lesson| lesson.text.clone());
        let new: Vec<String> = new.filter(|text| !told.contains(text)).collect();
        for text in new.iter().chain(&learned.lessons) {
            remark(AMBER, text)?;
        }
        told.extend(new);
        if learned.changes.is_empty() {
            return conclude(context, &stack, started).await;
        }
        let lines = difference(&super::shown(file), &learned.difference);
        paint::print(&mut paint::err(), lines)?;
        let is_last = start_number == STARTS;
        if is_last || (asks && !agreed_aside("Change the file and start again?").await?) {
            return conclude(context, &stack, started).await;
        }
        down::run(context, Down::default()).await?;
        remedy::edit_stack_file(file, &learned.changes, &Env::of_this_process())?;
    }
    Ok(Ending::Undone)
}

/// Asks on a separate thread, so that Ctrl-C ends the question too.
async fn agreed_aside(question: &'static str) -> Result<bool, Failure> {
    let asked = tokio::task::spawn_blocking(move || agreed(question)).await;
    Ok(asked.map_err(std::io::Error::other)??)
}

/// Starts the stack and waits until it is at rest. Returns the outcome of the start; `None` if a service listens
/// elsewhere, so that it would not become ready.
async fn start(context: &Context, file: &Path) -> Result<Option<Ending>, Failure> {
    let ending = tokio::select! {
        ending = up::run(context, Up::detached(Vec::new())) => Some(ending?),
        () = until_misplaced(context, file) => None,
    };
    if ending == Some(Ending::Done) {
        until_at_rest(context, file).await?;
    }
    Ok(ending)
}

/// Waits until a service has listened on another port than the declared one for a while.
async fn until_misplaced(context: &Context, file: &Path) {
    let mut looks = 0;
    while looks < LOOKS {
        sleep(PAUSE).await;
        let is_misplaced = async {
            let (_, stack) = context.running(file).await.ok()??;
            let seen = look(context, file).await.ok()?;
            let mut services = stack.services.iter();
            Some(services.any(|service| seen.is_misplaced(service, &stack)))
        };
        looks = if is_misplaced.await == Some(true) {
            looks + 1
        } else {
            0
        };
    }
}

/// Waits until the processes and their ports stay the same.
async fn until_at_rest(context: &Context, file: &Path) -> Result<(), Failure> {
    let running = context.running(file).await?;
    let has_no_port = running.is_some_and(|(_, stack)| {
        let mut services = stack.services.iter();
        services.any(|it| it.port.is_none() && it.pid.is_some() && !it.task)
    });
    let rest = async {
        let mut before = look(context, file).await?;
        let mut equal = 0;
        while equal < QUIET {
            sleep(PAUSE).await;
            let now = look(context, file).await?;
            equal = if now.is_like(&before) { equal + 1 } else { 0 };
            before = now;
        }
        Ok(())
    };
    let limit = if has_no_port { FIRST_BUILD } else { REST };
    timeout(limit, rest).await.unwrap_or(Ok(()))
}

async fn look(context: &Context, file: &Path) -> Result<Seen, Failure> {
    let (home, file) = (context.home.clone(), file.to_owned());
    let seen = tokio::task::spawn_blocking(move || Seen::of(&home, &file)).await;
    seen.map_err(std::io::Error::other)?
        .map_err(Failure::system("list the processes"))
}

/// Returns the stack and what it shows against its file; `None` if it is not running.
async fn lessons(
    context: &Context,
    file: &Path,
) -> Result<Option<(StackView, Vec<Lesson>)>, Failure> {
    let mut seen = look(context, file).await?;
    let Some((mut client, stack)) = context.running(file).await? else {
        return Ok(None);
    };
    let text = stack_file::text(file)?;
    let (home, view) = (context.home.clone(), stack.clone());
    let closely = tokio::task::spawn_blocking(move || {
        seen.look_closely(&home, &view);
        seen.lessons(&view, &text)
    });
    let mut lessons = closely.await.map_err(std::io::Error::other)?;
    let doctor = control::Doctor {
        file: file.to_owned(),
        within_ms: Some(DIAGNOSIS_MS),
    };
    for finding in client.doctor(doctor).await?.unwrap_or_default() {
        if let Some(Action::EditStackFile { changes, .. }) = finding.remedy.action {
            let text = finding.title.to_string();
            lessons.push(Lesson { text, changes });
        }
    }
    Ok(Some((StackView::clone(&stack), lessons)))
}

/// Reports the outcome: the addresses of a stack that is green, or else what is not.
async fn conclude(
    context: &Context,
    stack: &StackView,
    started: Option<Ending>,
) -> Result<Ending, Failure> {
    if let Some(ending) = started.filter(|ending| *ending != Ending::Done) {
        // The start has reported it.
        return Ok(ending);
    }
    let all = Wait {
        services: Vec::new(),
        goal: Goal::Healthy,
        timeout: CHECKS,
    };
    let ending = wait::run(context, &all).await?;
    if ending != Ending::Done {
        return Ok(ending);
    }
    let addresses = Here::of(context).await?.pages();
    let longest = addresses.iter().map(|(name, _)| paint::width(name)).max();
    let lines = addresses.iter().map(|(name, url)| {
        let name = paint::pad(paint::BOLD, name, longest.unwrap_or_default());
        format!("  {name}  {}", paint::tame(url))
    });
    remark(GREEN, &format!("{}: everything is green", stack.name))?;
    paint::print(&mut paint::err(), lines)?;
    Ok(Ending::Done)
}
