//! The one thing that the chores do differently by platform.

use std::process::Command;

use crate::error::Error;

/// Hands the terminal over to the program: it gets every signal, and its end is the end of this one.
#[cfg(unix)]
pub(crate) fn become_program(mut command: Command) -> Result<(), Error> {
    use std::os::unix::process::CommandExt as _;

    let source = command.exec();
    Err(Error::Run {
        program: command.get_program().to_string_lossy().into_owned(),
        source,
    })
}

/// Windows cannot replace a program, so this one waits and leaves Ctrl-C to the other.
#[cfg(windows)]
pub(crate) fn become_program(command: Command) -> Result<(), Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    ctrlc::set_handler(|| {}).map_err(|error| Error::Run {
        program,
        source: std::io::Error::other(error),
    })?;
    crate::step::show(command)
}
