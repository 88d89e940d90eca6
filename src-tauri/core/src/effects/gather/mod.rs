//! Gathers the evidence for a diagnosis: everything about a stack at one moment, concurrently and within
//! a limit. Changes nothing and decides nothing.
//!
//! A [`Subject`] contains what the model of a daemon, or the stack file alone, knows; its evidence
//! is completed in place. Logs are read last, since they contain what a check causes. [`follow_up`]
//! then looks up what they name.

mod daemon;
mod follow_up;
mod host;
mod points;
mod project;
mod proxies;
mod service;
mod sockets;
mod subject;
mod versions;

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

pub use self::{
    host::OomKills,
    subject::{RunContext, Subject},
};
use self::{service::Asking, subject::Scene};
use super::{
    log::{OwnErrors, ServiceLogs, read_errors},
    probe::Prober,
    process::ProcessTable,
};
use crate::{
    diagnose::evidence::{Evidence, LogEvidence},
    host::clock,
    model::facts::RunId,
};

/// The time limit of an automatic diagnosis: a user may be about to look.
const QUICK: Duration = Duration::from_millis(700);
/// The time limit of a diagnosis that waits for every probe and check, so that no stack file delays
/// it forever.
const LONGEST: Duration = Duration::from_secs(90);
/// The time limit for files and sockets: they respond at once or hang. On a busy machine a reader
/// waits for the processor.
const LOOKING: Duration = Duration::from_secs(4);
/// The time reserved for reading the logs and for looking up what they name.
const READING: Duration = Duration::from_millis(150);

/// How long a diagnosis waits for responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Until each probe and check has finished or timed out.
    Own,
    /// At most this long. A missing response is a finding.
    Within(Duration),
    /// Less than a second. A missing response is replaced by the state that the daemon knows.
    Quick,
}

impl Patience {
    fn limit(self) -> Duration {
        match self {
            Self::Own => LONGEST,
            Self::Within(limit) => limit.min(LONGEST),
            Self::Quick => QUICK,
        }
    }
}

/// The tools for gathering evidence. Cheap to clone.
#[derive(Clone)]
pub struct Gatherer {
    /// Sends the requests.
    pub prober: Prober,
    /// Lists processes, including those of services started by an earlier daemon.
    pub processes: ProcessTable,
    /// Knows which processes the kernel has killed.
    pub killings: OomKills,
}

impl Default for Gatherer {
    fn default() -> Self {
        Self {
            prober: Prober::default(),
            processes: ProcessTable::since(0),
            killings: OomKills::default(),
        }
    }
}

impl Gatherer {
    /// Completes the evidence of a stack.
    pub async fn gather(&self, subject: Subject, patience: Patience) -> Evidence {
        let began = clock::now();
        let limit = patience.limit();
        let end = Instant::from_std(began.instant) + limit;
        let deadline = end - READING.min(limit / 4);
        let looking = LOOKING.min(limit / 2);
        let Subject {
            mut evidence,
            active,
            runs,
            scene,
            ..
        } = subject;
        let text = evidence.stack_text.as_ref();
        let folders = runs.iter().zip(&evidence.services);
        let folders = folders.map(|(run, is)| service::look(&scene, text, run, is, looking));
        let until = Instant::from_std(began.instant) + looking;
        let (sockets, folders, localhost) = tokio::join!(
            sockets::look(&scene, &runs, &evidence.services, &self.processes, until),
            join_all(folders),
            host::localhost(until),
        );
        let asking = runs.iter().zip(&mut evidence.services).zip(folders);
        let asking = asking.map(|((run, is), folder)| {
            sockets.describe(is);
            is.out_of_memory = self.killings.of(run, is);
            let asking = Asking {
                scene: &scene,
                run,
                prober: &self.prober,
                active: &active,
                patience,
                deadline,
            };
            asking.complete(is, folder, &sockets)
        });
        join_all(asking).await;
        let logs = timeout_at(end, read_logs(&scene, &runs, &evidence)).await;
        for (is, log) in evidence.services.iter_mut().zip(logs.unwrap_or_default()) {
            is.log = log;
        }
        follow_up::all(self, &scene, &runs, &sockets, &mut evidence.services).await;
        evidence.at = clock::now().wall;
        evidence.took = began.instant.elapsed();
        evidence.other_daemon = sockets.other_daemon();
        evidence.host = host::look(&sockets, localhost);
        evidence.within = match patience {
            Patience::Within(_) | Patience::Own => Some(limit),
            Patience::Quick => None,
        };
        evidence
    }
}

/// Reads the logs of the latest runs, in the order of the services.
async fn read_logs(scene: &Scene, runs: &[RunContext], evidence: &Evidence) -> Vec<LogEvidence> {
    let now = clock::now().wall;
    let readings = runs.iter().zip(&evidence.services).map(|(context, is)| {
        let logs = ServiceLogs::of(&scene.logs, &scene.id, &context.spec.name);
        let run = is.log.run.filter(|_| context.is_asked);
        // A new run has not yet logged what ended the previous one.
        let before = run.filter(|run| run.0 > 1 && is.finding.is_some() && !is.was_ready);
        let before = before.map(|run| logs.run(RunId(run.0 - 1)));
        let run = run.map(|run| logs.run(run));
        let own = OwnErrors::of(&context.spec, &*scene.ports);
        async move {
            let run = run?;
            let reading = tokio::task::spawn_blocking(move || {
                let read = read_errors(&run, &own, now);
                match before.filter(|_| read.last_error.is_none()) {
                    Some(before) => LogEvidence {
                        run: read.run,
                        ..read_errors(&before, &own, now)
                    },
                    None => read,
                }
            });
            reading.await.ok()
        }
    });
    let read = join_all(readings).await.into_iter();
    read.map(Option::unwrap_or_default).collect()
}
