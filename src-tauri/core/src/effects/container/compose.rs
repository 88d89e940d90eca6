//! Starts a service of a compose file with the compose command of the user, so that its project, names
//! and volumes are those that `docker compose` in the same folder would use.

use std::{path::Path, time::Duration};

use tokio::sync::{Mutex, OnceCell};

use super::{Engine, Progress};
use crate::{
    effects::process::{HelperFault, run_helper_shown},
    env::Env,
    model::{container::ContainerFault, facts::LaunchFault},
    stack::{Command, ContainerSource},
};

/// The compose commands. The first one that is installed is used.
const COMMANDS: [&[&str]; 3] = [
    &["docker", "compose"],
    &["docker-compose"],
    &["podman", "compose"],
];
/// The time limit of a start, which may pull an image or build one.
const START: Duration = Duration::from_hours(2);
/// The time limit of a query.
const QUESTION: Duration = Duration::from_secs(30);

/// Two compose commands in one project would create its network and its shared services twice.
static TURN: Mutex<()> = Mutex::const_new(());

/// Creates and starts a service with its dependencies and returns the identifier of its container.
pub(super) async fn start(
    engine: &Engine,
    source: &ContainerSource,
    directory: &Path,
    environment: Env,
    progress: &Progress,
) -> Result<String, ContainerFault> {
    let project = Project::of(engine, source, directory, environment).await?;
    let turn = TURN.lock().await;
    project.run(&["up", "-d"], START, Some(progress)).await?;
    drop(turn);
    project.container().await?.ok_or(ContainerFault::Gone)
}

/// Returns the identifier of the container of a service, if there is one.
pub(super) async fn find(
    engine: &Engine,
    source: &ContainerSource,
    directory: &Path,
    environment: Env,
) -> Result<Option<String>, ContainerFault> {
    let project = Project::of(engine, source, directory, environment).await?;
    project.container().await
}

/// Runs a subcommand for a service: `stop`, or `rm` with its options.
pub(super) async fn run(
    engine: &Engine,
    source: &ContainerSource,
    directory: &Path,
    environment: Env,
    words: &[&str],
) -> Result<(), ContainerFault> {
    let project = Project::of(engine, source, directory, environment).await?;
    project.run(words, QUESTION, None).await.map(drop)
}

/// Pulls the image of a service.
pub(super) async fn pull(
    engine: &Engine,
    source: &ContainerSource,
    directory: &Path,
    environment: Env,
    progress: &Progress,
) -> Result<(), ContainerFault> {
    let project = Project::of(engine, source, directory, environment).await?;
    let pulled = project.run(&["pull"], START, Some(progress)).await;
    pulled.map(drop)
}

/// A service of a compose project, and the command that controls it.
struct Project<'a> {
    command: Vec<String>,
    service: &'a str,
    directory: &'a Path,
    environment: Env,
}

impl<'a> Project<'a> {
    async fn of(
        engine: &Engine,
        source: &'a ContainerSource,
        directory: &'a Path,
        environment: Env,
    ) -> Result<Self, ContainerFault> {
        let ContainerSource::Compose {
            files,
            service,
            profiles,
        } = source
        else {
            return Err(ContainerFault::Gone);
        };
        let environment = engine.variables(environment);
        let mut command = installed(directory, &environment).await?.to_vec();
        for file in files {
            command.extend(["-f".to_owned(), file.display().to_string()]);
        }
        for profile in profiles {
            command.extend(["--profile".to_owned(), profile.clone()]);
        }
        Ok(Self {
            command,
            service,
            directory,
            environment,
        })
    }

    /// Returns the identifier of the container of the service.
    async fn container(&self) -> Result<Option<String>, ContainerFault> {
        let containers = self.run(&["ps", "-a", "-q"], QUESTION, None).await?;
        let is_id =
            |line: &&str| line.len() == 64 && line.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = containers.lines().map(str::trim).find(is_id);
        Ok(id.map(str::to_owned))
    }

    /// Runs a subcommand for the service and returns its output.
    async fn run(
        &self,
        words: &[&str],
        limit: Duration,
        progress: Option<&Progress>,
    ) -> Result<String, ContainerFault> {
        let mut command = self.command.clone();
        let words = words.iter().chain([&self.service]);
        command.extend(words.map(|word| (*word).to_owned()));
        execute(command, self.directory, &self.environment, limit, progress).await
    }
}

/// Returns the installed compose command.
async fn installed(
    directory: &Path,
    environment: &Env,
) -> Result<&'static [String], ContainerFault> {
    static INSTALLED: OnceCell<Vec<String>> = OnceCell::const_new();
    let search = async || {
        for words in COMMANDS {
            let command: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let mut question = command.clone();
            question.push("version".to_owned());
            if execute(question, directory, environment, QUESTION, None)
                .await
                .is_ok()
            {
                return Ok(command);
            }
        }
        Err(ContainerFault::ComposeMissing)
    };
    INSTALLED.get_or_try_init(search).await.map(Vec::as_slice)
}

/// Runs a command and returns its output. Its progress is the latest line of the output.
async fn execute(
    command: Vec<String>,
    directory: &Path,
    environment: &Env,
    limit: Duration,
    progress: Option<&Progress>,
) -> Result<String, ContainerFault> {
    let refused = |message: String| ContainerFault::Refused { message };
    let command = Command::Argv(command);
    match run_helper_shown(&command, directory, environment, limit, progress).await {
        Ok(output) if output.exit.is_success() => Ok(output.text),
        Ok(output) => Err(ContainerFault::of_text(&output.text)),
        Err(HelperFault::Launch(LaunchFault::CommandNotFound { .. })) => {
            Err(ContainerFault::ComposeMissing)
        }
        Err(HelperFault::Launch(fault)) => Err(refused(fault.to_string())),
        Err(HelperFault::TimedOut { last_line }) => {
            let last_line = last_line.unwrap_or_default();
            let seconds = limit.as_secs();
            Err(refused(format!(
                "compose did not finish within {seconds} s: {last_line}"
            )))
        }
    }
}
