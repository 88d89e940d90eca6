//! The errors of chores.

use std::{
    fmt::Write as _,
    io,
    path::PathBuf,
    process::{Command, ExitCode, ExitStatus},
};

use anstyle::{AnsiColor, Style};

/// Why a chore failed. Each message names the next step, or shows the output of the failed program.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("could not run `{program}`: {source}")]
    Run { program: String, source: io::Error },
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{what}: {status}; all of its output is in {}\n\n{tail}", log.display())]
    Step {
        what: String,
        status: ExitStatus,
        log: PathBuf,
        tail: String,
    },
    /// The program has reported the reason itself.
    #[error("`{program}`: {status}")]
    Shown { program: String, status: ExitStatus },
    /// Tests failed; their output has been shown.
    #[error("{}", targets(.0))]
    Tests(Vec<FailedTarget>),
    /// Several parts failed and have been reported. Each has a name and a short reason.
    #[error("these failed:{}", parts(.0))]
    Parts(Vec<(&'static str, String)>),
    #[error("{}", list(.0))]
    Missing(Vec<Missing>),
    /// A result of the chore is wrong.
    #[error("{0}")]
    Untrue(String),
    #[error("out of date: {}\nrun `cargo xtask generate` and commit the result", .0.join(", "))]
    Stale(Vec<String>),
}

/// A `cargo test` target with failed tests.
#[derive(Debug)]
pub(crate) struct FailedTarget {
    /// The arguments of cargo that select it.
    pub(crate) target: String,
    /// The failed tests; empty if the program exited without naming them.
    pub(crate) tests: Vec<String>,
}

/// A requirement that no chore installs on this system.
#[derive(Debug)]
pub(crate) struct Missing {
    /// What is missing, and an unsuitable version that was found.
    pub(crate) what: String,
    /// The command or the place to get it.
    pub(crate) remedy: String,
}

fn targets(failed: &[FailedTarget]) -> String {
    let mut text = String::from("tests failed:");
    for FailedTarget { target, tests } in failed {
        let _ = write!(text, "\n  {target}");
        for test in tests {
            let _ = write!(text, "\n    {test}");
        }
    }
    text
}

fn parts(failed: &[(&str, String)]) -> String {
    let mut text = String::new();
    for (what, why) in failed {
        let _ = write!(text, "\n  {what}: {}", why.replace('\n', "\n  "));
    }
    text
}

fn list(missing: &[Missing]) -> String {
    let mut text = String::from("missing requirements:");
    for Missing { what, remedy } in missing {
        let _ = write!(text, "\n  {what}\n    {remedy}");
    }
    text
}

impl Error {
    /// Returns the same without the output of a program.
    pub(crate) fn in_short(&self) -> String {
        match self {
            Self::Step {
                what, status, log, ..
            } => {
                format!(
                    "{what}: {status}; all of its output is in {}",
                    log.display()
                )
            }
            other => other.to_string(),
        }
    }

    /// Prints the error and returns the exit code of the chore: that of a program whose output was shown.
    pub(crate) fn report(&self) -> ExitCode {
        let red = Style::new().fg_color(Some(AnsiColor::Red.into())).bold();
        anstream::eprintln!("{red}error{red:#}: {self}");
        match self {
            Self::Shown { status, .. } => status
                .code()
                .and_then(|code| u8::try_from(code).ok())
                .map_or(ExitCode::FAILURE, ExitCode::from),
            _ => ExitCode::FAILURE,
        }
    }
}

/// Names the program that could not be run.
pub(crate) fn not_run(command: &Command) -> impl Fn(io::Error) -> Error + use<> {
    let program = command.get_program().to_string_lossy().into_owned();
    move |source| Error::Run {
        program: program.clone(),
        source,
    }
}

/// Names the file of an error.
pub(crate) fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
    let path = path.into();
    |source| Error::File { path, source }
}
