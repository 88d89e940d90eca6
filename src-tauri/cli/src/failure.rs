//! Why a command did not do what it was to do, and how that is told.

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

/// The exit status where the stack file or the command line is wrong, as clap has it.
const WRONG: u8 = 2;

/// What came of a command that was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// What was asked came true.
    Done,
    /// It did not, and why has been said.
    Undone,
    /// The stack file is wrong, and why has been said.
    Invalid,
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Done => Self::SUCCESS,
            Ending::Undone => Self::FAILURE,
            Ending::Invalid => WRONG.into(),
        }
    }
}

/// Why a command was not carried out. Messages are fragments that follow "failed to".
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("read the stack file")]
    StackFile(#[from] Report),
    #[error("{0}")]
    NoStackFile(#[from] NotFound),
    #[error("find {}", Unknown(.0))]
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
    /// The operating system would not do this.
    #[error("{0}: {1}")]
    System(&'static str, #[source] io::Error),
    #[error("use the log {}: {source}", path.display())]
    Log { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Remedy(#[from] RemedyError),
    #[error(transparent)]
    Look(#[from] LookError),
    /// What is written is read by nobody, or cannot be written.
    #[error("write: {0}")]
    Output(#[from] io::Error),
}

/// A service that is not in its stack.
#[derive(Debug)]
pub(crate) struct UnknownService {
    pub(crate) name: ServiceName,
    pub(crate) stack: String,
    pub(crate) known: Vec<ServiceName>,
}

struct Unknown<'a>(&'a UnknownService);

impl std::fmt::Display for Unknown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let UnknownService { name, stack, known } = self.0;
        write!(f, "the service `{name}` in {stack}")?;
        let known: Vec<&str> = known.iter().map(ServiceName::as_str).collect();
        if let Some(near) = nearest(name.as_str(), known.iter().copied()) {
            write!(f, "; did you mean `{near}`?")?;
        }
        write!(f, " It has {}", known.join(", "))
    }
}

impl Failure {
    /// Of what could not be done.
    pub(crate) fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System(what, source)
    }

    /// 2 where the stack file or the command line is wrong.
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

    /// Says it on the standard error.
    pub(crate) fn tell(&self) {
        let told = match self {
            // `| head` has what it wanted.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Self::StackFile(report) => tell_report(report),
            Self::NoStackFile(not_found) => {
                // It says by itself what has failed.
                let help = miette::Diagnostic::help(not_found).map(|help| help.to_string());
                tell(&not_found.to_string(), help.as_deref())
            }
            Self::Usage(message) | Self::Refused(message) => tell(message, None),
            // Sentences of their own.
            Self::Connect(ConnectError::NoSocket { .. })
            | Self::Client(ClientError::Silent { .. }) => tell(&self.to_string(), self.help()),
            _ => tell(&format!("failed to {self}"), self.help()),
        };
        // There is nobody to be told of that.
        drop(told);
    }

    /// The next step.
    fn help(&self) -> Option<&'static str> {
        match self {
            Self::Connect(ConnectError::NoDaemon) => Some("start it with `pilotlight up`"),
            Self::Connect(ConnectError::NoSocket { .. }) => Some(
                "it makes the socket again by itself unless it is stopped; end that process if it \
                 does not: its services keep running, and the next `pilotlight up` reconnects to them",
            ),
            Self::Connect(ConnectError::Silent) | Self::Client(ClientError::Silent { .. }) => Some(
                "end that process; its services go on, and the next `pilotlight up` takes them over",
            ),
            Self::Client(ClientError::Closed) => {
                Some("its services go on; the next `pilotlight up` takes them over")
            }
            _ => None,
        }
    }
}

/// Says what is wrong, and what to do.
pub(crate) fn tell(message: &str, help: Option<&str>) -> io::Result<()> {
    let mut out = paint::err();
    writeln!(out, "{} {message}", paint(RED.bold(), "error:"))?;
    if let Some(help) = help {
        writeln!(out, "  {} {help}", paint(BOLD, "help:"))?;
    }
    Ok(())
}

/// Every problem of a stack file, with its lines on a terminal.
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
            write!(out, "{file}")?;
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
