//! The context of a task that works for one run of a service, and the longer steps of such tasks.

use std::{io, sync::Arc, time::Duration};

use tokio::{runtime::Handle, task::spawn_blocking, time::timeout};

use super::{
    Message, Origin, Tools,
    guard::{guarded, message},
    launches::Launches,
    running_stack::Run,
};
use crate::{
    effects::{
        check::Saved,
        env::{self, CommandOutput},
        log::{self, Follow, Query, Reader, RunLog, Runs, ServiceLogs},
        port,
        probe::{Context, Lines},
        process::{Launch, Spare, StopRequest, Tree, argv, kill, launch, stop},
        watch::inputs,
    },
    env::Env,
    fs::project_file::TIME_LIMIT,
    host::clock,
    model::{
        effect::Report,
        facts::{Exit, LaunchFault, Mark, ProbeFault, ProbeFaultKind, Process, Stopped},
        stack::PortTable,
    },
    stack::{Input, Ports, Probe, Service, StopMethod},
};

/// The time limit for starting a program. Its file, its folder or other files may be on a mount
/// that does not respond.
const LAUNCH_LIMIT: Duration = Duration::from_secs(15);

/// How long a stop waits for an active launch.
const LAUNCH_WAIT: Duration = Duration::from_secs(3);

/// The time that a stop may take in addition to the grace period.
const STOP_MARGIN: Duration = Duration::from_secs(15);

/// The time limit for killing survivors after a failed stop.
const LAST_RESORT: Duration = Duration::from_secs(5);

/// The pause between a failure of the probing itself and its next attempt.
const PROBE_RETRY: Duration = Duration::from_secs(1);

/// The time limit for a port to become free after all its holders have exited.
const PORT_RELEASE: Duration = Duration::from_secs(1);

/// The message for a run that was stopped because its watching task failed.
const NOT_WATCHED: &str = "Pilot Light could no longer watch it because of an internal error";

/// The context of a task that works for one run of a service.
#[derive(Clone)]
pub(super) struct RunTask {
    pub(super) tools: Arc<Tools>,
    pub(super) origin: Origin,
    pub(super) service: Arc<Service>,
    pub(super) ports: Arc<PortTable>,
    pub(super) variables: Env,
    /// The values that the checks of the stack have saved.
    pub(super) saved: Saved,
    pub(super) launches: Launches,
    /// The output of its `env_command`.
    pub(super) env_output: CommandOutput,
    pub(super) run: Run,
}

/// A launched process and its process tree.
#[derive(Debug)]
pub(super) struct Launched {
    pub(super) process: Process,
    pub(super) tree: Tree,
}

/// The lines of a run, for a probe that waits for one of them.
///
/// Boxed, since it is read only until the service is ready.
pub(super) struct RunLines(Box<Follow>);

impl Lines for RunLines {
    async fn next(&mut self) -> Option<String> {
        let line = Box::pin(self.0.next()).await;
        line.ok().map(|line| line.text)
    }
}

impl RunTask {
    /// Returns the mark that every process of the run has in its environment.
    pub(super) fn mark(&self) -> Mark {
        Mark {
            stack: self.origin.stack.clone(),
            service: self.origin.service.clone(),
            run: self.origin.run,
        }
    }

    /// Sends a report to the supervisor. Does nothing if the supervisor has exited.
    pub(super) async fn report(&self, report: Report) {
        self.tell(Message::Report(self.origin.clone(), report))
            .await;
    }

    pub(super) fn tell(&self, message: Message) -> impl Future<Output = ()> {
        super::tell(&self.tools.reports, message)
    }

    /// Reports the first process of a tree to the supervisor.
    pub(super) async fn report_launch(&self, tree: &Tree) {
        if let Some(process) = tree.first() {
            let launched = Launched {
                process,
                tree: tree.clone(),
            };
            self.tell(Message::Launched(self.origin.clone(), launched))
                .await;
        }
    }

    /// Reports the exit of a process to the supervisor.
    pub(super) async fn report_exit(&self, exit: Exit, survivors: Vec<Process>) {
        self.tell(Message::Ended(self.origin.clone(), exit, survivors))
            .await;
    }

    /// Returns the service's variables. Reads its env files and runs its `env_command` once.
    async fn environment(&self, time_limit: Duration) -> Result<Env, LaunchFault> {
        let (service, ports) = (&self.service, &*self.ports);
        let output = Some(&self.env_output);
        env::environment(service, &self.variables, ports, time_limit, output).await
    }

