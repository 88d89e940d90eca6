//! Gathers what a diagnosis goes by: everything about a stack at one moment, side by side and within
//! a bound. Nothing is changed, and nothing is decided.
//!
//! A [`Case`] is what is known already: by the model of a daemon, or by the stack file alone. Logs
//! are read last, since what a check provokes is said there.

mod case;
mod daemon;
mod host;
mod points;
mod project;
mod service;
mod sockets;

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

pub use self::{
    case::{Case, Standing},
    host::OomKills,
};
use self::{service::Asked, sockets::Sockets};
use super::{
    log::{ServiceLogs, read_errors},
    probe::Prober,
    process::ProcessTable,
};
use crate::{
    diagnose::evidence::{Evidence, LogEvidence, ServiceEvidence},
    host::clock,
};

/// How long a person waits for a diagnosis at most.
pub const ON_DEMAND: Duration = Duration::from_millis(2800);
/// How long the cause of a failure may take, when nobody has asked and somebody is about to look.
pub const BY_ITSELF: Duration = Duration::from_millis(700);
/// What is left for reading logs when all else has taken its time.
const READING: Duration = Duration::from_millis(150);

/// What the gathering of evidence works with. Cheap to clone.
#[derive(Clone)]
pub struct Gatherer {
    /// Asks the services.
    pub prober: Prober,
    /// Tells who runs; of services that an earlier daemon started, too.
    pub processes: ProcessTable,
    /// Tells whom the kernel killed.
    pub killings: OomKills,
}

impl Default for Gatherer {
    /// For one look at a machine.
    fn default() -> Self {
        Self {
            prober: Prober::default(),
            processes: ProcessTable::since(0),
            killings: OomKills::default(),
        }
    }
}

impl Gatherer {
    /// All evidence that can be had within `budget`. What takes longer is left out, or cut short
    /// where that is evidence too: a probe whose answer did not come in the time that it was given.
    pub async fn gather(&self, case: &Case, budget: Duration) -> Evidence {
        let began = clock::now();
        let end = Instant::from_std(began.instant) + budget;
        let deadline = end - READING.min(budget / 4);
        let asking = case
            .services
            .iter()
            .map(|standing| service::ask(case, standing, &self.prober, deadline));
        let (sockets, asked, localhost) = tokio::join!(
            sockets::look(case, &self.processes, deadline),
            join_all(asking),
            host::localhost(deadline),
        );
        let logs = timeout_at(end, read_logs(case)).await.unwrap_or_default();
        let strangers = timeout_at(end, sockets::named(&logs, &sockets)).await;
        let mut strangers = strangers.unwrap_or_default().into_iter();
        let mut logs = logs.into_iter();
        let services = case
            .services
            .iter()
            .zip(asked)
            .map(|(standing, asked)| {
                let log = logs.next().unwrap_or_default();
                let mut service = self.complete(standing, asked, &sockets, log);
                service.holders.extend(strangers.next().unwrap_or_default());
                service
            })
            .collect();
        Evidence {
            stack: case.stack.clone(),
            stack_text: case.stack_text.clone(),
            at: clock::now().wall,
            took: began.instant.elapsed(),
            kept: case.kept,
            other_daemon: sockets.other_daemon(),
            services,
            host: host::look(&case.logs, &sockets, localhost),
        }
    }

    fn complete(
        &self,
        standing: &Standing,
        asked: Asked,
        sockets: &Sockets,
        log: LogEvidence,
    ) -> ServiceEvidence {
        let name = &standing.spec.name;
        let known = standing.known.clone();
        ServiceEvidence {
            out_of_memory: self.killings.of(standing),
            listens: sockets.of(name),
            holders: sockets.strangers(name),
            port_fault: asked.port_fault,
            requirement: asked.requirement,
            probes: asked.probes,
            checks: asked.checks,
            points_at: asked.points_at,
            project: asked.project,
            log,
            ..known
        }
    }
}

/// The logs of the latest runs, in the order of the services.
async fn read_logs(case: &Case) -> Vec<LogEvidence> {
    let now = clock::now().wall;
    let readings = case.services.iter().map(|standing| {
        let logs = ServiceLogs::of(&case.logs, &case.id, &standing.spec.name);
        let run = standing.run.filter(|_| standing.is_asked);
        let run = run.map(|run| logs.run(run));
        async move {
            let run = run?;
            let reading = tokio::task::spawn_blocking(move || read_errors(&run, now));
            reading.await.ok()
        }
    });
    let read = join_all(readings).await.into_iter();
    read.map(Option::unwrap_or_default).collect()
}
