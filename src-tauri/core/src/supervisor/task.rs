//! What a task for one run of a service works with, and the longer pieces of such work.

use std::{ffi::OsString, sync::Arc, time::Duration};

use tokio::{runtime::Handle, task::spawn_blocking, time::timeout};

use super::{
    Message, Origin, Tools,
    guard::{guarded, message},
    launches::Launches,
    running_stack::{Run, Variables},
};
use crate::{
    effects::{
        check::Saved,
        env,
        log::{self, Follow, Query, Reader, RunLog, Runs, ServiceLogs},
        port,
        probe::{Context, Lines},
        process::{Ask, Launch, Spare, Tree, kill, launch, stop, words},
    },
    fs::project_file::PATIENCE,
    host::clock,
    model::{
        effect::Report,
        facts::{Exit, LaunchFault, Mark, ProbeFault, ProbeFaultKind, Process, Stopped},
        stack::PortTable,
    },
    stack::{Ports, Probe, Service, StopMethod},
};

/// How long the operating system may take to start a program. Its file, its folder or other files may
/// be on a mount that does not respond.
const LAUNCH: Duration = Duration::from_secs(15);

/// How long a stop waits for an active launch.
const LAUNCHING: Duration = Duration::from_secs(3);

/// The time that a stop may take beyond the grace period of its service.
const STOP: Duration = Duration::from_secs(15);

/// How long the kill of survivors may take after a failed stop.
const LAST_RESORT: Duration = Duration::from_secs(5);

/// The pause between a failure of the probing itself and its next attempt.
const PROBE_AGAIN: Duration = Duration::from_secs(1);

/// How long a port may take to become free after all its holders have exited.
const PORT_RELEASE: Duration = Duration::from_secs(1);

/// The message for a run that was ended because it had no watcher.
const NOT_WATCHED: &str = "Pilot Light met a bug of its own and could not watch it any more";

/// What a task for one run of a service works with.
#[derive(Clone)]
pub(super) struct Job {
    pub(super) tools: Arc<Tools>,
    pub(super) origin: Origin,
    pub(super) service: Arc<Service>,
    pub(super) ports: Arc<PortTable>,
    pub(super) variables: Arc<Variables>,
    /// What the checks of the stack have saved.
    pub(super) saved: Saved,
    pub(super) launches: Launches,
    pub(super) run: Run,
}

/// A process that was started, and the tree that it begins.
#[derive(Debug)]
pub(super) struct Launched {
    pub(super) process: Process,
    pub(super) tree: Tree,
}

/// The lines of a run, for the probe that waits for one of them.
///
/// Boxed, since it is read only until the service is ready.
pub(super) struct RunLines(Box<Follow>);

impl Lines for RunLines {
    async fn next(&mut self) -> Option<String> {
        let line = Box::pin(self.0.next()).await;
        line.ok().map(|line| line.text)
    }
}

impl Job {
    /// What every process of the run carries.
    pub(super) fn mark(&self) -> Mark {
        Mark {
            stack: self.origin.stack.clone(),
            service: self.origin.service.clone(),
            run: self.origin.run,
        }
    }

    /// Tells the supervisor, if it is still there.
    pub(super) async fn report(&self, report: Report) {
        self.tell(Message::Report(self.origin.clone(), report))
            .await;
    }

    async fn tell(&self, message: Message) {
        if let Some(reports) = self.tools.reports.upgrade() {
            // It has ended, and with it everybody's interest.
            let _ = reports.send(message).await;
        }
    }

    /// Tells the supervisor of the end of a process.
    pub(super) async fn report_exit(&self, exit: Exit, left: Vec<Process>) {
        self.tell(Message::Ended(self.origin.clone(), exit, left))
            .await;
    }

    /// Its variables as they are now; the files of variables are read.
    async fn environment(
        &self,
        patience: Duration,
    ) -> Result<Vec<(OsString, OsString)>, LaunchFault> {
        env::environment(&self.service, &self.variables, &*self.ports, patience).await
    }

    /// Whether what it requires is there.
    pub(super) async fn require(&self) -> Result<(), LaunchFault> {
        #[cfg(test)]
        self.break_in("claim");
        let environment = self.environment(PATIENCE).await?;
        env::require(&self.service, &environment, &*self.ports).await
    }

    /// Returns the context for the commands of the service; its variables are read only if there are
    /// such commands. Unreadable variables are left out: the start has reported them already.
    pub(super) async fn context(&self, runs_commands: bool, patience: Duration) -> Context {
        let environment = if runs_commands {
            self.environment(patience).await.unwrap_or_default().into()
        } else {
            Arc::default()
        };
        Context {
            directory: self.service.directory.clone(),
            environment,
        }
    }

