//! Applies the fixes of findings, where that is safe. The user has seen and confirmed each step. No
//! step overwrites anything that has changed since.
//!
//! The daemon starts and restarts services, and [`super::port::free`] frees ports.

mod edit;
pub mod stack_file_text;

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

pub use self::edit::{Changed, Line, change};
use super::process::{HelperFault, Output, run_helper};
use crate::{
    env::Env,
    fs::project_file::{Reader, TIME_LIMIT},
    model::{
        facts::LaunchFault,
        finding::{Action, LineChange},
    },
    stack::Command,
    stack_file,
};

/// The time limit for installing packages.
const INSTALLATION: Duration = Duration::from_mins(20);

/// Why a remedy failed.
#[derive(Debug, thiserror::Error)]
pub enum RemedyError {
    /// The file to create exists already.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// A file cannot be read or written.
    #[error("{} cannot be written: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// The stack file has changed since the fix was suggested.
    #[error("{} was not changed: line {line} has changed meanwhile", path.display())]
    Outdated {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The stack file would be invalid afterwards.
    #[error("{} was not changed, because it would be invalid: {reason}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// A command cannot be run.
    #[error("`{0}` was not found or is not executable")]
    Launch(String, LaunchFault),
    /// A command failed.
    #[error("`{command}` exited with {}", output.exit)]
    Ended {
        /// The command.
        command: String,
        /// Its output and exit.
        output: Output,
    },
    /// A command did not finish.
    #[error("`{0}` took more than 20 minutes and was killed")]
    TooLong(String),
}

/// Describes an action, for a confirmation prompt.
#[must_use]
pub fn describe(action: &Action) -> String {
    match action {
        Action::Start { service } => format!("Start {service}"),
        Action::Restart { service } => format!("Restart {service}"),
        Action::Stop { file, service } => format!("Stop {service} of {}", file.display()),
        Action::FreePort { port } => format!("End the process on port {port}"),
        Action::Install {
            command, directory, ..
        }
        | Action::Run {
            command, directory, ..
        } => {
            let command = shell_words::join(command);
            format!("Run `{command}` in {}", directory.display())
        }
        Action::CopyFile { from, to } => {
            format!("Copy {} to {}", from.display(), to.display())
        }
        Action::EditStackFile { file, .. } => format!("Change {}", file.display()),
    }
}

/// Runs an installation command in `directory` with `variables`.
pub async fn install(
    command: &[String],
    directory: &Path,
    variables: &Env,
) -> Result<Output, RemedyError> {
    let words = Command::Argv(command.to_vec());
    let shown = words.to_string();
    match run_helper(&words, directory, variables, INSTALLATION).await {
        Ok(output) if output.exit.is_success() => Ok(output),
        Ok(output) => Err(RemedyError::Ended {
            command: shown,
            output,
        }),
        Err(HelperFault::Launch(fault)) => Err(RemedyError::Launch(shown, fault)),
        Err(HelperFault::TimedOut { .. }) => Err(RemedyError::TooLong(shown)),
    }
}

/// Copies an example to a new file with the same permissions. Never overwrites.
pub fn copy(from: &Path, to: &Path) -> Result<(), RemedyError> {
    let in_place = |path: &Path| {
        let path = path.to_owned();
        move |source| RemedyError::File { path, source }
    };
    let text = Reader::within(TIME_LIMIT)
        .read(from)
        .map_err(in_place(from))?;
    let made = OpenOptions::new().write(true).create_new(true).open(to);
    let mut made = match made {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(RemedyError::Exists(to.to_owned()));
        }
        made => made.map_err(in_place(to))?,
    };
    made.write_all(&text).map_err(in_place(to))?;
    let permissions = fs::metadata(from).map(|example| example.permissions());
    permissions
        .and_then(|permissions| fs::set_permissions(to, permissions))
        .map_err(in_place(to))
}

/// Changes lines of a stack file, if they are unchanged and the result is valid.
pub fn edit_stack_file(
    file: &Path,
    changes: &[LineChange],
    variables: &Env,
) -> Result<(), RemedyError> {
    let in_place = |source| RemedyError::File {
        path: file.to_owned(),
        source,
    };
    let text = Reader::within(TIME_LIMIT).text(file).map_err(in_place)?;
    let edited = edited(file, &text, changes, variables)?;
    stack_file_text::exchange(file, &text, &edited.text).map_err(in_place)
}

/// Returns the changed text of a stack file, if its lines are as expected and the result is valid.
///
/// # Errors
///
/// A line is not as expected, or the result is invalid.
pub fn edited(
    file: &Path,
    text: &str,
    changes: &[LineChange],
    variables: &Env,
) -> Result<Changed, RemedyError> {
    let edited = change(text, changes).map_err(|line| RemedyError::Outdated {
        path: file.to_owned(),
        line,
    })?;
    stack_file::complete(file, edited.text.clone(), &[])
        .and_then(|text| stack_file::parse(file, text.as_bytes(), variables))
        .map_err(|report| RemedyError::Wrong {
            path: file.to_owned(),
            reason: report.to_string(),
        })?;
    Ok(edited)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_created_from_its_example_once() {
        let folder = tempfile::tempdir().unwrap();
        let (example, file) = (
            folder.path().join(".env.example"),
            folder.path().join(".env"),
        );
        fs::write(&example, "A=1\n").unwrap();
        copy(&example, &file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "A=1\n");
        fs::write(&file, "A=2\n").unwrap();
        assert!(matches!(
            copy(&example, &file),
            Err(RemedyError::Exists(path)) if path == file
        ));
        assert_eq!(fs::read_to_string(&file).unwrap(), "A=2\n");
    }

    #[test]
    fn a_stack_file_changes_only_to_a_valid_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pilotlight.toml");
        let text = "name = \"x\"\n[service.a]\ncommand = \"a\"\nport = 1\n";
        fs::write(&file, text).unwrap();
        let edit = |line: usize, old: &str, new: &str| {
            let change = LineChange {
                line,
                old: vec![old.to_owned()],
                new: vec![new.to_owned()],
            };
            edit_stack_file(&file, &[change], &Env::new())
        };
        assert!(matches!(
            edit(4, "port = 7", "port = 2"),
            Err(RemedyError::Outdated { line: 4, .. })
        ));
        assert!(matches!(
            edit(4, "port = 1", "prot = 2"),
            Err(RemedyError::Wrong { .. })
        ));
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
        edit(4, "port = 1", "port = 2").unwrap();
        let changed = fs::read_to_string(&file).unwrap();
        assert_eq!(changed, text.replace("port = 1", "port = 2"));
    }
}