    /// Verifies the requirements of the service.
    pub(super) async fn require(&self) -> Result<(), LaunchFault> {
        #[cfg(test)]
        self.panic_if_named("claim");
        let environment = self.environment(TIME_LIMIT).await?;
        env::require(&self.service, &environment, &*self.ports).await
    }

    /// Returns the context for the commands of the service. Its variables are read only if there
    /// are such commands. Unreadable variables are left out, since the start has already reported
    /// them.
    pub(super) async fn context(&self, runs_commands: bool, time_limit: Duration) -> Context {
        let environment = if runs_commands {
            self.environment(time_limit).await.unwrap_or_default()
        } else {
            Env::default()
        };
        Context {
            directory: self.service.directory.clone(),
            environment,
            container: self.run.container.clone(),
        }
    }

    /// Launches the command and watches the run to its end.
    pub(super) async fn launch(self) {
        // Boxed, so that the task of a running service is small.
        if let Some(tree) = Box::pin(self.begin()).await {
            self.attend(&tree).await;
        }
    }

    /// Launches the command and reports the outcome. Returns the run if it must be watched until
    /// its end.
    async fn begin(&self) -> Option<Tree> {
        let launched = match guarded(self.start()).await {
            Ok(launched) => launched,
            Err(panic) => {
                // The process may exist nevertheless.
                self.kill(&Tree::remains(self.mark(), [])).await;
                Err(panic_fault(&panic))
            }
        };
        // No task would watch a process that starts too late.
        let is_late = self.run.over.is_cancelled();
        if let Ok(tree) = &launched {
            if is_late {
                self.kill(tree).await;
            } else {
                self.report_launch(tree).await;
            }
        }
        // Set after the message: a stop may be waiting for this.
        let _ = self.run.launch.set(launched.as_ref().ok().cloned());
        match launched {
            Ok(tree) => (!is_late).then_some(tree),
            Err(fault) => {
                self.report(Report::Launched(Err(fault))).await;
                None
            }
        }
    }

    /// Starts the command on a separate thread, within a time limit: a shared worker that hangs on
    /// a dead mount would delay all other services.
    async fn start(&self) -> Result<Tree, LaunchFault> {
        if self.service.container.is_some() {
            return Box::pin(self.start_container()).await;
        }
        let runtime = Handle::current();
        let run_task = self.clone();
        let late = || LaunchFault::Other {
            message: no_response(),
        };
        let preparing = async {
            let environment = self.environment(TIME_LIMIT).await?;
            let turn = self.launches.turn(LAUNCH_LIMIT).await;
            Ok((environment, turn.ok_or_else(late)?))
        };
        // A stop does not wait for a launch that has not begun.
        let prepared = self.run.stopping.run_until_cancelled(preparing).await;
        let (environment, turn) = prepared.unwrap_or_else(|| Err(stopped()))?;
        let mut starting = spawn_blocking(move || {
            let started = runtime.block_on(run_task.launch_on_thread(environment));
            drop(turn);
            started
        });
        match timeout(LAUNCH_LIMIT, &mut starting).await {
            Ok(Ok(started)) => started,
            Ok(Err(error)) => {
                let panic = error.try_into_panic();
                let panic = panic.map_or_else(|_| String::new(), |panic| message(&*panic));
                Err(panic_fault(&panic))
            }
            Err(_) => {
                let run_task = self.clone();
                tokio::spawn(async move {
                    if let Ok(Ok(tree)) = starting.await {
                        run_task.kill(&tree).await;
                    }
                });
                Err(late())
            }
        }
    }

    async fn launch_on_thread(&self, environment: Env) -> Result<Tree, LaunchFault> {
        #[cfg(test)]
        self.panic_if_named("launch");
        let command = self
            .service
            .command
            .as_ref()
            .map(|command| command.render(&self.service.name, &*self.ports));
        let Some(command) = command else {
            return Err(LaunchFault::Other {
                message: "an external service has no command".into(),
            });
        };
        let logs = self.logs();
        let output = logs.create(self.origin.run);
        let output = output.map_err(|error| self.log_fault(&error))?;
        let launched = launch(Launch {
            argv: argv(&command),
            directory: self.service.directory.clone(),
            environment,
            mark: self.mark(),
            output,
            errors: None,
            // Without it, the service still runs.
            input: (self.service.input == Input::Open || self.service.tty)
                .then(|| logs.create_input(self.origin.run).ok())
                .flatten(),
            colors: self.service.colors,
            terminal: self
                .service
                .tty
                .then(|| logs.run(self.origin.run).terminal().to_owned()),
        })
        .await;
        // This can run while the program starts.
        self.tend_log();
        launched
    }

