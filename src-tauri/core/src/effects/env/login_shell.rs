//! The environment of the user's login shell.
//!
//! A program started from the desktop lacks it: the PATH of nvm, pyenv or Homebrew is set in the
//! files that a shell reads when it starts.

use std::{
    ffi::OsStr,
    io::{self, IsTerminal as _},
    path::Path,
    time::Duration,
};

use crate::{
    effects::process::{HelperFault, run_helper},
    env::Env,
    model::facts::{Exit, LaunchFault, Mark},
    platform::host,
    stack::Command,
};

/// A shell with many start-up files takes seconds on a machine that is just booting; one that waits
/// for input never ends.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// Marks the beginning and the end of the variables; start-up files may print other text.
const MARKER: &str = "--- pilotlight environment ---";

/// Variables of the shell, not of the user.
const OF_THE_SHELL: [&str; 6] = [
    "PWD",
    "OLDPWD",
    "SHLVL",
    "_",
    "PYTHONUNBUFFERED",
    Mark::VARIABLE,
];

/// Why the environment of the login shell is unknown.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LoginShellFault {
    /// It could not be started.
    #[error("the login shell {shell} could not be started: {fault:?}")]
    Launch {
        /// The shell.
        shell: String,
        /// Why.
        fault: LaunchFault,
    },
    /// It did not finish.
    #[error("the login shell {shell} did not finish within {} s", TIME_LIMIT.as_secs())]
    TimedOut {
        /// The shell.
        shell: String,
    },
    /// It exited without printing its variables.
    #[error("the login shell {shell} printed no variables and exited with {exit}")]
    Silent {
        /// The shell.
        shell: String,
        /// How it exited.
        exit: Exit,
    },
}

/// Returns the variables of the user's login shell, on top of `own`; `None` if this process has
/// them already (it was started from a terminal), or if this system has no login shell.
pub async fn login_environment(own: &Env) -> Result<Option<Env>, LoginShellFault> {
    if has_terminal() {
        return Ok(None);
    }
    match host::login_shell(own) {
        Some(words) => read_environment(words, own, TIME_LIMIT).await.map(Some),
        None => Ok(None),
    }
}

fn has_terminal() -> bool {
    io::stdin().is_terminal() || io::stdout().is_terminal() || io::stderr().is_terminal()
}

/// Runs the shell with the line that prints its variables.
async fn read_environment(
    mut words: Vec<String>,
    own: &Env,
    time_limit: Duration,
) -> Result<Env, LoginShellFault> {
    let shell = words.first().cloned().unwrap_or_default();
    words.push(format!(
        "printf '%s' '{MARKER}'; /usr/bin/env -0; printf '%s' '{MARKER}'"
    ));
    let home = own.get("HOME").map(Path::new).filter(|home| home.is_dir());
    let directory = home.unwrap_or_else(|| Path::new("/"));
    let output = run_helper(&Command::Argv(words), directory, own, time_limit).await;
    let output = match output {
        Ok(output) => output,
        Err(HelperFault::Launch(fault)) => return Err(LoginShellFault::Launch { shell, fault }),
        Err(HelperFault::TimedOut { .. }) => return Err(LoginShellFault::TimedOut { shell }),
    };
    let exit = output.exit;
    read(&output.text, own).ok_or(LoginShellFault::Silent { shell, exit })
}

/// Returns the variables between the last two markers.
fn read(text: &str, own: &Env) -> Option<Env> {
    let (before, _) = text.rsplit_once(MARKER)?;
    let (_, between) = before.rsplit_once(MARKER)?;
    let pairs = between.split('\0').filter_map(|pair| pair.split_once('='));
    let mut variables: Env = pairs
        .map(|(name, value)| match own.get(name) {
            // The value is not valid UTF-8: keep that of this process.
            Some(known) if value.contains(char::REPLACEMENT_CHARACTER) => (name, known),
            _ => (name, OsStr::new(value)),
        })
        .collect();
    // A valid environment has at least a PATH.
    variables.get("PATH")?;
    for name in OF_THE_SHELL {
        match own.get(name) {
            Some(value) => variables.set(name, value),
            None => variables.remove(name),
        }
    }
    Some(variables)
}

#[cfg(test)]
mod tests;
