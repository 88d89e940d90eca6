//! Carries out what a finding advises, where that is safe. Each step is one that a person has seen
//! and agreed to; none overwrites what is there, unless it is still what was seen.
//!
//! To start and to restart a service is the daemon's business, and to end the holder of a port that
//! of [`super::port::free`].

mod edit;
pub mod stack_file_text;

use std::{
    ffi::OsString,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

pub use self::edit::{Changed, Line, change};
use super::{
    env::Base,
    process::{HelperFault, Output, run_helper},
};
use crate::{
    fs::{
        project_file::{PATIENCE, Reader},
        replace::replace,
    },
    model::{
        facts::LaunchFault,
        finding::{Action, LineChange},
    },
    stack::Command,
    stack_file,
};

/// How long the installation of packages may take.
const INSTALLATION: Duration = Duration::from_mins(20);

/// Why a remedy was not carried out. A fragment that follows "failed to".
#[derive(Debug, thiserror::Error)]
pub enum RemedyError {
    /// The file that was to be made is there by now.
    #[error("make {}: it is there already", .0.display())]
    Exists(PathBuf),
    /// A file cannot be read or written.
    #[error("write {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The operating system's words.
        source: io::Error,
    },
    /// The stack file is no longer what the change was made for.
    #[error("change {}: line {line} is no longer what it was", path.display())]
    Outdated {
        /// Which.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The stack file would be wrong afterwards.
    #[error("change {}: it would be wrong afterwards: {reason}", path.display())]
    Wrong {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A command cannot be run.
    #[error("run `{0}`: it is not there, or may not be run")]
    Launch(String, LaunchFault),
    /// A command has failed.
    #[error("run `{command}`: it ended with {}", output.exit)]
    Ended {
        /// The command.
        command: String,
        /// What it said, and how it ended.
        output: Output,
    },
    /// A command did not come to an end.
    #[error("run `{0}`: it took more than 20 minutes and was ended")]
    TooLong(String),
}

/// What an action does, in words that make a question.
#[must_use]
pub fn describe(action: &Action) -> String {
    match action {
        Action::Start { service } => format!("Start {service}"),
        Action::Restart { service } => format!("Restart {service}"),
        Action::Stop { file, service } => format!("Stop {service} of {}", file.display()),
        Action::FreePort { port } => format!("End the process on port {port}"),
        Action::Install {
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

/// Runs the command that installs what is missing, in `directory` and with `variables`.
pub async fn install(
    command: &[String],
    directory: &Path,
    variables: &Base,
) -> Result<Output, RemedyError> {
    let words = Command::Words(command.to_vec());
    let shown = words.to_string();
    let environment: Vec<(OsString, OsString)> = variables.clone().into_iter().collect();
    match run_helper(&words, directory, &environment, INSTALLATION).await {
        Ok(output) if output.exit.is_success() => Ok(output),
        Ok(output) => Err(RemedyError::Ended {
            command: shown,
            output,
        }),
        Err(HelperFault::Launch(fault)) => Err(RemedyError::Launch(shown, fault)),
        Err(HelperFault::TimedOut { .. }) => Err(RemedyError::TooLong(shown)),
    }
}

/// Makes a file from its example, with the same permissions. One that is there stays as it is.
pub fn copy(from: &Path, to: &Path) -> Result<(), RemedyError> {
    let in_place = |path: &Path| {
        let path = path.to_owned();
        move |source| RemedyError::File { path, source }
    };
    let text = Reader::within(PATIENCE)
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

/// Changes lines of a stack file, if they are still what they were and the file is right afterwards.
pub fn edit_stack_file(
    file: &Path,
    changes: &[LineChange],
    variables: &Base,
) -> Result<(), RemedyError> {
    let in_place = |source| RemedyError::File {
        path: file.to_owned(),
        source,
    };
    let text = Reader::within(PATIENCE).text(file).map_err(in_place)?;
    let edited = change(&text, changes).map_err(|line| RemedyError::Outdated {
        path: file.to_owned(),
        line,
    })?;
    stack_file::parse(file, edited.text.as_bytes(), variables).map_err(|report| {
        RemedyError::Wrong {
            path: file.to_owned(),
            reason: report.to_string(),
        }
    })?;
    let permissions = fs::metadata(file).map_err(in_place)?.permissions();
    // A link is followed: it is the file behind it that changes.
    let place = fs::canonicalize(file).map_err(in_place)?;
    replace(&place, edited.text.as_bytes()).map_err(in_place)?;
    fs::set_permissions(&place, permissions).map_err(in_place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_made_from_its_example_once() {
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
    fn a_stack_file_changes_only_to_what_is_right() {
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
            edit_stack_file(&file, &[change], &Base::new())
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
