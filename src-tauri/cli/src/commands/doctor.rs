//! `pilotlight doctor`

mod fix;

use std::{
    env, io,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use pilotlight::{
    clock,
    control::{self, Client, ClientError},
    model::{
        facts::Mark,
        finding::Finding,
        view::{Snapshot, StackView},
    },
    unkept,
};
use serde::Serialize;

use super::{port::Running, status::dark};
use crate::{
    args::Doctor,
    context::{Context, kept, read},
    failure::{Ending, Failure},
    paint::{self, Signs},
    time::took,
    view::{Look, report, size_of_output},
};

pub(crate) async fn run(context: &Context, asked: &Doctor) -> Result<Ending, Failure> {
    if asked.fix {
        return fix::run(context, asked.yes).await;
    }
    let visit = Visit::make(context).await?;
    if asked.json {
        let verdict = Verdict {
            healthy: visit.findings.is_empty(),
            findings: &visit.findings,
        };
        let mut out = io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, &verdict).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        visit.print()?;
    }
    Ok(visit.ending())
}

/// `doctor --json`
#[derive(Serialize)]
struct Verdict<'a> {
    healthy: bool,
    findings: &'a [Finding],
}

/// One look at a stack.
struct Visit {
    file: PathBuf,
    /// Whether a keeper has the stack.
    kept: bool,
    /// All that the keeper has.
    snapshot: Arc<Snapshot>,
    stack: Arc<StackView>,
    /// Root causes first.
    findings: Vec<Finding>,
    took: String,
}

impl Visit {
    /// Has the keeper look, which knows most; or looks itself, where none has the stack.
    async fn make(context: &Context) -> Result<Self, Failure> {
        let began = clock::now().instant;
        let mut client = context.keeper().await?;
        let snapshot = match &mut client {
            Some(client) => client.status().await?,
            None => Arc::default(),
        };
        let file = context.find_among(&snapshot)?;
        let (findings, stack, kept) = match ask(client, &file).await? {
            Some(findings) => {
                // As it is now that all has been asked.
                let now = match context.keeper().await? {
                    Some(mut client) => client.status().await?,
                    None => snapshot.clone(),
                };
                let stack = kept(&now, &file).cloned();
                (findings, stack, true)
            }
            None => (alone(context, &file, &snapshot).await?, None, false),
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
            took: took(began.elapsed()),
        })
    }

    fn print(&self) -> io::Result<()> {
        let look = Look {
            signs: Signs::of_this_terminal(),
            width: paint::output_is_drawn().then(|| size_of_output().0),
        };
        let mut out = anstream::stdout().lock();
        for line in report(&self.findings, &self.stack, &self.took, look) {
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    fn ending(&self) -> Ending {
        if self.findings.is_empty() {
            Ending::Done
        } else {
            Ending::Undone
        }
    }
}

/// What the keeper finds; `None` if it does not have the stack, or is too old to be asked.
async fn ask(client: Option<Client>, file: &Path) -> Result<Option<Vec<Finding>>, Failure> {
    let Some(mut client) = client else {
        return Ok(None);
    };
    let doctor = control::Doctor {
        file: file.to_owned(),
    };
    match client.doctor(doctor).await {
        Err(ClientError::NotTaken(_) | ClientError::Closed) => Ok(None),
        findings => Ok(findings?),
    }
}

/// What can be found without a keeper: what answers, who listens, and what would keep the services
/// from starting.
async fn alone(
    context: &Context,
    file: &Path,
    snapshot: &Snapshot,
) -> Result<Vec<Finding>, Failure> {
    let stack = Arc::new(read(file)?);
    let variables = Arc::new(env::vars_os().collect());
    let active: Vec<Mark> = Running::of(context, snapshot).marks().collect();
    Ok(unkept::findings(&context.home, stack, variables, active).await)
}
