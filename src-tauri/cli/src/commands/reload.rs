//! `pilotlight reload`

use std::{collections::BTreeSet, io::Write as _};

use pilotlight::{
    control::ConnectError,
    env::Env,
    model::view::{Light, StackView},
    stack::{ServiceName, Stack},
    stack_file, state,
};

use super::up;
use crate::{
    args::{Reload, Up},
    context::{Context, read},
    failure::{Ending, Failure},
    paint,
};

pub(crate) async fn run(context: &Context, reload: &Reload) -> Result<Ending, Failure> {
    let Some(mut client) = context.daemon().await? else {
        context.find()?;
        return Err(ConnectError::NoDaemon.into());
    };
    let snapshot = client.status().await?;
    let file = context.find_among(&snapshot)?;
    let view = snapshot.stack(&file).filter(|view| !view.is_dark());
    let Some(view) = view else {
        let why = "this stack is not running; `pilotlight up` reads the file when it starts";
        return Err(Failure::Refused(why.to_owned()));
    };
    let new = read(&file)?;
    let text = state::applied_text(&context.home, &context.home.stack_id(&file));
    let old = text
        .and_then(|text| stack_file::parse(&file, text.as_bytes(), &Env::of_this_process()).ok());
    let changes = Changes::of(view, old.as_ref(), &new);
    if changes.is_empty() {
        writeln!(paint::out(), "no running service has changed")?;
        return Ok(Ending::Done);
    }
    changes.print()?;
    if reload.dry_run {
        return Ok(Ending::Done);
    }
    up::run(context, Up::detached(changes.wanted)).await
}

/// The changes of a reload.
struct Changes {
    restart: Vec<ServiceName>,
    /// The services that only restart because they depend on changed ones.
    dependents: Vec<ServiceName>,
    start: Vec<ServiceName>,
    stop: Vec<ServiceName>,
    /// The services of the request; none means all.
    wanted: Vec<ServiceName>,
}

impl Changes {
    /// Without a copy of the applied file, every service counts as changed.
    fn of(view: &StackView, old: Option<&Stack>, new: &Stack) -> Self {
        let is_up = |name: &ServiceName| {
            let service = view.service(name, 0);
            service.is_some_and(|service| service.light != Light::Off)
        };
        let changed: BTreeSet<ServiceName> = match old {
            Some(old) => old.changed_services(new).into_iter().collect(),
            None => new
                .services
                .iter()
                .map(|service| service.name.clone())
                .collect(),
        };
        let names = new.services.iter().map(|service| &service.name);
        let is_new = |name: &ServiceName| view.services.iter().all(|known| known.name != *name);
        let mut restarts = changed.clone();
        loop {
            let dependents = new.services.iter().filter(|service| {
                !restarts.contains(&service.name)
                    && service.needs.keys().any(|need| restarts.contains(need))
            });
            let dependents: Vec<_> = dependents.map(|service| service.name.clone()).collect();
            if dependents.is_empty() {
                break;
            }
            restarts.extend(dependents);
        }
        let (restart, dependents): (Vec<_>, Vec<_>) = names
            .clone()
            .filter(|name| restarts.contains(name) && is_up(name))
            .cloned()
            .partition(|name| changed.contains(name));
        let mut runs = view.services.iter().filter(|known| !known.is_idle_task());
        let all_up = runs.all(|known| known.light != Light::Off);
        let is_task = |name: &ServiceName| {
            let service = new.service(name);
            service.is_some_and(|service| service.task.is_some())
        };
        let start = names
            .clone()
            .filter(|name| all_up && is_new(name) && !is_task(name));
        let up = names.clone().filter(|name| is_up(name));
        Self {
            restart,
            dependents,
            start: start.cloned().collect(),
            stop: view
                .services
                .iter()
                .filter(|known| is_up(&known.name) && new.service(&known.name).is_none())
                .map(|known| known.name.clone())
                .collect(),
            wanted: if all_up {
                Vec::new()
            } else {
                up.cloned().collect()
            },
        }
    }

    fn is_empty(&self) -> bool {
        self.restart.is_empty() && self.start.is_empty() && self.stop.is_empty()
    }

    fn print(&self) -> std::io::Result<()> {
        let mut out = paint::out();
        for (what, services, why) in [
            ("stop", &self.stop, " (not in the file any more)"),
            ("restart", &self.restart, ""),
            (
                "restart",
                &self.dependents,
                " (depends on a changed service)",
            ),
            ("start", &self.start, " (new)"),
        ] {
            for service in services {
                writeln!(out, "{what:<8} {service}{why}")?;
            }
        }
        Ok(())
    }
}
