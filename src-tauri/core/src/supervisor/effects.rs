//! Runs the effects of the model as tasks that report back.

use std::{collections::BTreeSet, time::Duration};

use super::{
    Message, Origin, Supervisor,
    complaints::Complaints,
    guard::guarded,
    task::{RunLines, RunTask, panic_fault},
};
use crate::{
    effects::{
        check::{Checks, FIRST_ANSWER},
        port::{ClaimRequest, Requester},
        probe::{ProbeLoop, Round, Schedule},
        watch::inputs,
    },
    fs::project_file::TIME_LIMIT,
    model::{
        effect::{Act, Effect, Hindrance, Report},
        facts::{Exit, Mark},
    },
    stack::{CheckAction, Port, PortConflict, Probe, Service, ServiceName},
};

/// The time limit for all checks of a service together.
const CHECKS: Duration = Duration::from_mins(1);

impl Supervisor {
    /// Starts an effect. Returns at once.
    pub(super) fn carry_out(&mut self, index: usize, effect: &Effect) {
        if effect.act == Act::Abandon {
            return self.abandon(index, effect);
        }
        if let Act::Wait { timer, until } = effect.act {
            let origin = self.origin(index, effect);
            return self.timers.set(until, origin, timer);
        }
        if matches!(effect.act, Act::Claim { asked: true, .. }) {
            self.stacks[index].env_outputs.remove(&effect.service);
        }
        let Some(run_task) = self.run_task(index, effect) else {
            return;
        };
        match effect.act {
            Act::Claim { asked, forced } => self.claim(index, run_task, asked, forced),
            Act::Hook(event) => self.run_hook(index, run_task, event),
            Act::Launch => drop(self.tasks.spawn(run_task.launch())),
            Act::Follow => self.follow(index, run_task),
            Act::Probe => {
                let over = run_task.run.over.clone();
                if let (Some(limit), Some(tree)) = (run_task.service.memory, &run_task.run.tree) {
                    self.memory.add(run_task.clone(), tree.clone(), limit);
                }
                // Boxed, since the future would hold it twice.
                let probing = over.run_until_cancelled_owned(Box::pin(run_task.probe(probe)));
                self.tasks.spawn(probing);
            }
            Act::Check { first } => {
                let over = run_task.run.over.clone();
                self.tasks
                    .spawn(over.run_until_cancelled_owned(check(run_task, first)));
            }
            Act::Stop => self.stop(index, run_task),
            Act::Kill => run_task.run.kill.cancel(),
            Act::Signal(signal) => {
                let tree = run_task.run.tree.as_ref();
                if let Some(Err(error)) = tree.map(|tree| tree.signal(signal)) {
                    tracing::warn!(service = %effect.service, %error, "the signal was not sent");
                }
            }
            Act::Wait { .. } | Act::Abandon => {}
        }
    }

    fn origin(&self, index: usize, effect: &Effect) -> Origin {
        Origin {
            stack: self.stacks[index].id.clone(),
            service: effect.service.clone(),
            run: effect.run,
        }
    }

    pub(super) fn run_task(&mut self, index: usize, effect: &Effect) -> Option<RunTask> {
        let origin = self.origin(index, effect);
        let running_stack = &mut self.stacks[index];
        let service = running_stack.model.service(&effect.service)?.spec().clone();
        if service.container.is_some() {
            let run = running_stack.run(&effect.service, effect.run);
            run.container.get_or_insert_default();
        }
        Some(RunTask {
            tools: self.tools.clone(),
            origin,
            service,
            ports: running_stack.model.ports(),
            variables: running_stack.variables.clone(),
            saved: running_stack.saved.clone(),
            launches: running_stack.launches.clone(),
            env_output: running_stack
                .env_outputs
                .entry(effect.service.clone())
                .or_default()
                .clone(),
            run: running_stack.run(&effect.service, effect.run).clone(),
        })
    }

    fn abandon(&mut self, index: usize, effect: &Effect) {
        let running_stack = &mut self.stacks[index];
        if running_stack
            .abandon(&effect.service, effect.run)
            .is_some_and(|run| run.tree.is_some())
        {
            self.journal
                .ended(&running_stack.id, &effect.service, effect.run);
        }
        self.tools.active.remove(&Mark {
            stack: running_stack.id.clone(),
            service: effect.service.clone(),
            run: effect.run,
        });
    }