    /// Creates the index of the log of the run, and removes old logs.
    pub(super) fn tend_log(&self) {
        let logs = self.logs();
        logs.begin_index(self.origin.run);
        if let Err(error) = logs.prune(self.service.log) {
            tracing::warn!(service = %self.service.name, %error, "failed to remove old logs");
        }
    }

    pub(super) fn log_fault(&self, error: &io::Error) -> LaunchFault {
        LaunchFault::Log {
            path: self.logs().folder().to_owned(),
            message: error.to_string(),
        }
    }

    /// Watches a launched or adopted run to its end: indexes its log, and reports the exit of its
    /// first process.
    pub(super) async fn attend(self, tree: &Tree) {
        tree.spare(self.spare());
        tokio::join!(self.index_log(), self.watch_to_end(tree, self.watch(tree)));
    }

    /// Runs `watch` until the end of a run. If it panics, stops the run so that the service
    /// restarts: its exit would otherwise remain unnoticed.
    pub(super) async fn watch_to_end(&self, tree: &Tree, watch: impl Future<Output = ()>) {
        if guarded(watch).await.is_err() {
            // Boxed, since this rarely happens.
            Box::pin(async {
                self.kill(tree).await;
                let exit = tree.exit().unwrap_or(Exit::Unknown);
                let survivors = Vec::new();
                let last_words = Some(NOT_WATCHED.to_owned());
                self.report(Report::Exited {
                    exit,
                    survivors,
                    last_words,
                })
                .await;
            })
            .await;
        }
    }

    /// Indexes the times of its log lines until the run is over.
    pub(super) async fn index_log(&self) {
        let over = self.run.over.clone();
        let log = self.log();
        // A service can run without the timestamps of its lines.
        let _ = guarded(log::run_indexer(
            &self.tools.watcher,
            &log,
            self.service.log,
            over,
        ))
        .await;
    }

    async fn watch(&self, tree: &Tree) {
        #[cfg(test)]
        self.panic_if_named("watch");
        // Boxed, since each of the following futures would hold it twice.
        let ended = Box::pin(async {
            if self.service.container.is_some() {
                return Box::pin(self.watch_container(tree)).await;
            }
            let exit = tree.exited().await;
            if exit.is_success() && self.service.task.is_some() {
                inputs::done(self.logs().folder());
            }
            // Dropped here instead of being kept until the end of the run.
            Box::pin(async {
                let survivors = tree.survivors(&self.tools.processes).await;
                self.report_exit(exit, survivors.unwrap_or_default()).await;
            })
            .await;
        });
        // The exit of a run that is being stopped is reported by the stop. A run that an exiting
        // daemon leaves running has no exit.
        let stopping = self.run.stopping.run_until_cancelled(ended);
        self.run.over.run_until_cancelled(stopping).await;
    }

    /// Returns the programs that outlive the service.
    pub(super) fn spare(&self) -> Spare {
        Spare::of(&self.service, &*self.ports)
    }

    /// Stops the whole tree of the run and verifies that, within a time limit. `tree` is `None`
    /// while the run is being launched.
    pub(super) async fn end(&self, tree: Option<Tree>) -> Stopped {
        let tree = match tree {
            Some(tree) => tree,
            None => match timeout(LAUNCH_WAIT, self.run.launch.wait()).await {
                Ok(Some(tree)) => {
                    tree.spare(self.spare());
                    tree.clone()
                }
                Ok(None) => Tree::remains(self.mark(), []),
                Err(_) => {
                    return Stopped {
                        fault: Some(no_response()),
                        ..Stopped::default()
                    };
                }
            },
        };
        let limit = self.service.stop.timeout + STOP_MARGIN;
        let fault = match timeout(limit, guarded(self.end_tree(&tree))).await {
            Ok(Ok(stopped)) => return stopped,
            Ok(Err(panic)) => format!("its stop failed with an internal error: {panic}"),
            Err(_) => format!("its stop did not finish within {} s", limit.as_secs()),
        };
        self.kill(&tree).await.unwrap_or_else(|| Stopped {
            survivors: tree.survivor().into_iter().collect(),
            fault: Some(fault),
            ..Stopped::default()
        })
    }

