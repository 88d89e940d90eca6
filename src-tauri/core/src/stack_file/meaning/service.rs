//! Validates one service.

use std::{collections::BTreeMap, ops::Range, sync::Arc, time::Duration};

use crate::{
    stack::{KnownError, LogLimits, MemoryLimit, Need, Restart, Service, ServiceName, Template},
    stack_file::{
        findings::{Read, Reported, all},
        forms::NeedsForm,
        problem::ProblemKind,
        reader::{At, Named, Whole},
        tables::{KnownTable, LogTable, ServiceTable},
        units::Size,
    },
};

use super::{Meaning, is_contained, is_external, named_ports, number, port, text::Scope};

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
        let directory = self.working_directory(at, table.directory.as_ref());
        let host = table.host.as_ref().map(|host| self.host(host));
        if let (Some(_), Some(other)) = (&table.needs, &table.depends_on) {
            let conflict = ProblemKind::Conflict {
                first: "depends_on",
                second: "needs",
            };
            self.problems.add(other.span.clone(), conflict);
        }
        let ports = all(named_ports(table).iter().map(|(name, port)| {
            self.name(name, "the name of a port")?;
            Ok(number(port).map(|port| (name.value.clone(), port)))
        }));
        let needs = self.needs(table.needs.as_ref().or(table.depends_on.as_ref()));
        let inside = table.container.as_ref();
        let inside = inside.and_then(|container| container.value.env.as_ref());
        let env = self.variables(table.env.as_ref(), scope);
        let inside = self.variables(inside, scope);
        let env_files = self.env_files(table.env_file.as_ref());
        let env_command = table.env_command.as_ref();
        let env_command = env_command.map(|command| self.command(command, scope));
        let codes = table.success_exit_codes.iter().flat_map(|it| &it.value);
        let codes = codes.filter_map(|Whole(code)| i32::try_from(*code).ok());
        let require = self.require(table.require.as_ref(), scope);
        if let (None, Some(on_limit)) = (&table.memory, &table.on_limit) {
            let reason = "there is no `memory`";
            let key = "on_limit";
            let no_effect = ProblemKind::NoEffect { key, reason };
            self.problems.add(on_limit.span.clone(), no_effect);
        }
        let memory = table.memory.as_ref().map(|limit| MemoryLimit {
            bytes: limit.value.0,
            on_limit: given(table.on_limit.as_ref()),
        });
        let stop = self.stop(table.stop.as_ref(), scope);
        let keep = table.keep.iter().flat_map(|keep| &keep.value);
        let start_timeout = self.positive(table.start_timeout.as_ref(), START_TIMEOUT);
        let links = self.links(table.links.as_ref(), scope);
        let ready = self.readiness(&name, table);
        let checks = table.check.iter().flatten();
        let checks = all(checks.map(|check| self.check(&name, check)));
        let known = table.known.iter().flatten();
        let known = all(known.map(|known| self.known(known, scope)));
        let env_points_at = self.env_points_at(table.env_points_at.as_ref());
        let watch = table.watch.as_ref().map(|watch| self.watch(watch));
        let task = self.task(&name, table);
        let hooks = self.hooks(table, scope);
        Ok(Arc::new(Service {
            command: command?,
            container: container?,
            directory: directory?,
            port: port(table),
            ports: Vec::into_iter(ports?).flatten().collect(),
            host: host.transpose()?,
            needs: needs?,
            env: env?.into_iter().chain(inside?).collect(),
            env_files: env_files?,
            env_command: env_command.transpose()?,
            require: require?,
            restart: match table.restart {
                None if self.is_task(&name) => Restart::Never,
                _ => given(table.restart.as_ref()),
            },
            restart_delay: table.restart_delay.as_ref().map(|delay| delay.value.0),
            max_restarts: table.max_restarts.as_ref().map(|most| most.value.0),
            success_exit_codes: codes.collect(),
            on_unhealthy: given(table.on_unhealthy.as_ref()),
            memory,
            stop: stop?,
            keep: keep.map(|name| name.value.clone()).collect(),
            start_timeout: start_timeout?,
            port_conflict: given(table.port_conflict.as_ref()),
            links: links?,
            ready: ready?,
            checks: checks?,
            known: known?,
            env_points_at: env_points_at?,
            log: log_limits(table.log.as_ref()),
            watch: watch.transpose()?,
            task: task?,
            hooks: hooks?,
            input: given(table.stdin.as_ref()),
            colors: table.colors.as_ref().is_none_or(|colors| colors.value),
            name,
        }))
    }

    /// Reports keys that an external service cannot have, and an external service that cannot be
    /// monitored.
    fn external(&mut self, name: &At<String>, table: &ServiceTable) {
        let ours: [(&'static str, Option<&Range<usize>>); 23] = [
            ("command", span(table.command.as_ref())),
            ("compose", span(table.compose.as_ref())),
            ("container", span(table.container.as_ref())),
            ("shell", span(table.shell.as_ref())),
            ("host", span(table.host.as_ref())),
            ("needs", span(table.needs.as_ref())),
            ("depends_on", span(table.depends_on.as_ref())),
            ("require", span(table.require.as_ref())),
            ("env_command", span(table.env_command.as_ref())),
            ("restart", span(table.restart.as_ref())),
            ("restart_delay", span(table.restart_delay.as_ref())),
            ("max_restarts", span(table.max_restarts.as_ref())),
            (
                "success_exit_codes",
                span(table.success_exit_codes.as_ref()),
            ),
            ("on_unhealthy", span(table.on_unhealthy.as_ref())),
            ("memory", span(table.memory.as_ref())),
            ("on_limit", span(table.on_limit.as_ref())),
            ("stop", span(table.stop.as_ref())),
            ("keep", span(table.keep.as_ref())),
            ("port_conflict", span(table.port_conflict.as_ref())),
            ("log", span(table.log.as_ref())),
            ("watch", span(table.watch.as_ref())),
            ("stdin", span(table.stdin.as_ref())),
            ("colors", span(table.colors.as_ref())),
        ];
        for (key, span) in ours {
            if let Some(span) = span {
                self.problems.add(span.clone(), ProblemKind::External(key));
            }
        }
        if table.ready.is_none() && port(table).is_none() {
            let unwatchable = ProblemKind::Unwatchable(name.value.as_str().into());
            self.problems.add(name.span.clone(), unwatchable);
        }
    }

    fn needs(&mut self, needs: Option<&At<NeedsForm>>) -> Read<BTreeMap<ServiceName, Need>> {
        let needs = needs.iter().flat_map(|needs| needs.value.items());
        all(needs.map(|(name, need)| {
            let (service, declared) = self.reference(name)?;
            let need = need.unwrap_or(if declared.task {
                Need::Completed
            } else {
                Need::Ready
            });
            if declared.external && need != Need::Ready {
                let never_reached = ProblemKind::NeverReached { service, need };
                return Err(self.problems.add(name.span.clone(), never_reached));
            }
            Ok((service, need))
        }))
    }

    fn env_points_at(
        &mut self,
        points: Option<&Named<At<String>>>,
    ) -> Read<BTreeMap<String, ServiceName>> {
        let points = points.iter().flat_map(|points| &points.0);
        let points: Vec<_> = all(points.map(|(variable, service)| {
            let variable = self.variable_name(variable);
            let (service, declared) = self.reference(service)?;
            Ok((variable?, service, declared.chosen))
        }))?;
        let chosen = points.into_iter().filter(|(_, _, chosen)| *chosen);
        Ok(chosen
            .map(|(variable, service, _)| (variable, service))
            .collect())
    }

    fn known(&mut self, table: &KnownTable, scope: Scope<'_>) -> Read<KnownError> {
        let says = self.regex(&table.says);
        let command = table.command.as_ref();
        let command = command.map(|command| self.command(command, scope));
        Ok(KnownError {
            says: says?,
            title: table.title.as_ref().map(|title| title.value.clone()),
            remedy: table.remedy.value.clone(),
            command: command.transpose()?,
        })
    }

    fn links(
        &mut self,
        links: Option<&Named<At<String>>>,
        scope: Scope<'_>,
    ) -> Read<BTreeMap<String, Template>> {
        let links = links.iter().flat_map(|links| &links.0);
        all(links.map(|(label, link)| Ok((label.value.clone(), self.link(link, scope)?))))
    }
}

fn log_limits(table: Option<&At<LogTable>>) -> LogLimits {
    let runs = table.and_then(|table| table.value.runs);
    let size = table.and_then(|table| table.value.size);
    LogLimits {
        runs: runs.map_or(LOG_LIMITS.runs, |Whole(runs)| runs),
        size: size.map_or(LOG_LIMITS.size, |Size(size)| size),
    }
}

/// Returns the value or the default.
pub(super) fn given<T: Copy + Default>(at: Option<&At<T>>) -> T {
    at.map(|at| at.value).unwrap_or_default()
}

pub(super) fn span<T>(at: Option<&At<T>>) -> Option<&Range<usize>> {
    at.map(|at| &at.span)
}
