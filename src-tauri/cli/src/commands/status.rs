//! `pilotlight status`

use std::{
    io::{self, Write as _},
    path::Path,
    sync::Arc,
};

use pilotlight::{
    control::{Client, Watch},
    effects::process::{ProcessTable, survivors_of_runs},
    fs::home::Home,
    model::view::{Light, Snapshot, StackView},
    supervisor::offline,
};

use crate::{
    args::Status,
    context::{Context, read, unless_exiting},
    daemon::listen,
    failure::{Ending, Failure},
    json, paint, time,
    view::{Look, Screen, problems, size_of_output, table},
};

pub(crate) async fn run(context: &Context, status: &Status) -> Result<Ending, Failure> {
    let client = context.daemon().await?;
    if status.watch {
        return follow(context, status, client).await;
    }
    let (snapshot, wrong) = look(context, client).await?;
    if status.json {
        json::print(&snapshot)?;
    } else {
        let mut out = paint::out();
        paint::print(&mut out, table(&snapshot, time::now(), Look::of_output()))?;
        match problems(&snapshot) {
            0 => {}
            1 => writeln!(out, "\n1 problem. Run `pilotlight doctor`.")?,
            count => writeln!(out, "\n{count} problems. Run `pilotlight doctor`.")?,
        }
    }
    wrong.map_or(Ok(Ending::Done), Err)
}

/// Returns the stacks of the daemon and the stack of the current folder, and the error in that
/// stack's file, if any.
async fn look(
    context: &Context,
    client: Option<Client>,
) -> Result<(Snapshot, Option<Failure>), Failure> {
    let mut snapshot = Snapshot::default();
    if let Some(mut client) = client
        && let Some(usage) = unless_exiting(client.usage().await)?
    {
        snapshot = Arc::unwrap_or_clone(usage);
    }
    let own = match context.find() {
        Ok(file) if snapshot.stack(&file).is_some() => return Ok((snapshot, None)),
        Ok(file) => dark(&context.home, &file).await,
        Err(failure) => Err(failure),
    };
    match own {
        Ok(stack) => {
            snapshot.stacks.push(stack);
            Ok((snapshot, None))
        }
        // Outside of a stack folder, the running stacks are meant.
        Err(Failure::NoStackFile(_))
            if !snapshot.stacks.is_empty() && context.named().is_none() =>
        {
            Ok((snapshot, None))
        }
        Err(failure) if snapshot.stacks.is_empty() => Err(failure),
        Err(failure) => Ok((snapshot, Some(failure))),
    }
}

/// Returns the view of a stack without a daemon: its services as in its file, and processes that an earlier
/// daemon left running.
pub(crate) async fn dark(home: &Home, file: &Path) -> Result<Arc<StackView>, Failure> {
    let stack = Arc::new(read(file)?);
    let id = home.stack_id(file);
    let mut view = offline::view(home, stack);
    let Ok(processes) = ProcessTable::since(0).scan().await else {
        return Ok(view);
    };
    for (process, mark) in survivors_of_runs(&processes, |mark| mark.stack == id) {
        let stack = Arc::make_mut(&mut view);
        let service = stack
            .services
            .iter_mut()
            .find(|service| service.name == mark.service);
        let Some(service) = service
            .map(Arc::make_mut)
            .filter(|service| service.pid.is_none())
        else {
            continue;
        };
        service.pid = Some(process.pid);
        service.light = Light::Amber;
        service.note = Some(format!(
            "PID {} is still running without its daemon: `pilotlight up` reconnects, `pilotlight down` \
             stops it",
            process.pid
        ));
        stack.light = Light::Amber;
    }
    Ok(view)
}

/// Shows the state now and after every change, until Ctrl-C or the end of the daemon.
async fn follow(
    context: &Context,
    status: &Status,
    client: Option<Client>,
) -> Result<Ending, Failure> {
    let mut endings = listen()?;
    let mut watch: Option<Watch> = match client {
        Some(client) => Some(client.watch().await?),
        None => None,
    };
    let mut face = Face::new(status.json);
    let mut drawn = false;
    loop {
        let changed = async {
            match &mut watch {
                Some(watch) => watch.next().await,
                None => Ok(None),
            }
        };
        tokio::select! {
            snapshot = changed => match snapshot? {
                Some(told) => {
                    let client = context.daemon().await?;
                    // A daemon that has just exited measures no usage. Its last snapshot remains valid.
                    let (shown, _) = match look(context, client).await {
                        Err(Failure::Client(_)) => (Arc::unwrap_or_clone(told), None),
                        looked => looked?,
                    };
                    face.draw(&shown)?;
                }
                None if drawn => return Ok(Ending::Done),
                None => {
                    face.draw(&look(context, None).await?.0)?;
                    return Ok(Ending::Done);
                }
            },
            _ = endings.next() => return Ok(Ending::Done),
        }
        drawn = true;
    }
}

enum Face {
    Json,
    Lines,
    Drawn(Screen<io::Stdout>),
}

impl Face {
    fn new(json: bool) -> Self {
        if json {
            Self::Json
        } else if paint::output_is_drawn() {
            Self::Drawn(Screen::new(io::stdout(), paint::output_is_coloured()))
        } else {
            Self::Lines
        }
    }

    fn draw(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        let lines = |look| table(snapshot, time::now(), look);
        match self {
            Self::Json => io::stdout().write_all(json::line(snapshot)?.as_bytes()),
            Self::Lines => {
                let mut out = paint::out();
                paint::print(&mut out, lines(Look::unlimited()))?;
                writeln!(out)
            }
            Self::Drawn(screen) => {
                let (columns, height) = size_of_output();
                let mut lines = lines(Look::of_output());
                lines.truncate(height.saturating_sub(1));
                screen.draw(lines, columns)
            }
        }
    }
}