    fn claim(&mut self, index: usize, run_task: RunTask, asked: bool, forced: bool) {
        let stack = self.stacks[index].model.stack();
        self.tools.active.insert(run_task.mark(), stack.clone());
        // Compose publishes the ports of its own file.
        let claims = run_task.claims_port();
        let request = run_task.service.port.filter(|_| claims);
        let request = request.map(|port| {
            let requester = Requester {
                callers: self.tools.callers.clone(),
                running: self.tools.active.clone(),
                variables: run_task.variables.clone(),
            };
            let (service, ports) = (&run_task.service, &*run_task.ports);
            let mark = run_task.mark();
            ClaimRequest {
                reserved: self.reserved(index, service),
                ..ClaimRequest::new(mark, port, stack, service, ports, requester)
            }
        });
        let over = run_task.run.over.clone();
        self.tasks.spawn(over.run_until_cancelled_owned(async move {
            let claiming = guarded(async {
                if asked {
                    run_task.require().await.map_err(Hindrance::Requirement)?;
                }
                let (service, ports) = (&run_task.service, &*run_task.ports);
                let logs = run_task.logs();
                if inputs::is_up_to_date(service, ports, logs.folder()).await && !forced {
                    return Ok(Report::UpToDate);
                }
                let Some(request) = request else {
                    return Ok(Report::Claimed(Ok(None)));
                };
                let leftover = run_task.remove_leftover().await;
                if !leftover.map_err(Hindrance::Requirement)? {
                    return Ok(Report::Claimed(Ok(None)));
                }
                let ports = &run_task.tools.ports;
                let mut claimed = ports.claim(&request).await.map_err(Hindrance::Port)?;
                for port in run_task.service.other_ports() {
                    let request = request.clone().for_named(port);
                    let other = ports.claim(&request).await;
                    let other = other.map_err(|fault| Hindrance::NamedPort(port, fault))?;
                    claimed.ended.extend(other.ended);
                }
                Ok(Report::Claimed(Ok(Some(claimed))))
            });
            let claimed = claiming.await;
            let claimed =
                claimed.unwrap_or_else(|panic| Err(Hindrance::Requirement(panic_fault(&panic))));
            let report = claimed.unwrap_or_else(|hindrance| Report::Claimed(Err(hindrance)));
            run_task.report(report).await;
        }));
    }

    /// Returns the declared and claimed ports of all other services, which `port_conflict = "next"`
    /// must not choose.
    fn reserved(&self, index: usize, service: &Service) -> BTreeSet<Port> {
        if service.port_conflict != PortConflict::Next {
            return BTreeSet::new();
        }
        let is_other = |place: usize, name: &ServiceName| place != index || *name != service.name;
        let stacks = self.stacks.iter().enumerate();
        stacks
            .flat_map(|(place, running_stack)| {
                running_stack
                    .model
                    .services()
                    .iter()
                    .map(move |other| (place, other))
            })
            .filter(|(place, other)| is_other(*place, other.name()))
            .flat_map(|(_, other)| {
                let ports = [other.spec().port, other.port()];
                ports
                    .into_iter()
                    .flatten()
                    .chain(other.spec().other_ports())
            })
            .chain(service.other_ports())
            .collect()
    }

    pub(super) fn follow(&mut self, index: usize, run_task: RunTask) {
        let Some(tree) = run_task.run.tree.clone() else {
            return;
        };
        // From now on the service is the process left behind by the command.
        if let Some(running) = self.stacks[index].running(&run_task.origin.service) {
            self.journal.started(running);
        }
        tree.spare(run_task.spare());
        let stopping = run_task.run.stopping.clone();
        self.tasks
            .spawn(stopping.run_until_cancelled_owned(async move {
                let follow = async {
                    let exit = tree.followed(&run_task.tools.processes).await;
                    run_task
                        .report_exit(exit.unwrap_or(Exit::Unknown), Vec::new())
                        .await;
                };
                run_task.watch_to_end(&tree, follow).await;
            }));
    }

    fn stop(&mut self, index: usize, run_task: RunTask) {
        let run = self.stacks[index].run(&run_task.origin.service, run_task.origin.run);
        // From now on the stop reports the exit of its processes.
        run.stopping.cancel();
        let tree = run.tree.clone();
        self.tasks.spawn(async move {
            let stopped = run_task.end(tree).await;
            run_task.report(Report::Stopped(stopped)).await;
        });
    }
}

/// Probes a service until it becomes ready, and then whether it stays ready.
async fn probe(run_task: RunTask) {
    #[cfg(test)]
    run_task.panic_if_named("probe");
    let Some(reports) = run_task.tools.reports.upgrade() else {
        return;
    };
    let complaints = Complaints::of(&run_task);
    let (watch, told) = Box::pin(watch(run_task)).await;
    watch.run(reports, told).await;
    if let Some(complaints) = complaints {
        Box::pin(complaints.watch()).await;
    }
}

