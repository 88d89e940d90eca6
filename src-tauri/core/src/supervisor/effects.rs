//! Effects of the model, made into tasks that report back.

use std::{collections::BTreeSet, time::Duration};

use super::{
    Message, Origin, Supervisor,
    guard::guarded,
    task::{Job, RunLines, broken},
};
use crate::{
    effects::{
        check::{Checks, FIRST_ANSWER},
        port::{Asker, ClaimRequest, Leftovers},
        probe::{Round, Schedule, Watch},
    },
    fs::project_file::PATIENCE,
    model::{
        effect::{Act, Effect, Hindrance, Report},
        facts::{Exit, Mark},
    },
    stack::{CheckAction, Port, PortConflict, Probe, Service, ServiceName},
};

/// What all checks of a service may take together.
const CHECKS: Duration = Duration::from_mins(1);

impl Supervisor {
    /// Begins what the model wants done. Returns at once.
    pub(super) fn carry_out(&mut self, index: usize, effect: &Effect) {
        if effect.act == Act::Abandon {
            return self.abandon(index, effect);
        }
        if let Act::Wait { timer, until } = effect.act {
            let origin = self.origin(index, effect);
            return self.timers.set(until, origin, timer);
        }
        let Some(job) = self.job(index, effect) else {
            return;
        };
        match effect.act {
            Act::Claim { asked } => self.claim(index, job, asked),
            Act::Launch => drop(self.tasks.spawn(job.launch())),
            Act::Follow => self.follow(index, job),
            Act::Probe => {
                let over = job.run.over.clone();
                // Boxed, since the future would hold it twice.
                let probing = over.run_until_cancelled_owned(Box::pin(job.probe(probe)));
                self.tasks.spawn(probing);
            }
            Act::Check { first } => drop(
                self.tasks.spawn(
                    job.run
                        .over
                        .clone()
                        .run_until_cancelled_owned(check(job, first)),
                ),
            ),
            Act::Stop => self.stop(index, job),
            Act::Kill => job.run.kill.cancel(),
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

    pub(super) fn job(&mut self, index: usize, effect: &Effect) -> Option<Job> {
        let origin = self.origin(index, effect);
        let kept = &mut self.stacks[index];
        Some(Job {
            tools: self.tools.clone(),
            origin,
            service: kept.model.service(&effect.service)?.spec().clone(),
            ports: kept.model.ports(),
            variables: kept.variables.clone(),
            saved: kept.saved.clone(),
            launches: kept.launches.clone(),
            run: kept.run(&effect.service, effect.run).clone(),
        })
    }

    fn abandon(&mut self, index: usize, effect: &Effect) {
        let kept = &mut self.stacks[index];
        if kept
            .abandon(&effect.service, effect.run)
            .is_some_and(|run| run.tree.is_some())
        {
            self.journal.ended(&kept.id, &effect.service, effect.run);
        }
        self.tools.active.remove(&Mark {
            stack: kept.id.clone(),
            service: effect.service.clone(),
            run: effect.run,
        });
    }

    fn claim(&mut self, index: usize, job: Job, asked: bool) {
        let stack = self.stacks[index].model.stack();
        self.tools.active.insert(job.mark(), stack.clone());
        let request = job.service.port.map(|port| ClaimRequest {
            mark: job.mark(),
            port,
            host: job.service.host.clone(),
            conflict: job.service.port_conflict,
            mode: stack.mode,
            leftovers: Leftovers::of(job.origin.stack.clone(), stack, &job.service, &*job.ports),
            reserved: self.reserved(index, &job.service),
            asker: Asker {
                callers: self.tools.callers.clone(),
                running: self.tools.active.clone(),
            },
        });
        let over = job.run.over.clone();
        self.tasks.spawn(over.run_until_cancelled_owned(async move {
            let claiming = guarded(async {
                if asked {
                    job.require().await.map_err(Hindrance::Requirement)?;
                }
                let Some(request) = request else {
                    return Ok(None);
                };
                let claimed = job.tools.ports.claim(&request).await;
                claimed.map(Some).map_err(Hindrance::Port)
            });
            let claimed = claiming.await;
            let claimed =
                claimed.unwrap_or_else(|panic| Err(Hindrance::Requirement(broken(&panic))));
            job.report(Report::Claimed(claimed)).await;
        }));
    }

    /// The ports that the next free one must not be: all that other services have, or are to have.
    fn reserved(&self, index: usize, service: &Service) -> BTreeSet<Port> {
        if service.port_conflict != PortConflict::Next {
            return BTreeSet::new();
        }
        let is_other = |place: usize, name: &ServiceName| place != index || *name != service.name;
        let stacks = self.stacks.iter().enumerate();
        stacks
            .flat_map(|(place, kept)| {
                kept.model
                    .services()
                    .iter()
                    .map(move |other| (place, other))
            })
            .filter(|(place, other)| is_other(*place, other.name()))
            .flat_map(|(_, other)| [other.spec().port, other.port()])
            .flatten()
            .collect()
    }

    pub(super) fn follow(&mut self, index: usize, job: Job) {
        let Some(tree) = job.run.tree.clone() else {
            return;
        };
        // From now on it is what the command left behind that lives.
        if let Some(running) = self.stacks[index].running(&job.origin.service) {
            self.journal.started(running);
        }
        tree.spare(job.spare());
        let stopping = job.run.stopping.clone();
        self.tasks
            .spawn(stopping.run_until_cancelled_owned(async move {
                let follow = async {
                    let exit = tree.followed(&job.tools.processes).await;
                    job.report_exit(exit.unwrap_or(Exit::Unknown), Vec::new())
                        .await;
                };
                job.see_to_end(&tree, follow).await;
            }));
    }

    fn stop(&mut self, index: usize, job: Job) {
        let run = self.stacks[index].run(&job.origin.service, job.origin.run);
        // From now on the end of its processes is the stop's own news.
        run.stopping.cancel();
        let tree = run.tree.clone();
        self.tasks.spawn(async move {
            let stopped = job.end(tree).await;
            job.report(Report::Stopped(stopped)).await;
        });
    }
}

/// Probes whether the service becomes ready, and whether it stays so.
async fn probe(job: Job) {
    #[cfg(test)]
    job.break_in("probe");
    let Some(reports) = job.tools.reports.upgrade() else {
        return;
    };
    let (watch, told) = Box::pin(watch(job)).await;
    watch.run(reports, told).await;
}

/// The probes, and the events they report. The run holds only these, not the ports and variables of its
/// start.
async fn watch(job: Job) -> (Watch<RunLines>, impl FnMut(Round) -> Option<Message>) {
    let ready = &job.service.ready;
    let mut all = ready.probes.iter();
    let runs_commands = all.any(|probe| matches!(probe, Probe::Command(_)));
    let probes = ready.probes.iter().map(|probe| match probe {
        // The line was written before this daemon started, and may no longer be in the log.
        Probe::Log(_) if job.run.was_ready => Probe::Process,
        probe => probe.render(&job.service.name, &*job.ports),
    });
    let watch = Watch {
        prober: job.tools.prober.clone(),
        probes: probes.collect(),
        schedule: Schedule::from(ready),
        context: job.context(runs_commands, PATIENCE).await,
        lines: job.lines(),
        pulse: job.run.pulse.clone(),
    };
    let origin = job.origin;
    let mut was_well = false;
    // A round that passes like the previous one changes only the latency.
    let told = move |round: Round| {
        let is_news = !was_well || round.result.is_err();
        was_well = round.result.is_ok();
        let result = round.result.map(|()| round.latency);
        is_news.then(|| Message::Report(origin.clone(), Report::Round(result)))
    };
    (watch, told)
}

async fn check(job: Job, first: bool) {
    job.run.pulse.poke();
    let mut all = job.service.checks.iter();
    let runs_commands = all.any(|check| matches!(check.action, CheckAction::Command(_)));
    let context = job.context(runs_commands, PATIENCE).await;
    let checks = Checks {
        prober: &job.tools.prober,
        service: &job.service,
        ports: &*job.ports,
        saved: &job.saved,
        context: &context,
        patience: if first { FIRST_ANSWER } else { Duration::ZERO },
    };
    let failed = match guarded(checks.run(CHECKS)).await {
        Ok(answers) => answers
            .iter()
            .filter_map(|answer| Some((answer.name.clone(), answer.probe_fault()?)))
            .collect(),
        Err(panic) => vec![("checks".to_owned(), job.probe_fault(&panic))],
    };
    job.report(Report::Checked(failed)).await;
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use super::*;
    use crate::{
        effects::{
            gather::OomKills,
            log::Watcher,
            probe::Prober,
            process::{ProcessTable, Tree},
        },
        fs::home::Home,
        model::{facts::RunId, stack::PortTable},
        stack_file,
        supervisor::{Tools, running_stack::Run},
    };

    /// Returns a run of a service that is probed over HTTP, without a supervisor.
    fn job() -> Job {
        let text = "[service.web]\ncommand = \"true\"\nport = 8000\nready = { http = \"/\" }\n";
        let file = std::path::Path::new("/project/pilotlight.toml");
        let stack = stack_file::parse(file, text.as_bytes(), &BTreeMap::new());
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
        Job {
            tools: Arc::new(tools),
            origin: Origin {
                stack: crate::model::facts::StackId("stack".to_owned()),
                service: "web".into(),
                run: RunId(1),
            },
            service: stack.services[0].clone(),
            ports: Arc::new(PortTable::default()),
            variables: Arc::default(),
            saved: crate::effects::check::Saved::default(),
            launches: crate::supervisor::launches::Launches::default(),
            run: Run::new(RunId(1)),
        }
    }

    #[tokio::test]
    async fn what_waits_for_as_long_as_a_service_runs_takes_little_memory() {
        let job = job();
        let tree = Tree::remains(job.mark(), []);
        let sizes = [
            ("job", size_of::<Job>()),
            ("message", size_of::<Message>()),
            ("launch", size_of_val(&job.clone().launch())),
            ("attend", size_of_val(&job.clone().attend(&tree))),
            ("keep_log", size_of_val(&job.keep_log())),
            ("probe", size_of_val(&probe(job.clone()))),
        ];
        // On Windows the same futures hold larger handles.
        let limit = if cfg!(windows) { 3072 } else { 2560 };
        assert!(sizes.iter().all(|(_, size)| *size <= limit), "{sizes:?}");
    }
}