    /// Kills a tree. Returns `None` if that panics or takes too long.
    async fn kill(&self, tree: &Tree) -> Option<Stopped> {
        let killing = guarded(kill(tree, &self.tools.processes));
        timeout(LAST_RESORT, killing).await.ok()?.ok()
    }

    async fn end_tree(&self, tree: &Tree) -> Stopped {
        #[cfg(test)]
        self.panic_if_named("stop");
        let name = &self.service.name;
        if self.service.container.is_some() {
            return Box::pin(self.end_container(tree)).await;
        }
        let mut grace = self.service.stop.timeout;
        let (command, context);
        let request = match &self.service.stop.graceful {
            StopMethod::Signal(signal) => StopRequest::Signal(*signal),
            StopMethod::Command(template) => {
                let began = clock::now().instant;
                let reading = self.context(true, grace / 2);
                let reading = self.run.kill.run_until_cancelled(reading);
                context = reading.await.unwrap_or_default();
                grace = grace.saturating_sub(began.elapsed());
                command = template.render(name, &*self.ports);
                StopRequest::Command {
                    command: &command,
                    directory: &context.directory,
                    environment: &context.environment,
                }
            }
        };
        tree.spare(self.spare());
        let mut stopped = stop(tree, &self.tools.processes, request, grace, &self.run.kill).await;
        if !stopped.beside.is_empty() {
            let beside = &stopped.beside;
            tracing::info!(service = %name, ?beside, "stopped with the service, though they had sessions of their own");
        }
        if stopped.survivors.is_empty() {
            let host = self.service.host.as_deref();
            let ports = self.ports.port_of(name).into_iter();
            for port in ports.chain(self.service.other_ports()) {
                stopped.port_held |= !port::verify_free(port, host, PORT_RELEASE).await;
            }
        }
        stopped
    }

    /// Probes until the run is over. A panic counts as a failed round.
    pub(super) async fn probe(self, probe: impl AsyncFn(Self)) {
        while let Err(panic) = guarded(probe(self.clone())).await {
            self.report(Report::Round(Err(self.probe_fault(&panic))))
                .await;
            tokio::time::sleep(PROBE_RETRY).await;
        }
    }

    /// Returns the fault of a probe or check that panicked.
    pub(super) fn probe_fault(&self, panic: &str) -> ProbeFault {
        ProbeFault {
            target: self.service.name.to_string(),
            kind: ProbeFaultKind::Launch(panic_fault(panic)),
        }
    }

    /// Returns the lines of this run, if a probe waits for one.
    pub(super) fn lines(&self) -> Option<RunLines> {
        let waits = self
            .service
            .ready
            .probes
            .iter()
            .any(|probe| matches!(probe, Probe::Log(_)));
        let query = Query {
            runs: Runs::One(self.origin.run),
            ..Query::default()
        };
        let reader = waits
            .then(|| Reader::open(&self.logs(), query).ok())
            .flatten()?;
        let follow = reader.follow(&self.tools.watcher).ok()?;
        Some(RunLines(Box::new(follow)))
    }

    /// Panics for a service with this name.
    #[cfg(test)]
    pub(super) fn panic_if_named(&self, what: &str) {
        assert_ne!(
            self.service.name.as_str(),
            format!("breaks-in-{what}"),
            "out of luck"
        );
    }

    pub(super) fn logs(&self) -> ServiceLogs {
        ServiceLogs::of(
            self.tools.home.logs(),
            &self.origin.stack,
            &self.origin.service,
        )
    }

    fn log(&self) -> RunLog {
        self.logs().run(self.origin.run)
    }
}

/// Returns the error text for a task that panicked.
pub(super) fn panic_fault(panic: &str) -> LaunchFault {
    LaunchFault::Other {
        message: format!("internal error in Pilot Light: {panic}"),
    }
}

pub(super) fn stopped() -> LaunchFault {
    LaunchFault::Other {
        message: "it was stopped before it started".to_owned(),
    }
}

fn no_response() -> String {
    format!(
        "its start did not return within {} s: its program or folder does not respond",
        LAUNCH_LIMIT.as_secs()
    )
}
