//! `pilotlight doctor`

mod consent;
pub(crate) mod fix;
mod progress;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use pilotlight::{
    control::{self, Client, ClientError},
    effects::gather::Patience,
    env::Env,
    host::clock,
    model::{
        documents::DoctorReport,
        facts::Mark,
        finding::Finding,
        view::{Snapshot, StackView},
    },
    stack::Stack,
    supervisor::offline,
};

pub(crate) use self::consent::Asking;
use self::progress::Progress;
use super::{port::Running, status::dark};
use crate::{
    args::Doctor,
    context::Context,
    failure::{Ending, Failure},
    json, paint,
    time::{self, took},
    view::{Look, report},
};

pub(crate) async fn run(context: &Context, asked: &Doctor) -> Result<Ending, Failure> {
    if asked.fix {
        return fix::run(context, Asking::of(asked)).await;
    }
    let visit = Visit::make(context, Asking::of(asked), asked.within).await?;
    if asked.json {
        let report = DoctorReport {
            healthy: visit.findings.is_empty(),
            findings: &visit.findings,
            withheld: &visit.withheld,
        };
        json::print(&report)?;
    } else {
        visit.print()?;
    }
    Ok(visit.ending())
}

/// A diagnosis of a stack.
pub(crate) struct Visit {
    file: PathBuf,
    /// Whether a daemon has the stack.
    pub(crate) kept: bool,
    /// All stacks of the daemon.
    snapshot: Arc<Snapshot>,
    pub(crate) stack: Arc<StackView>,
    /// Root causes first.
    pub(crate) findings: Vec<Finding>,
    /// The actions of the stack file that need the user's consent.
    pub(crate) withheld: Vec<String>,
    took: String,
}

impl Visit {
    /// Requests a diagnosis from the daemon, which has the most evidence. Diagnoses in this process if no daemon has the
    /// stack.
    pub(crate) async fn make(
        context: &Context,
        asking: Asking,
        within: Option<Duration>,
    ) -> Result<Self, Failure> {
        let mut began = clock::now().instant;
        let mut withheld = Vec::new();
        let (client, snapshot) = context.connected().await?.unzip();
        let snapshot = snapshot.unwrap_or_default();
        let file = context.find_among(&snapshot)?;
        let progress = Progress::of(&file, within);
        let asked = progress
            .during(Box::pin(ask(client, &file, within)))
            .await?;
        let (findings, stack, kept) = if let Some(findings) = asked {
            // Read again, since the user may have changed it before answering.
            let now = context.connected().await?;
            let now = now.map_or_else(|| snapshot.clone(), |(_, now)| now);
            (findings, now.stack(&file).cloned(), true)
        } else {
            let permitted = consent::permitted(context, &file, asking)?;
            withheld = permitted.withheld;
            // Waits without a limit for the user's answer.
            began = clock::now().instant;
            let patience = within.map_or(Patience::Own, Patience::Within);
            let alone = alone(context, permitted.stack, &snapshot, patience);
            let findings = progress.during(Box::pin(alone)).await;
            (findings, None, false)
        };
        let stack = match stack {
            Some(stack) => stack,
            None => dark(&context.home, &file).await?,
        };
        Ok(Self {
            file,
            kept,
            snapshot,
            stack,
            findings,
            withheld,
            took: took(began.elapsed()),
        })
    }

    fn print(&self) -> io::Result<()> {
        let lines = report(
            &self.findings,
            &self.stack,
            &self.took,
            time::now(),
            Look::of_output(),
        );
        paint::print(&mut paint::out(), lines)
    }

    fn ending(&self) -> Ending {
        if self.findings.is_empty() {
            Ending::Done
        } else {
            Ending::Undone
        }
    }
}

/// Returns the findings of the daemon; `None` if it does not have the stack, or is too old for the request.
async fn ask(
    client: Option<Client>,
    file: &Path,
    within: Option<Duration>,
) -> Result<Option<Vec<Finding>>, Failure> {
    let Some(mut client) = client else {
        return Ok(None);
    };
    let doctor = control::Doctor {
        file: file.to_owned(),
        within_ms: within.and_then(|limit| limit.as_millis().try_into().ok()),
    };
    match client.doctor(doctor).await {
        Err(ClientError::NotTaken(_) | ClientError::Closed) => Ok(None),
        findings => Ok(findings?),
    }
}

/// Diagnoses a stack without a daemon.
async fn alone(
    context: &Context,
    stack: Stack,
    snapshot: &Snapshot,
    patience: Patience,
) -> Vec<Finding> {
    let variables = Env::of_this_process();
    let active: Vec<Mark> = Running::of(context, snapshot).marks().collect();
    offline::findings(&context.home, Arc::new(stack), variables, active, patience).await
}
