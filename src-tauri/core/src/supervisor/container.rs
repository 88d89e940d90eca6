//! Runs of services in containers. The first process of such a run follows the log of its
//! container; everything else is reported by the engine.

use std::{fs::OpenOptions, pin::pin, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::task::{RunTask, stopped};
use crate::{
    effects::{
        container::{self, Contained, Engine, Status},
        env, log,
        process::{Tree, kill, run_helper},
    },
    env::Env,
    fs::project_file::TIME_LIMIT,
    host::clock,
    model::{
        container::ContainerFault,
        effect::Report,
        facts::{Exit, LaunchFault, Stopped},
    },
    stack::{ContainerSource, Service, Signal, StopMethod},
};

/// How long an engine may be unreachable before its containers count as exited.
const ENGINE_LIMIT: Duration = Duration::from_secs(10);
/// How often the progress of a start is shown. A start that is faster shows none.
const PROGRESS: Duration = Duration::from_secs(1);
/// The pause before the next attempt to reach it.
const ENGINE_RETRY: Duration = Duration::from_millis(250);
/// The maximum time between the exit of the process that follows the log and that of its container.
const TOGETHER: Duration = Duration::from_millis(300);
/// The longest pause before another attempt to follow the log.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The time limit of that process for the last lines of a container that has exited.
const LAST_LINES: Duration = Duration::from_secs(10);

fn is_ours(service: &Service) -> bool {
    let source = service
        .container
        .as_deref()
        .map(|container| &container.source);
    matches!(source, Some(ContainerSource::Image { .. }))
}

impl From<ContainerFault> for LaunchFault {
    fn from(fault: ContainerFault) -> Self {
        Self::Container(Box::new(fault))
    }
}

impl RunTask {
    /// Returns the engine that runs the container of the service.
    fn engine(&self) -> impl Future<Output = Result<Engine, ContainerFault>> {
        Engine::of(&self.service, &self.variables)
    }

    fn contained(&self) -> Option<Contained> {
        self.run.container.as_ref()?.borrow().clone()
    }

    /// Waits until the engine has reported the state of the container; `None` if the run has no
    /// container.
    pub(super) async fn seen_container(&self) -> Option<Contained> {
        let mut seen = self.run.container.as_ref()?.subscribe();
        let is_known = |contained: &Option<Contained>| {
            contained
                .as_ref()
                .is_some_and(|contained| contained.status.is_some())
        };
        seen.wait_for(is_known).await.ok()?.clone()
    }

    /// Returns whether the port of the service must be free before its start.
    pub(super) fn claims_port(&self) -> bool {
        self.service.container.is_none() || is_ours(&self.service)
    }

    /// Prepares the claim of the port: removes an earlier container of this service, which would
    /// hold it. Returns whether the port is on this machine.
    pub(super) async fn remove_leftover(&self) -> Result<bool, LaunchFault> {
        if !is_ours(&self.service) {
            return Ok(true);
        }
        let engine = self.engine().await?;
        container::remove_leftover(&engine, &self.mark()).await?;
        Ok(engine.is_local())
    }

    /// Starts the container and the process that follows its log.
    pub(super) async fn start_container(&self) -> Result<Tree, LaunchFault> {
        let starting = async {
            let environment = env::environment(
                &self.service,
                &self.variables,
                &*self.ports,
                TIME_LIMIT,
                None,
            );
            let environment = environment.await?;
            let declared =
                env::declared(&self.service, &self.variables, &*self.ports, TIME_LIMIT).await?;
            let declared: Vec<_> = declared
                .into_iter()
                .map(|(name, (value, _))| (name, value))
                .collect();
            let engine = self.engine().await?;
            let known = (environment, declared.as_slice());
            let began = Timestamp::now();
            let id = self.started_container(&engine, known).await?;
            let status = engine.inspect(&id).await?;
            // A container that has already exited may have run before.
            let at_start = !status.running && !is_ours(&self.service);
            let at_start = at_start.then(|| began.to_string());
            let since = status.since.clone().or(at_start);
            let contained = Contained {
                engine,
                info: Arc::new(status.info.clone()),
                status: Some(status),
            };
            self.report(Report::Container(contained.info.clone())).await;
            if let Some(cell) = &self.run.container {
                cell.send_replace(Some(contained.clone()));
            }
            let output = self.logs().create_stamped(self.origin.run, &id);
            let output = output.map_err(|error| self.log_fault(&error))?;
            self.tend_log();
            self.follow_container(&contained, since.as_deref(), output)
                .await
        };
        let started = self.run.stopping.run_until_cancelled(starting).await;
        started.unwrap_or_else(|| Err(stopped()))
    }

    /// Creates and starts the container, and reports the progress of a start that takes long.
    async fn started_container(
        &self,
        engine: &Engine,
        known: (Env, &[(String, String)]),
    ) -> Result<String, ContainerFault> {
        let (progress, mut shown) = watch::channel(String::new());
        let mark = self.mark();
        let ports = &*self.ports;
        let mut starting = pin!(container::start(
            engine,
            &self.service,
            &mark,
            known,
            ports,
            &progress
        ));
        let mut is_shown = false;
        let started = loop {
            let next = async {
                // It cannot be closed here.
                let _ = shown.changed().await;
                sleep(PROGRESS).await;
                shown.borrow_and_update().clone()
            };
            tokio::select! {
                biased;
                started = &mut starting => break started,
                text = next => {
                    is_shown = true;
                    self.report(Report::Progress(Some(text))).await;
                }
            }
        };
        if is_shown {
            self.report(Report::Progress(None)).await;
        }
        started
    }

    async fn follow_container(
        &self,
        contained: &Contained,
        since: Option<&str>,
        output: std::fs::File,
    ) -> Result<Tree, LaunchFault> {
        let (mark, logs) = (self.mark(), self.tools.home.logs());
        container::follow(contained, since, &mark, logs, &self.variables, output).await
    }

    /// Watches a container until it exits, and follows its log again if the process that does so
    /// exits earlier.
    pub(super) async fn watch_container(&self, tree: &Tree) {
        let mut tree = tree.clone();
        let mut ended = pin!(self.container_ended());
        let mut pause = TOGETHER;
        let (exit, reason) = loop {
            let began = clock::now().instant;
            tokio::select! {
                biased;
                ending = &mut ended => break ending,
                _ = tree.exited() => {}
            }
            if began.elapsed() > LONGEST_PAUSE {
                pause = TOGETHER;
            }
            if let Ok(ending) = timeout(pause, &mut ended).await {
                break ending;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
            match self.follow_again().await {
                Ok(again) => tree = again,
                Err(fault) => {
                    tracing::warn!(service = %self.service.name, %fault, "the log of its container is not followed");
                }
            }
        };
        let _ = timeout(LAST_LINES, tree.exited()).await;
        if reason.is_none() {
            return self.report_exit(exit, Vec::new()).await;
        }
        self.report(Report::Exited {
            exit,
            survivors: Vec::new(),
            last_words: reason,
        })
        .await;
    }

    /// Waits until the container has exited. Returns how and why. Inspects it after every event.
    async fn container_ended(&self) -> (Exit, Option<String>) {
        let Some(Contained { engine, info, .. }) = self.contained() else {
            return (Exit::Unknown, None);
        };
        let mut silent_since = None;
        loop {
            // Subscribed first, so that no change is lost between the inspection and the events.
            let mut events = engine.events(&info.id).await.ok();
            loop {
                match engine.inspect(&info.id).await {
                    Ok(status) if !status.running => return (status.exit, status.reason),
                    Ok(status) => {
                        silent_since = None;
                        self.container_is(status).await;
                    }
                    Err(ContainerFault::Gone) => {
                        let removed = "another program removed the container".to_owned();
                        return (Exit::Unknown, Some(removed));
                    }
                    Err(fault) => {
                        let since = *silent_since.get_or_insert_with(|| clock::now().instant);
                        if since.elapsed() > ENGINE_LIMIT {
                            return (Exit::Unknown, Some(fault.to_string()));
                        }
                        break;
                    }
                }
                let Some(events) = &mut events else { break };
                if !events.next().await {
                    break;
                }
            }
            sleep(ENGINE_RETRY).await;
        }
    }

    async fn container_is(&self, status: Status) {
        let Some(cell) = &self.run.container else {
            return;
        };
        let mut changed = None;
        cell.send_modify(|contained| {
            let Some(contained) = contained else { return };
            if *contained.info != status.info {
                contained.info = Arc::new(status.info.clone());
                changed = Some(contained.info.clone());
            }
            contained.status = Some(status);
        });
        if let Some(info) = changed {
            self.report(Report::Container(info)).await;
        }
        self.run.pulse.poke();
    }

    /// Follows the log of the container from its last line.
    async fn follow_again(&self) -> Result<Tree, LaunchFault> {
        let contained = self.contained().ok_or(ContainerFault::Gone)?;
        let run_log = self.logs().run(self.origin.run);
        let unreadable = |error| self.log_fault(&error);
        let since = log::continue_from(&run_log).map_err(unreadable)?;
        let first = || contained.status.as_ref()?.since.clone();
        let since = since.or_else(first);
        let output = OpenOptions::new().append(true).open(run_log.log());
        let output = output.map_err(unreadable)?;
        let tree = self
            .follow_container(&contained, since.as_deref(), output)
            .await?;
        self.report_launch(&tree).await;
        Ok(tree)
    }

    /// Stops the container, then the process that follows its log. Removes a container created by
    /// Pilot Light, but not its volumes.
    pub(super) async fn end_container(&self, tree: &Tree) -> Stopped {
        let mut outcome = Stopped::default();
        if let Err(fault) = self.stop_container(&mut outcome).await {
            outcome.fault = Some(fault.to_string());
        }
        if timeout(LAST_LINES, tree.exited()).await.is_err() || tree.first().is_none() {
            kill(tree, &self.tools.processes).await;
        }
        outcome
    }

    async fn stop_container(&self, outcome: &mut Stopped) -> Result<(), ContainerFault> {
        let Some(Contained { engine, info, .. }) = self.contained() else {
            // The cancelled start may already have created the container.
            let engine = self.engine().await?;
            return container::abort(&engine, &self.service, &self.mark(), &self.variables).await;
        };
        let Service { stop, name, .. } = &*self.service;
        let signal = match &stop.graceful {
            // The default signal is that of the image.
            StopMethod::Signal(Signal::Terminate) => None,
            StopMethod::Signal(signal) => Some(signal.name()),
            StopMethod::Command(command) => {
                let context = self.context(true, TIME_LIMIT).await;
                let command = command.render(name, &*self.ports);
                let running = run_helper(
                    &command,
                    &context.directory,
                    &context.environment,
                    stop.timeout,
                );
                let _ = self.run.kill.run_until_cancelled(running).await;
                None
            }
        };
        let stopping = engine.stop(&info.id, signal, stop.timeout);
        if let Some(stopped) = self.run.kill.run_until_cancelled(stopping).await {
            stopped?;
        } else {
            outcome.killed = true;
            engine.stop(&info.id, None, Duration::ZERO).await?;
        }
        if let Ok(status) = engine.inspect(&info.id).await {
            outcome.exit = Some(status.exit);
        }
        if is_ours(&self.service) {
            engine.remove(&info.id).await?;
        }
        Ok(())
    }
}
