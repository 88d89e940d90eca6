//! Follows the log of a container with a separate process that writes into the log of the run.
//! Nothing is lost if the daemon is killed; if that process is killed, the gap is filled from the
//! engine's copy.

use std::{fs::File, path::Path};

use super::Contained;
use crate::{
    effects::process::{Launch, Tree, launch},
    env::Env,
    model::facts::{LaunchFault, Mark},
};

/// The commands that follow a log. The first one that is installed is used.
const COMMANDS: [&str; 2] = ["docker", "podman"];

/// Starts the process, which writes each line at `since` or later with its time and exits with the
/// container. `directory` is any existing folder.
pub async fn follow(
    contained: &Contained,
    since: Option<&str>,
    mark: &Mark,
    directory: &Path,
    environment: &Env,
    output: File,
) -> Result<Tree, LaunchFault> {
    let environment = contained.engine.variables(environment.clone());
    let mut fault = None;
    for command in COMMANDS {
        let mut argv = vec![command, "logs", "--follow", "--timestamps"];
        argv.extend(since.iter().flat_map(|since| ["--since", since]));
        argv.push(&contained.info.id);
        let output = output.try_clone().map_err(|error| LaunchFault::Other {
            message: error.to_string(),
        })?;
        let launched = launch(Launch {
            argv: argv.into_iter().map(Into::into).collect(),
            directory: directory.to_owned(),
            environment: environment.clone(),
            mark: mark.clone(),
            output,
            errors: None,
            input: None,
            colors: false,
            terminal: None,
        })
        .await;
        match launched {
            Err(missing @ LaunchFault::CommandNotFound { .. }) => fault = fault.or(Some(missing)),
            launched => return launched,
        }
    }
    Err(fault.unwrap_or(LaunchFault::Other {
        message: "no command follows the log of the container".to_owned(),
    }))
}
