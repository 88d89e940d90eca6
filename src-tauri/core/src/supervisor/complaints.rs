//! Watches the logs of services that nothing is asked of: one that keeps failing to connect runs and does no
//! work.

use std::{path::Path, time::Duration};

use tokio::{net::TcpStream, sync::mpsc, time::timeout};

use super::{Message, Origin, task::RunTask, tell};
use crate::{
    diagnose::{evidence::log::Unreachable, is_local},
    effects::log::{OwnErrors, RunLog, read_errors},
    host::clock,
    model::{
        effect::Report,
        facts::{ProbeFault, ProbeFaultKind},
    },
    stack::{Probe, Service},
};

/// The pause between two looks at a log.
const EVERY: Duration = Duration::from_secs(5);
/// The age up to which a failed connection counts: clients wait up to half a minute between two attempts.
const RECENT: Duration = Duration::from_secs(30);
/// The limit for a connection to the address that the log names.
const CONNECT: Duration = Duration::from_millis(500);
/// The name of this check.
const NAME: &str = "its connections";

/// The log of a run that only its process shows to be well.
pub(super) struct Complaints {
    origin: Origin,
    reports: mpsc::WeakSender<Message>,
    log: RunLog,
}

impl Complaints {
    /// Returns the watch of a run; `None` if its probes or checks show whether it works.
    pub(super) fn of(run_task: &RunTask) -> Option<Self> {
        is_unprobed(&run_task.service).then(|| Self {
            origin: run_task.origin.clone(),
            reports: run_task.tools.reports.clone(),
            log: run_task.logs().run(run_task.origin.run),
        })
    }

    /// Reports when the run begins to complain, and when that is over. Runs until it is dropped.
    pub(super) async fn watch(self) {
        let mut size = 0;
        let mut complaint = None;
        loop {
            tokio::time::sleep(EVERY).await;
            let now = size_of(self.log.log());
            // A log that does not grow has nothing new, and what it has complained of grows old.
            if now == size && complaint.is_none() {
                continue;
            }
            size = now;
            let found = self.look().await;
            if found != complaint {
                complaint = found;
                let failed = complaint
                    .iter()
                    .map(|fault| (NAME.to_owned(), fault.clone()));
                let report = Report::Checked(failed.collect());
                tell(&self.reports, Message::Report(self.origin.clone(), report)).await;
            }
        }
    }

    async fn look(&self) -> Option<ProbeFault> {
        let log = self.log.clone();
        let read = move || read_errors(&log, &OwnErrors::default(), clock::now().wall);
        let read = tokio::task::spawn_blocking(read).await.ok()?;
        let address = read
            .unreachable
            .into_iter()
            .find(|it| it.is_repeated(RECENT))?;
        (!is_open(&address).await).then(|| ProbeFault {
            target: format!("{address} ({} times in its log)", address.times),
            kind: ProbeFaultKind::Unreachable("cannot be reached".to_owned()),
        })
    }
}

fn is_unprobed(service: &Service) -> bool {
    let mut probes = service.ready.probes.iter();
    !service.is_external()
        && service.task.is_none()
        && service.checks.is_empty()
        && probes.all(|probe| matches!(probe, Probe::Process))
}

/// Returns whether a server of this machine listens at an address by now.
async fn is_open(address: &Unreachable) -> bool {
    let Some(port) = address.port.filter(|_| is_local(&address.host)) else {
        return false;
    };
    let host = address.host.trim_matches(['[', ']']);
    let connected = timeout(CONNECT, TcpStream::connect((host, port.number())));
    matches!(connected.await, Ok(Ok(_)))
}

fn size_of(log: &Path) -> u64 {
    log.metadata().map_or(0, |file| file.len())
}
