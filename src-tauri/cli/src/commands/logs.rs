//! `pilotlight logs`

mod lines;
mod printer;

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write as _},
    path::Path,
};

use pilotlight::{
    effects::log::{MergedFollow, MergedLogs, Query, Runs, ServiceLogs, Watcher},
    model::facts::StackId,
    stack::ServiceName,
};

pub(crate) use self::lines::Wanted;
use self::printer::Printer;
use crate::{
    args::Logs,
    context::{Context, expect_known, read},
    daemon::listen,
    failure::{Ending, Failure},
    paint,
};

/// The number of earlier lines of each service that `--follow` shows.
const BEFORE_FOLLOWING: usize = 20;

pub(crate) async fn run(context: &Context, asked: Logs) -> Result<Ending, Failure> {
    let file = context.find()?;
    let id = context.home.stack_id(&file);
    let services = services(context.home.logs(), &file, &id, &asked.services)?;
    let logs = |service: &ServiceName| ServiceLogs::of(context.home.logs(), &id, service);
    let sources = services
        .iter()
        .map(|service| (service.clone(), logs(service)));
    let tail = asked.lines.or(asked.follow.then_some(BEFORE_FOLLOWING));
    let wanted = Wanted::new(asked.level, tail);
    let none = no_match(&asked, &services, logs);
    let query = Query {
        runs: match asked.run {
            Some(run) => Runs::One(run),
            None if asked.all_runs => Runs::All,
            None => Runs::Latest,
        },
        tail: tail.filter(|_| !wanted.chooses()),
        since: asked.since.map(|since| since.0),
        grep: asked.grep,
        shortened: true,
    };
    let unreadable = Failure::log(context.home.logs().join(&id.0));
    let mut merged = MergedLogs::open(sources, &query).map_err(&unreadable)?;
    let mut printer = Printer::new(services, asked.json, asked.times);
    history(&mut merged, wanted, &mut printer, &unreadable)?;
    for (service, remark) in merged.take_remarks() {
        writeln!(paint::err(), "note: {service}: {remark}")?;
    }
    if asked.follow {
        let level = Wanted::new(asked.level, None);
        follow(
            merged.follow(&Watcher::new()),
            level,
            &mut printer,
            &unreadable,
        )
        .await?;
    }
    printer.end()?;
    if let Some(none) = none.filter(|_| printer.is_unused()) {
        writeln!(paint::err(), "{none}")?;
    }
    Ok(Ending::Done)
}

/// Returns the message for a selection of lines that matches none.
fn no_match(
    asked: &Logs,
    services: &[ServiceName],
    logs: impl Fn(&ServiceName) -> ServiceLogs,
) -> Option<String> {
    let what = match asked.level {
        Some(level) => {
            let name = serde_json::to_value(level).ok()?;
            format!("lines at {} or above", name.as_str()?)
        }
        None if asked.grep.is_some() || asked.since.is_some() => "matching lines".to_owned(),
        None => return None,
    };
    let names: Vec<&str> = services.iter().map(ServiceName::as_str).collect();
    let latest = || match services {
        [only] => logs(only).latest_run().ok().flatten(),
        _ => None,
    };
    let run = match asked.run {
        Some(run) => Some(run),
        None if asked.all_runs => None,
        None => latest(),
    };
    let run = run.map_or_else(String::new, |run| format!(", run {run}"));
    Some(format!("No {what} in {}{run}.", names.join(", ")))
}

/// Prints the lines that exist now.
fn history(
    merged: &mut MergedLogs,
    mut wanted: Wanted,
    printer: &mut Printer,
    unreadable: &impl Fn(io::Error) -> Failure,
) -> Result<(), Failure> {
    for line in merged.by_ref() {
        let (service, line) = line.map_err(unreadable)?;
        if let Some((service, line)) = wanted.take(service, line) {
            printer.print(&service, &line)?;
        }
    }
    for (service, line) in wanted.rest() {
        printer.print(&service, &line)?;
    }
    Ok(printer.flush()?)
}

/// Prints new lines until Ctrl-C.
async fn follow(
    mut lines: MergedFollow,
    mut wanted: Wanted,
    printer: &mut Printer,
    unreadable: &impl Fn(io::Error) -> Failure,
) -> Result<(), Failure> {
    let mut endings = listen()?;
    loop {
        tokio::select! {
            line = lines.next() => {
                let Some((service, line)) = line.map_err(unreadable)? else { return Ok(()) };
                if let Some((service, line)) = wanted.take(service, line) {
                    printer.print(&service, &line)?;
                    printer.flush()?;
                }
            }
            _ = endings.next() => return Ok(()),
        }
    }
}

/// Returns the requested services, or all of the stack. Includes services that are no longer in the stack
/// file but have logs, and works with an invalid stack file.
fn services(
    logs: &Path,
    file: &Path,
    id: &StackId,
    asked: &[ServiceName],
) -> Result<Vec<ServiceName>, Failure> {
    let written = written(&logs.join(&id.0))?;
    let (name, declared) = match read(file) {
        Ok(stack) => {
            let own = stack
                .services
                .iter()
                .filter(|service| !service.is_external());
            (
                stack.name.clone(),
                own.map(|service| service.name.clone()).collect(),
            )
        }
        Err(failure) if written.is_empty() => return Err(failure),
        Err(_) => (id.to_string(), Vec::from_iter(written.clone())),
    };
    let known: BTreeSet<_> = written.iter().chain(&declared).collect();
    expect_known(asked, &name, known)?;
    Ok(if asked.is_empty() {
        declared
    } else {
        asked.to_vec()
    })
}

/// Returns the services that have logs.
fn written(folder: &Path) -> Result<BTreeSet<ServiceName>, Failure> {
    let unreadable = Failure::log(folder);
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        entries => entries.map_err(&unreadable)?,
    };
    let mut services = BTreeSet::new();
    for entry in entries {
        let name = entry.map_err(&unreadable)?.file_name();
        services.extend(name.to_str().map(ServiceName::new));
    }
    Ok(services)
}
