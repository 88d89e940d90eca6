//! Runs a command of the user in the terminal of this process.

use std::{ffi::OsString, path::Path, time::Duration};

use super::{end, find_program, process};
use crate::{
    env::Env,
    host::signals::{Ending, Endings},
    model::facts::LaunchFault,
    platform::program,
};

/// The time limit for the command to exit after a signal that ends this process.
const GRACE: Duration = Duration::from_secs(10);

/// Runs a command with the terminal of this process, in `directory` and with `environment`. Returns
/// its exit code: 128 and the number of the signal if a signal ended it. The program is looked up
/// as [`super::launch`] does.
///
/// Ctrl-C ends the command, not this process: the terminal sends it to both. Any other request to
/// end this process ends the command.
///
/// # Errors
///
/// The command cannot be started.
pub async fn foreground(
    argv: &[OsString],
    directory: &Path,
    environment: &Env,
) -> Result<i32, LaunchFault> {
    let other = |error: std::io::Error| LaunchFault::Other {
        message: error.to_string(),
    };
    if !directory.is_dir() {
        let path = directory.to_owned();
        return Err(LaunchFault::DirectoryMissing { path });
    }
    let program = find_program(argv, directory, environment)?;
    let mut endings = Endings::listen().map_err(other)?;
    #[expect(
        clippy::disallowed_methods,
        reason = "a command of the user in the terminal, not a service"
    )]
    let mut command = tokio::process::Command::new(program);
    command
        .args(argv.get(1..).unwrap_or_default())
        .current_dir(directory)
        .env_clear()
        .envs(environment.iter())
        .env("PWD", directory);
    let mut child = command.spawn().map_err(other)?;
    let started = child.id().and_then(process);
    loop {
        tokio::select! {
            status = child.wait() => return status.map(program::exit_code).map_err(other),
            ending = endings.next() => if ending != Ending::Interrupt && let Some(started) = started {
                end(started, GRACE).await;
            },
        }
    }
}
