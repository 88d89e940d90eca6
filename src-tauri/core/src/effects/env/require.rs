//! Verifies the requirements of a service.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::future::join_all;

use crate::{
    effects::process::{HelperFault, Output, run_helper},
    env::Env,
    fs::project_file::{self, apart},
    model::facts::LaunchFault,
    stack::{Command, Ports, Service},
};

/// The time limit of a required command, which tests whether something is installed.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Verifies the requirements of `service`: its files, its variables in `environment`, and its
/// commands, which run concurrently. The first missing one is reported, in that order.
pub async fn require(
    service: &Service,
    environment: &Env,
    ports: &impl Ports,
) -> Result<(), LaunchFault> {
    files(service).await?;
    for name in &service.require.env {
        let detail = match environment.get(name) {
            None => "it is not set",
            Some(value) if value.is_empty() => "it is empty",
            Some(_) => continue,
        };
        return Err(missing(
            format!("the variable `{name}`"),
            Some(detail.into()),
        ));
    }
    let commands = service.require.commands.iter();
    let runs = commands.map(|command| {
        let command = command.render(&service.name, ports);
        async move { run(&command, &service.directory, environment).await }
    });
    join_all(runs).await.into_iter().collect()
}

async fn files(service: &Service) -> Result<(), LaunchFault> {
    let Some(first) = service.require.files.first() else {
        return Ok(());
    };
    let first = first.clone();
    let files = service.require.files.clone();
    let looking = apart(project_file::TIME_LIMIT, move |_| {
        let found = |file: PathBuf| match fs::metadata(&file) {
            Ok(_) => Ok(()),
            Err(error) => Err((file, error)),
        };
        files.into_iter().try_for_each(found)
    });
    let looked = looking.await.unwrap_or_else(|error| Err((first, error)));
    looked.map_err(|(file, error)| {
        let shown = file.strip_prefix(&service.directory).unwrap_or(&file);
        missing(
            format!("the file {}", shown.display()),
            Some(error.to_string()),
        )
    })
}

async fn run(
    command: &Command<String>,
    directory: &Path,
    environment: &Env,
) -> Result<(), LaunchFault> {
    let ran = run_helper(command, directory, environment, TIME_LIMIT).await;
    match outcome(ran, TIME_LIMIT)? {
        None => Ok(()),
        Some(detail) => Err(missing(format!("the command `{command}`"), Some(detail))),
    }
}

/// Describes why a command has failed; `None` if it has not.
pub(super) fn outcome(
    ran: Result<Output, HelperFault>,
    time_limit: Duration,
) -> Result<Option<String>, LaunchFault> {
    Ok(Some(match ran {
        Ok(output) if output.exit.is_success() => return Ok(None),
        Ok(output) => match output.last_line() {
            Some(line) => line.to_owned(),
            None => format!("it exited with {}", output.exit),
        },
        Err(HelperFault::Launch(LaunchFault::CommandNotFound { program, .. })) => {
            format!("command not found: `{program}`")
        }
        Err(HelperFault::Launch(LaunchFault::NotExecutable { path })) => {
            format!("{} is not executable", path.display())
        }
        Err(HelperFault::Launch(fault)) => return Err(fault),
        Err(HelperFault::TimedOut { last_line }) => match last_line {
            Some(line) => format!(
                "it did not finish within {} s: {line}",
                time_limit.as_secs()
            ),
            None => format!("it did not finish within {} s", time_limit.as_secs()),
        },
    }))
}

fn missing(what: String, detail: Option<String>) -> LaunchFault {
    LaunchFault::RequirementMissing { what, detail }
}
