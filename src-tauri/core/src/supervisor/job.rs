//! What a task for one run of a service works with, and the longer pieces of such work.

use std::{ffi::OsString, sync::Arc, time::Duration};

use super::{
    Message, Origin, Tools,
    kept::{Run, Variables},
};
use crate::{
    clock,
    effects::{
        check::Saved,
        environment,
        log::{self, Follow, Query, Reader, RunLog, Runs, ServiceLogs},
        port,
        probe::{Context, Lines},
        process::{Ask, Launch, Spare, Tree, launch, stop, words},
    },
    model::{
        effect::Report,
        facts::{Exit, LaunchFault, Mark, Process, Stopped},
        stack::PortTable,
    },
    project_file::PATIENCE,
    stack::{Polite, Ports, Probe, Service},
};

/// How long a port may take to be free after everybody who held it is gone.
const PORT_RELEASE: Duration = Duration::from_secs(1);

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
        environment::environment(&self.service, &self.variables, &*self.ports, patience).await
    }

    /// Whether what it requires is there.
    pub(super) async fn require(&self) -> Result<(), LaunchFault> {
        let environment = self.environment(PATIENCE).await?;
        environment::require(&self.service, &environment, &*self.ports).await
    }

    /// Where commands for the service run; its variables only if there are such commands. What cannot
    /// be read of them is left out: what is wrong with them has been said when it was to start.
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
        // Boxed, since what it takes would else be held for as long as the run lives.
        let launched = Box::pin(async {
            // Closed by nothing; without a turn it would be launched all the same.
            let turn = self.tools.launching.acquire().await;
            let launched = self.start().await;
            drop(turn);
            launched
        })
        .await;
        let tree = match launched {
            Ok(tree) => tree,
            Err(fault) => return self.report(Report::Launched(Err(fault))).await,
        };
        if let Some(process) = tree.first() {
            let launched = Launched {
                process,
                tree: tree.clone(),
            };
            self.tell(Message::Launched(self.origin.clone(), launched))
                .await;
        }
        self.attend(&tree).await;
    }

    async fn start(&self) -> Result<Tree, LaunchFault> {
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
        let environment = self.environment(PATIENCE).await?;
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
        tokio::join!(self.keep_log(), self.watch(tree));
    }

    /// Notes the times of its lines, until the run is over.
    pub(super) async fn keep_log(&self) {
        let over = self.run.over.clone();
        log::keep(&self.tools.watcher, &self.log(), self.service.log, over).await;
    }

    async fn watch(&self, tree: &Tree) {
        // Boxed, since each of what follows would hold it twice.
        let ended = Box::pin(async {
            let exit = tree.exited().await;
            // What it takes is not held for as long as the run lives.
            Box::pin(async {
                let left = tree.left_behind(&self.tools.census).await;
                self.report_exit(exit, left.unwrap_or_default()).await;
            })
            .await;
        });
        // A run that is being stopped tells of its end itself, and one that is left running by a
        // keeper that goes has none.
        let stopping = self.run.stopping.run_until_cancelled(ended);
        self.run.over.run_until_cancelled(stopping).await;
    }

    /// What outlives the service.
    pub(super) fn spare(&self) -> Spare {
        Spare::of(&self.service, &*self.ports)
    }

    /// Ends the whole tree of the run and verifies that.
    pub(super) async fn end(&self, tree: &Tree) -> Stopped {
        let name = &self.service.name;
        let mut patience = self.service.stop.timeout;
        let (command, context);
        let ask = match &self.service.stop.polite {
            Polite::Signal(signal) => Ask::Signal(*signal),
            Polite::Command(template) => {
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
        let mut stopped = stop(tree, &self.tools.census, ask, patience, &self.run.kill).await;
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
