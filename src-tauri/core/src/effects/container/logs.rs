//! Follows the log of a container with an ordinary process that writes into the log of the run. So
//! nothing is lost when the daemon is killed; and when that process is killed, the engine's copy closes
//! the gap.

use std::{fs::File, path::Path};

use super::Engine;
use crate::{
    effects::process::{Launch, Tree, launch},
    env::Env,
    model::facts::{LaunchFault, Mark},
};

/// The commands that follow a log, the first one that is installed counts.
const COMMANDS: [&str; 2] = ["docker", "podman"];

/// The log of a container to be followed.
#[derive(Clone, Copy, Debug)]
pub struct Follower<'a> {
    /// The identifier of the container.
    pub container: &'a str,
    /// Only lines at this time or later.
    pub since: Option<&'a str>,
    /// The mark of the process.
    pub mark: &'a Mark,
    /// A working directory that exists.
    pub directory: &'a Path,
    /// The environment of the command.
    pub environment: &'a Env,
}

/// Starts the process, which writes each line with its time. It exits with the container.
pub async fn follow(
    engine: &Engine,
    follower: Follower<'_>,
    output: File,
) -> Result<Tree, LaunchFault> {
    let mut fault = None;
    for command in COMMANDS {
        let mut argv = vec![command, "logs", "--follow", "--timestamps"];
        argv.extend(follower.since.iter().flat_map(|since| ["--since", since]));
        argv.push(follower.container);
        let output = output.try_clone().map_err(|error| LaunchFault::Other {
            message: error.to_string(),
        })?;
        let launched = launch(Launch {
            argv: argv.into_iter().map(Into::into).collect(),
            directory: follower.directory.to_owned(),
            environment: engine.variables(follower.environment.clone()),
            mark: follower.mark.clone(),
            output,
            errors: None,
            input: None,
            colors: false,
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