/// Returns the probe loop, and a function that turns its rounds into messages. Until the run is
/// over, only these are kept, not the ports and variables of its start.
async fn watch(run_task: RunTask) -> (ProbeLoop<RunLines>, impl FnMut(Round) -> Option<Message>) {
    let ready = &run_task.service.ready;
    let mut all = ready.probes.iter();
    let runs_commands = all.any(|probe| matches!(probe, Probe::Command(_)));
    let contained = run_task.seen_container().await;
    let probes = ready.probes.iter().map(|probe| match (probe, &contained) {
        (Probe::Container, Some(contained)) => contained.default_probe(&run_task.service),
        (Probe::Tcp(address), Some(_)) => {
            let address = address.render(&run_task.service.name, &*run_task.ports);
            Probe::Published(address)
        }
        // The line was written before this daemon started, and may no longer be in the log.
        (Probe::Log(_), _) if run_task.run.was_ready => Probe::Process,
        (probe, _) => probe.render(&run_task.service.name, &*run_task.ports),
    });
    let watch = ProbeLoop {
        prober: run_task.tools.prober.clone(),
        probes: probes.collect(),
        schedule: Schedule::from(ready),
        context: run_task.context(runs_commands, TIME_LIMIT).await,
        lines: run_task.lines(),
        pulse: run_task.run.pulse.clone(),
    };
    let origin = run_task.origin;
    let mut was_well = false;
    // A round that passes as the previous one did changes only the latency.
    let told = move |round: Round| {
        let is_news = !was_well || round.result.is_err();
        was_well = round.result.is_ok();
        let result = round.result.map(|()| round.latency);
        is_news.then(|| Message::Report(origin.clone(), Report::Round(result)))
    };
    (watch, told)
}

async fn check(run_task: RunTask, first: bool) {
    run_task.run.pulse.poke();
    let mut all = run_task.service.checks.iter();
    let runs_commands = all.any(|check| matches!(check.action, CheckAction::Command(_)));
    let context = run_task.context(runs_commands, TIME_LIMIT).await;
    let checks = Checks {
        prober: &run_task.tools.prober,
        service: &run_task.service,
        ports: &*run_task.ports,
        saved: &run_task.saved,
        context: &context,
        patience: if first { FIRST_ANSWER } else { Duration::ZERO },
    };
    let failed = match guarded(checks.run(CHECKS)).await {
        Ok(answers) => answers
            .iter()
            .filter_map(|answer| Some((answer.name.clone(), answer.probe_fault()?)))
            .collect(),
        Err(panic) => vec![("checks".to_owned(), run_task.probe_fault(&panic))],
    };
    run_task.report(Report::Checked(failed)).await;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        effects::{
            gather::OomKills,
            log::Watcher,
            probe::Prober,
            process::{ProcessTable, Tree},
        },
        env::Env,
        fs::home::Home,
        model::{facts::RunId, stack::PortTable},
        stack_file,
        supervisor::{Tools, running_stack::Run},
    };

    /// Returns a run of a service that is probed over HTTP, without a supervisor.
    fn run_task() -> RunTask {
        let text = "[service.web]\ncommand = \"true\"\nport = 8000\nready = { http = \"/\" }\n";
        let file = std::path::Path::new("/project/pilotlight.toml");
        let stack = stack_file::parse(file, text.as_bytes(), &Env::new());
        let stack = stack.expect("a valid stack file");
        let (reports, _) = tokio::sync::mpsc::channel(1);
        let tools = Tools {
            home: Home::under(std::path::Path::new("/home")).expect("an absolute path"),
            processes: ProcessTable::from_now(),
            ports: crate::effects::port::Ports::default(),
            active: crate::effects::port::ActiveRuns::default(),
            callers: crate::effects::port::Callers::default(),
            prober: Prober::default(),
            watcher: Watcher::new(),
            killings: OomKills::default(),
            loader: crate::supervisor::Loader::default(),
            reports: reports.downgrade(),
        };
        RunTask {
            tools: Arc::new(tools),
            origin: Origin {
                stack: crate::model::facts::StackId("stack".to_owned()),
                service: "web".into(),
                run: RunId(1),
            },
            service: stack.services[0].clone(),
            ports: Arc::new(PortTable::default()),
            variables: Env::new(),
            saved: crate::effects::check::Saved::default(),
            launches: crate::supervisor::launches::Launches::default(),
            env_output: crate::effects::env::CommandOutput::default(),
            run: Run::new(RunId(1)),
        }
    }

    #[tokio::test]
    async fn tasks_of_a_running_service_take_little_memory() {
        let run_task = run_task();
        let tree = Tree::remains(run_task.mark(), []);
        let sizes = [
            ("run task", size_of::<RunTask>()),
            ("message", size_of::<Message>()),
            ("launch", size_of_val(&run_task.clone().launch())),
            ("attend", size_of_val(&run_task.clone().attend(&tree))),
            ("index_log", size_of_val(&run_task.index_log())),
            ("probe", size_of_val(&probe(run_task.clone()))),
        ];
        // On Windows the same futures hold larger handles.
        let limit = if cfg!(windows) { 3072 } else { 2560 };
        assert!(sizes.iter().all(|(_, size)| *size <= limit), "{sizes:?}");
    }
}
