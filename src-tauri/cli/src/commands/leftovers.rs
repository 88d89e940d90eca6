//! What still runs of stacks that no daemon has: its journal was lost, or the home was.

use std::{io::Write as _, path::Path};

use pilotlight::{
    model::{
        facts::{Mark, Process},
        view::Snapshot,
    },
    stack::ServiceName,
    unkept,
};

use crate::{
    context::Context,
    failure::{Ending, Failure, tell},
    paint,
};

/// Stops what runs of this file's stack, or without a file of every stack of the home, and is of no
/// stack that the daemon has. Of these services only, if some are named. `None` where nothing runs.
pub(super) async fn stop(
    context: &Context,
    file: Option<&Path>,
    services: &[ServiceName],
    known: &Snapshot,
    kill: bool,
) -> Result<Option<Ending>, Failure> {
    let running = unkept::running(&context.home, file).await;
    let mut running = running.map_err(Failure::system("look for processes"))?;
    let stacks = known.stacks.iter();
    let known: Vec<_> = stacks
        .map(|stack| context.home.stack_id(&stack.file))
        .collect();
    running.retain(|(_, mark)| {
        let is_meant = services.is_empty() || services.contains(&mark.service);
        is_meant && !known.contains(&mark.stack)
    });
    if running.is_empty() {
        return Ok(None);
    }
    let found = names(&running);
    let survivors = unkept::end(running, kill).await;
    if survivors.is_empty() {
        writeln!(
            paint::err(),
            "stopped what an earlier daemon left running: {found}"
        )?;
        return Ok(Some(Ending::Done));
    }
    let message = format!(
        "what an earlier daemon left running cannot be stopped: {}",
        names(&survivors)
    );
    tell(&message, None)?;
    Ok(Some(Ending::Undone))
}

fn names(processes: &[(Process, Mark)]) -> String {
    let name =
        |(process, mark): &(Process, Mark)| format!("{} (pid {})", mark.service, process.pid);
    let names: Vec<String> = processes.iter().map(name).collect();
    names.join(", ")
}
