//! `pilotlight run`: tasks in this terminal.

use std::ffi::OsString;

use pilotlight::{
    effects::{
        process::{argv, foreground},
        watch::inputs,
    },
    model::view::Light,
    stack::{Command, ServiceName},
};

use super::{
    service::{Here, not_run},
    up,
};
use crate::{
    args::{Run, Up},
    context::{Context, expect_task},
    failure::{Ending, Failure},
};

pub(crate) async fn run(context: &Context, asked: &Run) -> Result<Ending, Failure> {
    let here = Here::of(context).await?;
    let stack = here.stack();
    let name = &asked.task;
    if stack
        .service(name)
        .is_some_and(|service| service.task.is_none())
    {
        let why = format!("{name} is a service, not a task; start it with `pilotlight up {name}`");
        return Err(Failure::Usage(why));
    }
    expect_task(name, stack)?;
    let needs: Vec<ServiceName> = here.service(name)?.needs.keys().cloned().collect();
    let is_met = |need: &ServiceName| here.light(need) == Some(Light::Green);
    if !needs.iter().all(is_met) {
        let ending = up::run(context, Up::detached(needs)).await?;
        if ending != Ending::Done {
            return Ok(ending);
        }
    }
    // The needed services may have other ports now.
    let here = Here::of(context).await?;
    let task = here.service(name)?;
    let environment = here.environment(task).await?;
    let logs = here.logs(context, name);
    // Recorded before the task runs, so that inputs that change meanwhile count for the next run.
    inputs::is_up_to_date(task, &here.ports, logs.folder()).await;
    let command = task
        .command
        .as_ref()
        .map(|command| command.render(name, &here.ports));
    let command = command.ok_or_else(|| Failure::Usage(format!("{name} has no command")))?;
    let words = with_arguments(&command, &asked.arguments);
    let code = foreground(&words, &task.directory, &environment).await;
    if code == Ok(0) && asked.arguments.is_empty() {
        inputs::done(logs.folder());
    }
    code.map(Ending::of_code).map_err(not_run)
}

fn with_arguments(command: &Command<String>, arguments: &[OsString]) -> Vec<OsString> {
    match command {
        Command::Shell(line) if !arguments.is_empty() => {
            let words = arguments.iter().map(|word| word.to_string_lossy());
            argv(&Command::Shell(format!(
                "{line} {}",
                shell_words::join(words)
            )))
        }
        command => argv(command)
            .into_iter()
            .chain(arguments.iter().cloned())
            .collect(),
    }
}
