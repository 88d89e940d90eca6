//! Processes of stacks that belong to no daemon, because the journal or the home was lost.

use std::{io::Write as _, path::Path};

use pilotlight::{
    model::{
        facts::{Mark, Process},
        view::Snapshot,
    },
    stack::ServiceName,
    supervisor::offline,
};

use crate::{
    context::Context,
    failure::{Ending, Failure, tell},
    paint,
};

/// Stops the processes of this file's stack (without a file: of every stack of the home) that the
/// daemon does not own. Limited to the named services, if any. Returns `None` if nothing runs.
pub(super) async fn stop(
    context: &Context,
    file: Option<&Path>,
    services: &[ServiceName],
    known: &Snapshot,
    kill: bool,
) -> Result<Option<Ending>, Failure> {
    let running = offline::running(&context.home, file).await;
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
    let survivors = offline::end(running, kill).await;
    if survivors.is_empty() {
        writeln!(
            paint::err(),
            "Stopped services of an earlier daemon: {found}"
        )?;
        return Ok(Some(Ending::Done));
    }
    let message = format!(
        "services of an earlier daemon could not be stopped: {}",
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
