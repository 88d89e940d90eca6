//! Platform-specific parts of xtask.

use std::{io, path::Path, process::Command};

use crate::error::{Error, not_run};

/// Replaces this process with the program, which then receives every signal.
#[cfg(unix)]
pub(crate) fn become_program(mut command: Command) -> Result<(), Error> {
    use std::os::unix::process::CommandExt as _;

    let error = command.exec();
    Err(not_run(&command)(error))
}

/// Runs the program and waits, since Windows cannot replace a process. Ctrl-C is left to the program.
#[cfg(windows)]
pub(crate) fn become_program(mut command: Command) -> Result<(), Error> {
    let handled = ctrlc::set_handler(|| {}).map_err(io::Error::other);
    handled.map_err(not_run(&command))?;
    crate::step::show(&mut command)
}

/// Makes the file executable for the user.
#[cfg(unix)]
pub(crate) fn make_executable(file: &Path) -> io::Result<()> {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    fs::set_permissions(file, fs::Permissions::from_mode(0o755))
}

/// Does nothing: on Windows the name of a file decides whether it is executable.
#[cfg(windows)]
pub(crate) fn make_executable(_file: &Path) -> io::Result<()> {
    Ok(())
}
