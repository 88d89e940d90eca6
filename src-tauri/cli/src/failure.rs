//! The reasons why a command fails, and how they are reported.

use std::{
    io::{self, IsTerminal, Write, stderr},
    path::PathBuf,
    process::ExitCode,
};

use miette::{GraphicalReportHandler, GraphicalTheme};
use pilotlight::{
    control::{ClientError, ConnectError, LockError},
    effects::remedy::RemedyError,
    fs::home::HomeError,
    host::{background::StartError, daemon::DaemonError, logging::LoggingError},
    stack::ServiceName,
    stack_file::{NotFound, Report, nearest},
};
use pilotlight_init::project::LookError;

use crate::{
    paint::{self, BOLD, RED, Signs, paint},
    view::size_of_errors,
};

/// The exit status for an invalid stack file or command line, which is also clap's.
const WRONG: u8 = 2;

/// The exit status of `wait` when its time is over.
pub(crate) const TIMED_OUT: u8 = 3;

/// The outcome of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The command succeeded.
    Done,
    /// Failure; the reason has been reported.
    Undone,
    /// The stack file is invalid; the problems have been reported.
    Invalid,
    /// The exit status of a command that was run, or one with a special meaning.
    Code(u8),
}

impl Ending {
    /// Returns the outcome for the exit code of a command that was run.
    pub(crate) fn of_code(code: i32) -> Self {
        Self::Code(u8::try_from(code).unwrap_or(1))
    }
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Done => Self::SUCCESS,
            Ending::Undone => Self::FAILURE,
            Ending::Invalid => WRONG.into(),
            Ending::Code(code) => code.into(),
        }
    }
}

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the stack file is invalid")]
    StackFile(#[from] Report),
    #[error("{0}")]
    NoStackFile(#[from] NotFound),
    #[error("no service named `{}` in stack `{}`", .0.name, .0.stack)]
    UnknownService(Box<UnknownService>),
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Keep(#[from] DaemonError),
    #[error(transparent)]
    Diary(#[from] LoggingError),
    #[error(transparent)]
    Start(#[from] StartError),
    /// The operating system reported an error.
    #[error("failed to {0}: {1}")]
    System(&'static str, #[source] io::Error),
    #[error("cannot read the log {}: {source}", path.display())]
    Log { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Remedy(#[from] RemedyError),
    #[error("failed to {0}")]
    Look(#[from] LookError),
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

/// A service name that is not in the stack.
#[derive(Debug)]
pub(crate) struct UnknownService {
    pub(crate) name: ServiceName,
    pub(crate) stack: String,
    pub(crate) known: Vec<ServiceName>,
}

impl UnknownService {
    pub(crate) fn help(&self) -> String {
        let mut known: Vec<&str> = self.known.iter().map(ServiceName::as_str).collect();
        known.sort_unstable();
        let near = nearest(self.name.as_str(), known.iter().copied());
        let near = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
        format!("{near}services are: {}", known.join(", "))
    }
}

impl Failure {
    /// Returns a function that turns an I/O error into a failure to do `what`.
    pub(crate) fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System(what, source)
    }

    /// Returns a function that turns an I/O error into a failure to read this log.
    pub(crate) fn log(path: impl Into<PathBuf>) -> impl Fn(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Log {
            path: path.clone(),
            source,
        }
    }

    /// Returns the exit status: 2 if the stack file or the command line is invalid.
    pub(crate) fn code(&self) -> ExitCode {
        match self {
            Self::StackFile(_)
            | Self::NoStackFile(_)
            | Self::UnknownService(_)
            | Self::Usage(_) => WRONG.into(),
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }

    /// Reports the failure on the standard error.
    pub(crate) fn tell(&self) {
        let told = match self {
            // The reader of the output has exited, as with `| head`.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Self::StackFile(report) => tell_report(report),
            Self::NoStackFile(not_found) => {
                let help = miette::Diagnostic::help(not_found).map(|help| help.to_string());
                tell(&not_found.to_string(), help.as_deref())
            }
            Self::UnknownService(unknown) => tell(&self.to_string(), Some(&unknown.help())),
            _ => tell(&self.to_string(), self.help()),
        };
        // The error cannot be reported anywhere.
        drop(told);
    }

    /// Returns the next step for the user.
    fn help(&self) -> Option<&'static str> {
        match self {
            Self::Connect(ConnectError::NoDaemon) => Some("start it with `pilotlight up`"),
            Self::Connect(ConnectError::NoSocket { .. }) => Some(
                "the daemon recreates its socket unless it is stopped. If it does not, stop that process: \
                 its services keep running, and the next `pilotlight up` reconnects to them",
            ),
            Self::Connect(ConnectError::Silent) | Self::Client(ClientError::Silent { .. }) => Some(
                "stop that process: its services keep running, and the next `pilotlight up` reconnects \
                 to them",
            ),
            Self::Client(ClientError::Closed) => {
                Some("its services keep running, and the next `pilotlight up` reconnects to them")
            }
            _ => None,
        }
    }
}

/// Prints an error and the next step.
pub(crate) fn tell(message: &str, help: Option<&str>) -> io::Result<()> {
    let mut out = paint::err();
    writeln!(out, "{} {message}", paint(RED.bold(), "error:"))?;
    if let Some(help) = help {
        writeln!(out, "  {} {help}", paint(BOLD, "help:"))?;
    }
    Ok(())
}

/// Prints every problem of a stack file, on a terminal with its lines.
pub(crate) fn tell_report(report: &Report) -> io::Result<()> {
    let number = report.problems().len();
    let more = if report.is_cut_short() {
        " and more"
    } else {
        ""
    };
    let problems = if number == 1 { "problem" } else { "problems" };
    let file = report.file().display();
    tell(&format!("{number} {problems}{more} in {file}"), None)?;
    let mut out = paint::err();
    for problem in report.problems() {
        if stderr().is_terminal() {
            write!(out, "\n{}", drawn(problem))?;
        } else {
            write!(out, "{}", problem.file())?;
            if let Some(place) = problem.place() {
                write!(out, ":{}:{}", place.line, place.column)?;
            }
            writeln!(out, ": {problem}")?;
            if let Some(line) = problem.line() {
                writeln!(out, "    {}", line.trim())?;
            }
            writeln!(out, "  help: {}", problem.suggestion())?;
        }
    }
    Ok(())
}

fn drawn(problem: &dyn miette::Diagnostic) -> String {
    let mut theme = match Signs::of_this_terminal() {
        Signs::Unicode => GraphicalTheme::unicode(),
        Signs::Ascii => GraphicalTheme::ascii(),
    };
    if !paint::errors_are_coloured() {
        theme.styles = miette::ThemeStyles::none();
    }
    let mut text = String::new();
    let (width, _) = size_of_errors();
    let handler = GraphicalReportHandler::new_themed(theme).with_width(width);
    match handler.render_report(&mut text, problem) {
        Ok(()) => text,
        Err(_) => format!("{problem}\n"),
    }
}
