//! `pilotlight validate`

use std::{
    io::{self, Write as _},
    path::Path,
};

use pilotlight::{
    env::Env,
    fs::{home::short, redact},
    stack::{Command, Service, ServiceName, Stack},
    stack_file::{self, ResolvedKey},
};
use serde_json::{Value, json};

use crate::{
    args::Validate,
    context::{Context, read, whole},
    failure::{Ending, Failure},
    json,
    paint::{self, BOLD, DIM, paint, tame},
};

pub(crate) fn run(context: &Context, validate: &Validate) -> Result<Ending, Failure> {
    let file = context.find()?;
    if validate.resolved {
        let keys = stack_file::resolved(&file, &whole(&file)?, &Env::of_this_process())?;
        if validate.json {
            json::print(&json!({ "file": file.display().to_string(), "keys": keys }))?;
        } else {
            print_keys(&keys)?;
        }
        return Ok(Ending::Done);
    }
    let stack = read(&file);
    if validate.json {
        let is_valid = stack.is_ok();
        let verdict = verdict(stack)?;
        json::print(&verdict)?;
        // The JSON contains the problems.
        return Ok(if is_valid {
            Ending::Done
        } else {
            Ending::Invalid
        });
    }
    print(&stack?)?;
    Ok(Ending::Done)
}

/// Returns whether a stack file is valid, as `validate --json` prints it.
pub(crate) fn verdict(stack: Result<Stack, Failure>) -> Result<Value, Failure> {
    match stack {
        Ok(stack) => Ok(json!({
            "valid": true,
            "file": stack.file.display().to_string(),
            "name": stack.name,
            "mode": stack.mode,
            "services": in_order(&stack).into_iter().map(|service| json!({
                "name": service.name,
                "port": service.port,
                "needs": names(service),
                "external": service.is_external(),
            })).collect::<Vec<_>>(),
            "problems": [],
        })),
        Err(Failure::StackFile(report)) => Ok(json!({
            "valid": false,
            "file": report.file().display().to_string(),
            "services": [],
            "problems": report.problems().iter().map(|problem| json!({
                "file": problem.file(),
                "line": problem.place().map(|place| place.line),
                "column": problem.place().map(|place| place.column),
                "message": problem.to_string(),
                "suggestion": problem.suggestion(),
            })).collect::<Vec<_>>(),
        })),
        Err(failure) => Err(failure),
    }
}

/// Prints the merged stack as TOML, with the origin of each key as a comment.
fn print_keys(keys: &[ResolvedKey]) -> io::Result<()> {
    let mut out = paint::out();
    let line = |key: &ResolvedKey| tame(&format!("{} = {}", key.key, key.value));
    let widths = keys.iter().map(|key| line(key).chars().count());
    let width = widths.filter(|width| *width <= 72).max().unwrap_or(0);
    let mut service = None;
    for key in keys {
        if key.service != service {
            service.clone_from(&key.service);
            if let Some(name) = &service {
                writeln!(out, "\n{}", paint(BOLD, &format!("[service.{name}]")))?;
            }
        }
        let origin = format!("# {}:{}", short(Path::new(&key.file)), key.line);
        writeln!(out, "{:width$}  {}", line(key), paint(DIM, &tame(&origin)))?;
    }
    Ok(())
}

fn print(stack: &Stack) -> io::Result<()> {
    let mut out = paint::out();
    let mode = stack.mode.name();
    let file = paint(DIM, &short(&stack.file));
    write!(out, "{}  {file}  {mode}", paint(BOLD, &stack.name))?;
    if !stack.chosen.is_empty() {
        write!(out, "  profile {}", stack.chosen.join(", "))?;
    }
    writeln!(out)?;
    let services = in_order(stack);
    let longest = services
        .iter()
        .map(|service| service.name.as_str().len())
        .max();
    for service in services {
        let name = format!("{:1$}", service.name, longest.unwrap_or(0));
        let port = service
            .port
            .map_or_else(String::new, |port| format!(":{port}"));
        let what = tame(&what(stack, service));
        writeln!(out, "  {}  {port:6}  {what}", paint(BOLD, &name))?;
        if !service.needs.is_empty() {
            let needs = names(service).join(", ");
            let indent = longest.unwrap_or(0) + 12;
            writeln!(
                out,
                "{:indent$}{}",
                "",
                paint(DIM, &format!("depends on {needs}"))
            )?;
        }
    }
    Ok(())
}

/// Returns the command of a service with its ports filled in and secrets redacted.
fn what(stack: &Stack, service: &Service) -> String {
    if let Some(container) = &service.container {
        return container.source.to_string();
    }
    let command = service
        .command
        .as_ref()
        .map(|command| command.render(&service.name, stack));
    match command {
        None => "external: monitored, never started".to_owned(),
        Some(Command::Shell(line)) => redact::command_line(&[line]),
        Some(Command::Argv(words)) => redact::command_line(&words),
    }
}

fn names(service: &Service) -> Vec<&str> {
    service.needs.keys().map(ServiceName::as_str).collect()
}

/// Returns the services in start order. Services without an order between them stay as in the file.
fn in_order(stack: &Stack) -> Vec<&Service> {
    let mut left: Vec<&Service> = stack.services.iter().map(|service| &**service).collect();
    let mut ordered: Vec<&Service> = Vec::new();
    while !left.is_empty() {
        let is_met = |need: &ServiceName| ordered.iter().any(|other| other.name == *need);
        let next = left
            .iter()
            .position(|service| service.needs.keys().all(is_met));
        // One always exists: dependencies have no cycle.
        ordered.push(left.remove(next.unwrap_or(0)));
    }
    ordered
}
