//! Starts a command, and explains why it could not be started.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{Tree, lookup};
use crate::{
    env::Env,
    model::facts::{LaunchFault, Mark},
    platform::{
        process::{self as platform, Start},
        terminal,
    },
    stack::Command,
};

/// The pause before another attempt to start a program that is being written. It doubles each time,
/// up to a quarter of a second in total.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LAST_PAUSE: Duration = Duration::from_millis(128);

/// Variables that request colours although the output is not a terminal: Node and most of its
/// tools, Rust and CMake, npm, pytest.
const COLOURS: [(&str, &str); 4] = [
    ("FORCE_COLOR", "1"),
    ("CLICOLOR_FORCE", "1"),
    ("npm_config_color", "always"),
    ("PY_COLORS", "1"),
];

/// Describes the terminal of a service.
const TERMINAL: [(&str, &str); 2] = [("TERM", "xterm-256color"), ("COLORTERM", "truecolor")];

/// The parameters of a command to start.
#[derive(Debug)]
pub struct Launch {
    /// The program and its arguments; see [`argv`].
    pub argv: Vec<OsString>,
    /// Its working directory, absolute.
    pub directory: PathBuf,
    /// Its complete environment. The mark is added, `PWD` is set to the directory, and
    /// `PYTHONUNBUFFERED` to 1 unless it is set.
    pub environment: Env,
    /// The mark by which its processes are found.
    pub mark: Mark,
    /// Receives its standard output and error, in their true order. A log is opened for appending.
    pub output: File,
    /// Receives its standard error instead.
    pub errors: Option<File>,
    /// Its standard input; empty without one.
    pub input: Option<File>,
    /// Whether variables request colours, unless its environment already sets one of them
    /// (`NO_COLOR`, `FORCE_COLOR`).
    pub colors: bool,
    /// Gives it a terminal, whose path is written to this file. On Windows it has none.
    pub terminal: Option<PathBuf>,
}

/// Returns the program and arguments of a command. A shell line is passed to the platform's shell.
#[must_use]
pub fn argv(command: &Command<String>) -> Vec<OsString> {
    match command {
        Command::Argv(argv) => argv.iter().map(OsString::from).collect(),
        Command::Shell(line) => platform::shell(line),
    }
}

/// Starts a command, hidden, in its own process group. The program is running when this returns,
/// after about half a millisecond. Needs a tokio runtime.
///
/// The program is looked up as a shell would: a name without a slash on the PATH of `environment`,
/// any other name relative to `directory`.
pub async fn launch(launch: Launch) -> Result<Tree, LaunchFault> {
    let Launch {
        argv,
        directory,
        mut environment,
        mark,
        output,
        errors,
        input,
        colors,
        terminal: note,
    } = launch;
    let missing = || LaunchFault::DirectoryMissing {
        path: directory.clone(),
    };
    let program = match argv.first() {
        Some(word) => lookup::program(word, &directory, &environment),
        None => Err(other("the command is empty".to_owned())),
    };
    let program = program.map_err(|fault| if directory.is_dir() { fault } else { missing() })?;

    if environment.get(Mark::COMPANION).is_none() {
        environment.set(Mark::COMPANION, "1");
    }
    let decides_on_colours = ["NO_COLOR", "FORCE_COLOR"]
        .iter()
        .any(|name| environment.get(name).is_some());
    let variables = if note.is_some() {
        TERMINAL.as_slice()
    } else if colors && !decides_on_colours {
        COLOURS.as_slice()
    } else {
        &[]
    };
    for (name, value) in variables {
        if environment.get(name).is_none() {
            environment.set(name, value);
        }
    }
    // A shell would have set it after `cd`; the value of this process would be wrong.
    environment.set("PWD", directory.clone());
    environment.set(Mark::VARIABLE, mark.to_string());
    let holder = match &note {
        Some(note) => terminal::holder(note, &program, &argv),
        None => Ok(None),
    };
    let holder = holder.map_err(|error| other(error.to_string()))?;
    let start = Start {
        program: holder.as_ref().map_or(&program, |(program, _)| program),
        argv: holder.as_ref().map_or(&argv, |(_, argv)| argv),
        directory: &directory,
        environment: &environment,
        mark: &mark,
        output,
        errors,
        input,
        leads_session: holder.is_some(),
    };
    match spawn_when_written(&start).await {
        Ok(handle) => Ok(Tree::of_child(mark, handle)),
        Err(_) if !directory.is_dir() => Err(missing()),
        Err(error) => Err(explain(&error, program, &directory)),
    }
}

/// Starts a program. Linux does not start one that a process has open for writing. That lasts only
/// a moment: a build is writing the file, or a new process has inherited the open file.
async fn spawn_when_written(start: &Start<'_>) -> io::Result<platform::Handle> {
    let mut pause = FIRST_PAUSE;
    loop {
        match platform::spawn(start) {
            Err(error)
                if error.kind() == io::ErrorKind::ExecutableFileBusy && pause <= LAST_PAUSE =>
            {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            spawned => return spawned,
        }
    }
}

/// Determines the cause of a failed start, since the system reports the same error for several
/// causes. Doing it afterwards avoids changes between a check and the start.
fn explain(error: &io::Error, program: PathBuf, directory: &Path) -> LaunchFault {
    let shown = program.display();
    if platform::is_no_program(error) {
        return other(format!(
            "{shown} is not a program for this system, nor a script that begins with #! and its \
             interpreter"
        ));
    }
    match error.kind() {
        io::ErrorKind::NotFound => match interpreter(&program) {
            Ok(Some(interpreter)) => other(match interpreter.strip_suffix('\r') {
                Some(interpreter) => format!(
                    "the first line of {shown} ends in a carriage return, so its interpreter is \
                     {interpreter}\\r, which was not found: store the file with the line ends of Unix"
                ),
                None => format!("the interpreter {interpreter} of {shown} was not found"),
            }),
            Ok(None) => other(format!(
                "a loader or library that {shown} needs was not found; it may be built for \
                 another system"
            )),
            Err(_) => LaunchFault::CommandNotFound {
                program: shown.to_string(),
                near: Vec::new(),
            },
        },
        io::ErrorKind::PermissionDenied if !platform::enterable(directory) => {
            let directory = directory.display();
            other(format!("the directory {directory} cannot be entered"))
        }
        io::ErrorKind::PermissionDenied => LaunchFault::NotExecutable { path: program },
        io::ErrorKind::ExecutableFileBusy => other(format!("{shown} is still being written")),
        _ => other(format!("{shown}: {error}")),
    }
}

/// Returns the interpreter in the first line of a script after `#!`: up to a space, as the system
/// reads it.
fn interpreter(script: &Path) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    BufReader::new(File::open(script)?)
        .take(256)
        .read_until(b'\n', &mut line)?;
    let line = String::from_utf8_lossy(&line);
    let named = line.strip_prefix("#!").map(str::trim_start);
    let named = named.and_then(|named| named.split([' ', '\t', '\n']).next());
    Ok(named.filter(|named| !named.is_empty()).map(str::to_owned))
}

fn other(message: String) -> LaunchFault {
    LaunchFault::Other { message }
}