    /// Launches the command and sees it to its end.
    pub(super) async fn launch(self) {
        // Boxed, so that the task of a running service is small.
        if let Some(tree) = Box::pin(self.begin()).await {
            self.attend(&tree).await;
        }
    }

    /// Launches the command and reports the outcome. Returns the run, if it is to be watched to its
    /// end.
    async fn begin(&self) -> Option<Tree> {
        let launched = match guarded(self.start()).await {
            Ok(launched) => launched,
            Err(panic) => {
                // The process may exist all the same.
                self.kill(&Tree::remains(self.mark(), [])).await;
                Err(broken(&panic))
            }
        };
        // No task would watch a process that starts too late.
        let is_late = self.run.over.is_cancelled();
        if let Ok(tree) = &launched {
            if is_late {
                self.kill(tree).await;
            } else if let Some(process) = tree.first() {
                let launched = Launched {
                    process,
                    tree: tree.clone(),
                };
                self.tell(Message::Launched(self.origin.clone(), launched))
                    .await;
            }
        }
        // It is set once; a stop that waits for it comes after the message.
        let _ = self.run.launch.set(launched.as_ref().ok().cloned());
        match launched {
            Ok(tree) => (!is_late).then_some(tree),
            Err(fault) => {
                self.report(Report::Launched(Err(fault))).await;
                None
            }
        }
    }

    /// Starts the command on a separate thread, within a limit: a shared worker that hangs on a dead
    /// mount would delay all other services.
    async fn start(&self) -> Result<Tree, LaunchFault> {
        let runtime = Handle::current();
        let job = self.clone();
        let late = || LaunchFault::Other {
            message: no_response(),
        };
        let preparing = async {
            let environment = self.environment(PATIENCE).await?;
            let turn = self.launches.turn(LAUNCH).await;
            Ok((environment, turn.ok_or_else(late)?))
        };
        // A stop need not wait for a launch that has not begun.
        let prepared = self.run.stopping.run_until_cancelled(preparing).await;
        let (environment, turn) = prepared.unwrap_or_else(|| Err(stopped()))?;
        let mut starting = spawn_blocking(move || {
            let started = runtime.block_on(job.start_here(environment));
            drop(turn);
            started
        });
        match timeout(LAUNCH, &mut starting).await {
            Ok(Ok(started)) => started,
            Ok(Err(error)) => {
                let panic = error.try_into_panic();
                let panic = panic.map_or_else(|_| String::new(), |panic| message(&*panic));
                Err(broken(&panic))
            }
            Err(_) => {
                let job = self.clone();
                tokio::spawn(async move {
                    if let Ok(Ok(tree)) = starting.await {
                        job.kill(&tree).await;
                    }
                });
                Err(late())
            }
        }
    }

    async fn start_here(
        &self,
        environment: Vec<(OsString, OsString)>,
    ) -> Result<Tree, LaunchFault> {
        #[cfg(test)]
        self.break_in("launch");
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
        let output = logs
            .create(self.origin.run)
            .map_err(|error| LaunchFault::Log {
                path: logs.folder().to_owned(),
                message: error.to_string(),
            })?;
        let launched = launch(Launch {
            words: words(&command),
            directory: self.service.directory.clone(),
            environment,
            mark: self.mark(),
            output,
            has_input: true,
        })
        .await;
        // What can be done while it starts is not done before.
        logs.begin_index(self.origin.run);
        if let Err(error) = logs.prune(self.service.log) {
            tracing::warn!(service = %self.service.name, %error, "failed to remove old logs");
        }
        launched
    }

    /// Sees a launched or adopted run to its end: keeps its log, and tells when its first process
    /// has ended.
    pub(super) async fn attend(self, tree: &Tree) {
        tree.spare(self.spare());
        tokio::join!(self.keep_log(), self.see_to_end(tree, self.watch(tree)));
    }

    /// Runs `watch` until the end of a run. If it panics, ends the run, whose exit would otherwise go
    /// unnoticed, so that it is started again.
    pub(super) async fn see_to_end(&self, tree: &Tree, watch: impl Future<Output = ()>) {
        if guarded(watch).await.is_err() {
            // Boxed, since it hardly ever happens.
            Box::pin(async {
                self.kill(tree).await;
                let exit = tree.exit().unwrap_or(Exit::Unknown);
                let left = Vec::new();
                let last_words = Some(NOT_WATCHED.to_owned());
                self.report(Report::Exited {
                    exit,
                    left,
                    last_words,
                })
                .await;
            })
            .await;
        }
    }

