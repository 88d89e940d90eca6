//! Validates one service.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    stack::{KnownError, LogLimits, MemoryLimit, Need, Restart, Service, ServiceName},
    stack_file::{
        findings::{Read, Reported, all},
        forms::NeedsForm,
        problem::ProblemKind,
        reader::{At, Named, Table as _, Whole},
        tables::{KnownTable, LogTable, NOT_EXTERNAL, ServiceTable},
        units::{Size, Time},
    },
};

use super::{Meaning, entries, is_contained, is_external, named_ports, port, text::Scope};

const START_TIMEOUT: Duration = Duration::from_mins(1);
const LOG_LIMITS: LogLimits = LogLimits {
    runs: 10,
    size: 256 << 20,
};

impl Meaning<'_, '_> {
    pub(super) fn service(&mut self, at: &At<String>, table: &ServiceTable) -> Read<Arc<Service>> {
        if self.problems.is_full() {
            return Err(Reported);
        }
        let name = ServiceName::new(&at.value);
        let scope = Scope::of(&name);
        let command = if is_external(table) {
            self.external(at, table);
            Ok(None)
        } else if is_contained(table) {
            self.not_for_containers(table);
            Ok(None)
        } else {
            self.what_runs(at, table, scope).map(Some)
        };
        let container = self.container(&name, table);
        let directory = self.maybe(table.directory.as_ref(), |it, path| {
            it.path(path, "a folder")
        });
        let host = self.maybe(table.host.as_ref(), Self::host);
        let only_needs = self.exclusive(table, "depends_on", "needs");
        let ports = all(named_ports(table).iter().map(|(name, port)| {
            self.name(name, "the name of a port")?;
            Ok((name.value.clone(), port.value.0))
        }));
        let needs = self.needs(table.needs.as_ref().or(table.depends_on.as_ref()));
        let inside = table.container.as_ref();
        let inside = inside.and_then(|container| container.env.as_ref());
        let env = self.variables(table.env.as_ref(), scope);
        let inside = self.variables(inside, scope);
        let env_files = self.env_files(table.env_file.as_ref());
        let env_command = table.env_command.as_ref();
        let env_command = self.maybe(env_command, |it, command| it.command(command, scope));
        let codes = table.success_exit_codes.iter().flatten();
        let require = self.require(table.require.as_ref(), scope);
        if table.memory.is_none() {
            self.without_effect(table, &["on_limit"], "`memory` is not set");
        }
        let memory = table.memory.map(|Size(bytes)| MemoryLimit {
            bytes,
            on_limit: table.on_limit.unwrap_or_default(),
        });
        let stop = self.stop(table.stop.as_ref(), scope);
        let start_timeout = self.positive_or(table.start_timeout.as_ref(), START_TIMEOUT);
        let links = entries(table.links.as_ref());
        let links =
            all(links.map(|(label, link)| Ok((label.value.clone(), self.link(link, scope)?))));
        let ready = self.readiness(&name, table);
        let checks = table.check.iter().flatten();
        let checks = all(checks.map(|check| self.check(&name, check)));
        let known = table.known.iter().flatten();
        let known = all(known.map(|known| self.known(known, scope)));
        let env_points_at = self.env_points_at(table.env_points_at.as_ref());
        let watch = self.maybe(table.watch.as_ref(), Self::watch);
        let task = self.task(&name, table);
        let hooks = self.hooks(table, scope);
        only_needs?;
        Ok(Arc::new(Service {
            command: command?,
            container: container?,
            directory: directory?.unwrap_or_else(|| self.folder_of(at).to_owned()),
            port: port(table),
            ports: ports?,
            host: host?,
            needs: needs?,
            env: env?.into_iter().chain(inside?).collect(),
            env_files: env_files?,
            env_command: env_command?,
            require: require?,
            restart: match table.restart {
                None if self.is_task(&name) => Restart::Never,
                restart => restart.unwrap_or_default(),
            },
            restart_delay: table.restart_delay.map(|Time(delay)| delay),
            max_restarts: table.max_restarts.map(|Whole(most)| most),
            success_exit_codes: codes.map(|Whole(code)| *code).collect(),
            on_unhealthy: table.on_unhealthy.unwrap_or_default(),
            memory,
            stop: stop?,
            keep: table.keep.clone().unwrap_or_default(),
            start_timeout: start_timeout?,
            port_conflict: table.port_conflict.unwrap_or_default(),
            links: links?,
            ready: ready?,
            checks: checks?,
            known: known?,
            env_points_at: env_points_at?,
            log: log_limits(table.log.as_ref()),
            watch: watch?,
            task: task?,
            hooks: hooks?,
            input: table.stdin.unwrap_or_default(),
            tty: table.tty.unwrap_or_default(),
            colors: table.colors.unwrap_or(true),
            name,
        }))
    }

    /// Reports keys that an external service cannot have, and external services that cannot be
    /// monitored.
    fn external(&mut self, name: &At<String>, table: &ServiceTable) {
        for key in NOT_EXTERNAL {
            if let Some(span) = table.span(key) {
                self.problems.add(span.clone(), ProblemKind::External(key));
            }
        }
        if table.ready.is_none() && port(table).is_none() {
            let unwatchable = ProblemKind::Unwatchable(name.value.as_str().into());
            self.problems.add(name.span.clone(), unwatchable);
        }
    }

    fn needs(&mut self, needs: Option<&NeedsForm>) -> Read<BTreeMap<ServiceName, Need>> {
        let needs = needs.into_iter().flat_map(NeedsForm::items);
        all(needs.map(|(name, need)| {
            let (service, declared) = self.reference(name)?;
            let need = need.unwrap_or(if declared.task {
                Need::Completed
            } else {
                Need::Ready
            });
            if declared.external && need != Need::Ready {
                return self.wrong(name, ProblemKind::NeverReached { service, need });
            }
            Ok((service, need))
        }))
    }

    fn env_points_at(
        &mut self,
        points: Option<&Named<At<String>>>,
    ) -> Read<BTreeMap<String, ServiceName>> {
        let points: Vec<_> = all(entries(points).map(|(variable, service)| {
            let variable = self.variable_name(variable);
            let (service, declared) = self.reference(service)?;
            let variable = variable?;
            Ok(declared.chosen.then_some((variable, service)))
        }))?;
        Ok(points.into_iter().flatten().collect())
    }

    fn known(&mut self, table: &KnownTable, scope: Scope<'_>) -> Read<KnownError> {
        let says = self.regex(&table.says);
        let command = table.command.as_ref();
        let command = self.maybe(command, |it, command| it.command(command, scope));
        Ok(KnownError {
            says: says?,
            title: table.title.clone(),
            remedy: table.remedy.clone(),
            command: command?,
        })
    }
}

fn log_limits(table: Option<&LogTable>) -> LogLimits {
    let runs = table.and_then(|table| table.runs);
    let size = table.and_then(|table| table.size);
    LogLimits {
        runs: runs.map_or(LOG_LIMITS.runs, |Whole(runs)| runs),
        size: size.map_or(LOG_LIMITS.size, |Size(size)| size),
    }
}
