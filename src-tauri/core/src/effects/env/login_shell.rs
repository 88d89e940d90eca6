//! The environment of the user's login shell.
//!
//! What a desktop starts does not have it: the PATH of nvm, pyenv or Homebrew is set in the files that
//! a shell reads when it starts.

use std::{
    ffi::OsString,
    io::{self, IsTerminal as _},
    path::Path,
    time::Duration,
};

use super::Base;
use crate::{
    effects::process::{HelperFault, run_helper},
    host::variables::{get, set},
    model::facts::{Exit, LaunchFault, Mark},
    platform::host,
    stack::Command,
};

/// A shell that reads a lot takes seconds on a machine that is just starting; one that asks its user
/// something takes for ever.
const PATIENCE: Duration = Duration::from_secs(10);

/// Before and after the variables: what its files print besides is none of them.
const MARKER: &str = "--- pilotlight environment ---";

/// What belongs to the shell, or to how it was started, and not to the user.
const OF_THE_SHELL: [&str; 6] = [
    "PWD",
    "OLDPWD",
    "SHLVL",
    "_",
    "PYTHONUNBUFFERED",
    Mark::VARIABLE,
];

/// Why the environment of the login shell is not known. A fragment that follows "failed to".
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LoginShellFault {
    /// It could not be started.
    #[error("start {shell}: {fault:?}")]
    Launch {
        /// The shell.
        shell: String,
        /// Why.
        fault: LaunchFault,
    },
    /// It did not come to an end.
    #[error("wait for {shell} any longer than {} s", PATIENCE.as_secs())]
    TimedOut {
        /// The shell.
        shell: String,
    },
    /// It ended, and has not told.
    #[error("read the variables of {shell}: it ended with {exit}")]
    Silent {
        /// The shell.
        shell: String,
        /// How it ended.
        exit: Exit,
    },
}

/// The variables of the user's login shell as it reads its files anew, over `own`; `None` where this
/// process has them anyway: it was started from a terminal, or there is no such shell on this system.
pub async fn login_environment(own: &Base) -> Result<Option<Base>, LoginShellFault> {
    if has_terminal() {
        return Ok(None);
    }
    match host::login_shell(own) {
        Some(words) => ask(words, own, PATIENCE).await.map(Some),
        None => Ok(None),
    }
}

fn has_terminal() -> bool {
    io::stdin().is_terminal() || io::stdout().is_terminal() || io::stderr().is_terminal()
}

/// `words` start the shell with the line that follows them.
async fn ask(
    mut words: Vec<String>,
    own: &Base,
    patience: Duration,
) -> Result<Base, LoginShellFault> {
    let shell = words.first().cloned().unwrap_or_default();
    words.push(format!(
        "printf '%s' '{MARKER}'; /usr/bin/env -0; printf '%s' '{MARKER}'"
    ));
    let home = get(own, "HOME").map(Path::new).filter(|home| home.is_dir());
    let directory = home.unwrap_or_else(|| Path::new("/"));
    let variables: Vec<(OsString, OsString)> = own.clone().into_iter().collect();
    let output = run_helper(&Command::Words(words), directory, &variables, patience).await;
    let output = match output {
        Ok(output) => output,
        Err(HelperFault::Launch(fault)) => return Err(LoginShellFault::Launch { shell, fault }),
        Err(HelperFault::TimedOut { .. }) => return Err(LoginShellFault::TimedOut { shell }),
    };
    let exit = output.exit;
    read(&output.text, own).ok_or(LoginShellFault::Silent { shell, exit })
}

/// The variables between the last two markers; `None` where there are none.
fn read(text: &str, own: &Base) -> Option<Base> {
    let (before, _) = text.rsplit_once(MARKER)?;
    let (_, between) = before.rsplit_once(MARKER)?;
    let mut variables = Base::new();
    for pair in between.split('\0') {
        let Some((name, value)) = pair.split_once('=') else {
            continue;
        };
        let known = own.get(&OsString::from(name));
        match known {
            // It was no text; what this process has is.
            Some(known) if value.contains(char::REPLACEMENT_CHARACTER) => {
                variables.insert(name.into(), known.clone());
            }
            _ => {
                variables.insert(name.into(), value.into());
            }
        }
    }
    // An empty environment has at least a PATH.
    get(&variables, "PATH")?;
    for name in OF_THE_SHELL {
        match get(own, name) {
            Some(value) => set(&mut variables, name, value.to_owned()),
            None => {
                variables.remove(&OsString::from(name));
            }
        }
    }
    Some(variables)
}

#[cfg(test)]
mod tests;
