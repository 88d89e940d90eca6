//! The removal of volumes by `pilotlight down --volumes`, which the user confirms.

use std::io::{IsTerminal as _, Write as _, stdin};

use pilotlight::{
    effects::container::Volumes,
    env::Env,
    stack::{Service, Stack},
};

use super::port::confirmed;
use crate::{
    args::Down,
    context::{Context, expect_declared, read},
    failure::{Ending, Failure},
    paint,
};

/// Reads the stack whose volumes `down` removes.
pub(super) fn stack(context: &Context, down: &Down) -> Result<Stack, Failure> {
    let stack = read(&context.find()?)?;
    expect_declared(&down.services, &stack)?;
    Ok(stack)
}

/// Returns the volumes of the services; `None` if the user does not want to remove them.
pub(super) async fn chosen<'s>(
    context: &Context,
    stack: &'s Stack,
    down: &Down,
) -> Result<Option<Vec<Volumes<'s>>>, Failure> {
    let is_meant = |it: &&Service| down.services.is_empty() || down.services.contains(&it.name);
    let (id, variables) = (context.home.stack_id(&stack.file), Env::of_this_process());
    let mut found = Vec::new();
    let mut listed = Vec::new();
    for service in stack
        .services
        .iter()
        .map(|service| &**service)
        .filter(is_meant)
    {
        let volumes = Volumes::of(&id, service, &variables).await;
        let volumes = volumes.map_err(|fault| {
            Failure::Refused(format!(
                "the volumes of {} are not known: {fault}",
                service.name
            ))
        })?;
        let Some(volumes) = volumes.filter(|volumes| !volumes.names.is_empty()) else {
            continue;
        };
        listed.push(format!("{} of {}", volumes.names.join(", "), service.name));
        found.push(volumes);
    }
    if listed.is_empty() {
        writeln!(paint::err(), "There are no volumes to remove.")?;
        return Ok(Some(found));
    }
    let question = format!(
        "Remove these volumes and their data: {}?",
        listed.join("; ")
    );
    if down.yes {
        return Ok(Some(found));
    }
    if !stdin().is_terminal() {
        let why = format!("{question} Pass --yes to remove them without a question");
        return Err(Failure::Usage(why));
    }
    Ok(confirmed(&question)?.then_some(found))
}

/// Removes volumes, of services that are stopped.
pub(super) async fn remove(volumes: &[Volumes<'_>]) -> Result<Ending, Failure> {
    for volumes in volumes {
        let removed = volumes.remove(&Env::of_this_process()).await;
        removed.map_err(|fault| Failure::Refused(format!("volumes are left: {fault}")))?;
        for name in &volumes.names {
            writeln!(paint::err(), "removed the volume {name}")?;
        }
    }
    Ok(Ending::Done)
}