    /// Notes the times of its lines, until the run is over.
    pub(super) async fn keep_log(&self) {
        let over = self.run.over.clone();
        let log = self.log();
        // A service can run without the timestamps of its lines.
        let _ = guarded(log::keep(&self.tools.watcher, &log, self.service.log, over)).await;
    }

    async fn watch(&self, tree: &Tree) {
        #[cfg(test)]
        self.break_in("watch");
        // Boxed, since each of the following futures would hold it twice.
        let ended = Box::pin(async {
            let exit = tree.exited().await;
            // Dropped here, so that it is not held for as long as the run lives.
            Box::pin(async {
                let left = tree.left_behind(&self.tools.processes).await;
                self.report_exit(exit, left.unwrap_or_default()).await;
            })
            .await;
        });
        // A run that is being stopped tells of its end itself, and one that is left running by a
        // daemon that goes has none.
        let stopping = self.run.stopping.run_until_cancelled(ended);
        self.run.over.run_until_cancelled(stopping).await;
    }

    /// Returns the programs that outlive the service.
    pub(super) fn spare(&self) -> Spare {
        Spare::of(&self.service, &*self.ports)
    }

    /// Ends the whole tree of the run and verifies that, always within a limit. `tree` is `None` while
    /// the run is being launched.
    pub(super) async fn end(&self, tree: Option<Tree>) -> Stopped {
        let tree = match tree {
            Some(tree) => tree,
            None => match timeout(LAUNCHING, self.run.launch.wait()).await {
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
        let limit = self.service.stop.timeout + STOP;
        let fault = match timeout(limit, guarded(self.end_tree(&tree))).await {
            Ok(Ok(stopped)) => return stopped,
            Ok(Err(panic)) => format!("its stop met a bug of Pilot Light: {panic}"),
            Err(_) => format!("its stop did not end within {} s", limit.as_secs()),
        };
        self.kill(&tree).await.unwrap_or_else(|| Stopped {
            left: tree.survivor().into_iter().collect(),
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
        self.break_in("stop");
        let name = &self.service.name;
        let mut patience = self.service.stop.timeout;
        let (command, context);
        let ask = match &self.service.stop.polite {
            StopMethod::Signal(signal) => Ask::Signal(*signal),
            StopMethod::Command(template) => {
                let began = clock::now().instant;
                let reading = self.context(true, patience / 2);
                let reading = self.run.kill.run_until_cancelled(reading);
                context = reading.await.unwrap_or_default();
                patience = patience.saturating_sub(began.elapsed());
                command = template.render(name, &*self.ports);
                Ask::Command {
                    command: &command,
                    directory: &context.directory,
                    environment: &context.environment,
                }
            }
        };
        tree.spare(self.spare());
        let mut stopped = stop(tree, &self.tools.processes, ask, patience, &self.run.kill).await;
        if !stopped.beside.is_empty() {
            let beside = &stopped.beside;
            tracing::info!(service = %name, ?beside, "ended with the service, from sessions of their own");
        }
        if let Some(port) = self.ports.port_of(name).filter(|_| stopped.left.is_empty()) {
            let free = port::verify_free(port, self.service.host.as_deref(), PORT_RELEASE).await;
            stopped.port_held = !free;
        }
        stopped
    }

    /// Probes until the run is over. A panic counts as a failed round.
    pub(super) async fn probe(self, probe: impl AsyncFn(Self)) {
        while let Err(panic) = guarded(probe(self.clone())).await {
            self.report(Report::Round(Err(self.probe_fault(&panic))))
                .await;
            tokio::time::sleep(PROBE_AGAIN).await;
        }
    }

    /// Returns the fault of a probe or check that panicked.
    pub(super) fn probe_fault(&self, panic: &str) -> ProbeFault {
        ProbeFault {
            target: self.service.name.to_string(),
            kind: ProbeFaultKind::Launch(broken(panic)),
        }
    }

    /// The lines of this run, if a probe waits for one.
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
    pub(super) fn break_in(&self, what: &str) {
        assert_ne!(
            self.service.name.as_str(),
            format!("breaks-in-{what}"),
            "out of luck"
        );
    }

    fn logs(&self) -> ServiceLogs {
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
pub(super) fn broken(panic: &str) -> LaunchFault {
    LaunchFault::Other {
        message: format!("Pilot Light met a bug of its own: {panic}"),
    }
}

fn stopped() -> LaunchFault {
    LaunchFault::Other {
        message: "it was stopped before it was started".to_owned(),
    }
}

fn no_response() -> String {
    format!(
        "its start did not return within {} s: its program or its folder does not respond",
        LAUNCH.as_secs()
    )
}
