//! Executable files and how they are started.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    os::windows::{io::OwnedHandle, process::CommandExt as _},
    path::{Component, Path, PathBuf, Prefix},
    process::{Command, Stdio},
};

use windows_sys::Win32::{
    Foundation::{ERROR_BAD_EXE_FORMAT, ERROR_EXE_MACHINE_TYPE_MISMATCH},
    System::Threading::{CREATE_NO_WINDOW, CREATE_SUSPENDED},
};

use crate::platform::{
    os::call::is_code,
    types::{Runnable, Start},
};

/// Extensions of executable files, in the order of `PATHEXT`. Others in it (scripts of the Windows
/// Script Host) need a program that opens them.
const ENDINGS: [&str; 4] = ["com", "exe", "bat", "cmd"];

/// The options of `cmd.exe` for running a line: without commands from the registry first, and
/// removing only the outer quotes of the line.
const SHELL_ARGUMENTS: [&str; 3] = ["/d", "/s", "/c"];

/// Paths of at least this length stay in the long form, the only one in which they can be used.
const LONG: usize = 248;

/// A suspended process.
pub(super) struct Suspended {
    pub(super) pid: u32,
    /// A handle with all rights.
    pub(super) object: OwnedHandle,
}

/// Starts a suspended process, with a console but no window.
///
/// It does not lead a console process group, since that would disable Ctrl+C: it has its own
/// console, and events there reach no other process. The standard library quotes the arguments, and
/// rejects those that cannot be passed safely to a batch file.
pub(super) fn start_suspended(start: &Start<'_>) -> io::Result<Suspended> {
    let (_, arguments) = start
        .argv
        .split_first()
        .ok_or(io::ErrorKind::InvalidInput)?;
    #[expect(clippy::disallowed_methods, reason = "the ban refers to this place")]
    let mut command = Command::new(plain(start.program));
    match arguments {
        [first @ .., line] if first == SHELL_ARGUMENTS => {
            // The shell takes the literal line, not arguments.
            let mut quoted = OsString::from("\"");
            quoted.push(line);
            quoted.push("\"");
            command.args(first).raw_arg(quoted);
        }
        arguments => drop(command.args(arguments)),
    }
    let child = command
        .current_dir(plain(start.directory))
        .env_clear()
        .envs(start.environment.iter())
        .stdin(match &start.input {
            Some(input) => input.try_clone()?.into(),
            None => Stdio::null(),
        })
        .stdout(start.output.try_clone()?)
        .stderr(start.errors.as_ref().unwrap_or(&start.output).try_clone()?)
        .creation_flags(CREATE_NO_WINDOW | CREATE_SUSPENDED)
        .spawn()?;
    Ok(Suspended {
        pid: child.id(),
        object: child.into(),
    })
}

/// Removes the `\\?\` of resolved paths, which many programs, including `cmd.exe`, do not support.
fn plain(path: &Path) -> PathBuf {
    let mut components = path.components();
    let Some(Component::Prefix(prefix)) = components.next() else {
        return path.to_owned();
    };
    let mut shorter = match prefix.kind() {
        Prefix::VerbatimDisk(disk) => OsString::from(format!("{}:", char::from(disk))),
        Prefix::VerbatimUNC(server, share) => {
            let mut shorter = OsString::from(r"\\");
            shorter.push(server);
            shorter.push(r"\");
            shorter.push(share);
            shorter
        }
        _ => return path.to_owned(),
    };
    shorter.push(components.as_path());
    if shorter.len() < LONG {
        shorter.into()
    } else {
        path.to_owned()
    }
}

/// Returns the arguments that run `line` in the platform's shell.
pub(crate) fn shell(line: &str) -> Vec<OsString> {
    let shell = std::env::var_os("ComSpec").unwrap_or_else(|| "cmd.exe".into());
    let arguments = SHELL_ARGUMENTS
        .into_iter()
        .chain([line])
        .map(OsString::from);
    [shell].into_iter().chain(arguments).collect()
}

/// The folders of programs without a PATH: none.
pub(crate) const DEFAULT_PATH: &str = "";

/// Tests `path` as `cmd.exe` does: an executable file, or one with an executable extension added. A
/// script for another system without an extension (`npm` beside `npm.cmd`) is not executable.
pub(crate) fn runnable(path: &Path) -> Runnable {
    if has_ending(path) && is_file(path) {
        return Runnable::Yes(path.to_owned());
    }
    for ending in ENDINGS {
        let path = path.with_added_extension(ending);
        if is_file(&path) {
            return Runnable::Yes(path);
        }
    }
    if fs::symlink_metadata(path).is_ok() {
        Runnable::No(path.to_owned())
    } else {
        Runnable::Missing
    }
}

fn has_ending(path: &Path) -> bool {
    let is_ending = |ending: &OsStr| {
        ENDINGS
            .iter()
            .any(|known| ending.eq_ignore_ascii_case(known))
    };
    path.extension().is_some_and(is_ending)
}

/// Returns whether the path is a file. Programs of the Windows Store are links that only a start
/// follows.
fn is_file(path: &Path) -> bool {
    let follows = path.metadata().or_else(|_| path.symlink_metadata());
    follows.is_ok_and(|file| file.is_file())
}

/// Returns whether this user may enter the folder.
pub(crate) fn enterable(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok()
}

/// Returns whether the start failed because the system does not know the format of the file.
pub(crate) fn is_no_program(error: &io::Error) -> bool {
    [ERROR_BAD_EXE_FORMAT, ERROR_EXE_MACHINE_TYPE_MISMATCH]
        .into_iter()
        .any(|code| is_code(error, code))
}

/// Returns whether `variable` is the name of this environment variable, ignoring case.
pub(crate) fn names(variable: &OsStr, name: &str) -> bool {
    variable.eq_ignore_ascii_case(name)
}

/// Returns the name of the program in a file with this name, without an executable extension.
pub(crate) fn called(file: &OsStr) -> &OsStr {
    let name = Path::new(file);
    match name.file_stem() {
        Some(stem) if has_ending(name) => stem,
        _ => file,
    }
}

/// Returns whether the program is a path, which is not looked up on PATH.
pub(crate) fn is_place(program: &OsStr) -> bool {
    let bytes = program.as_encoded_bytes();
    bytes.iter().any(|byte| matches!(byte, b'/' | b'\\' | b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_loses_the_prefix_that_programs_do_not_support() {
        for (path, expected) in [
            (r"\\?\C:\work\nexus", r"C:\work\nexus"),
            (r"\\?\UNC\server\share\nexus", r"\\server\share\nexus"),
            (r"C:\work\nexus", r"C:\work\nexus"),
            (r"..\nexus", r"..\nexus"),
            (r"\\server\share\x", r"\\server\share\x"),
        ] {
            assert_eq!(plain(Path::new(path)), Path::new(expected), "{path}");
        }
        let long = format!(r"\\?\C:\{}", "x".repeat(300));
        assert_eq!(plain(Path::new(&long)), Path::new(&long));
    }

    #[test]
    fn a_shim_with_an_extension_is_preferred_to_the_script_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("npm");
        fs::write(&script, "#!/bin/sh\n").unwrap();
        assert_eq!(runnable(&script), Runnable::No(script.clone()));
        let shim = folder.path().join("npm.cmd");
        fs::write(&shim, "@echo off\r\n").unwrap();
        assert_eq!(runnable(&script), Runnable::Yes(shim.clone()));
        assert_eq!(runnable(&shim), Runnable::Yes(shim));
        assert_eq!(runnable(&folder.path().join("yarn")), Runnable::Missing);
    }

    #[test]
    fn the_name_of_a_program_has_no_executable_extension() {
        for (file, name) in [
            ("python.exe", "python"),
            ("NPM.CMD", "NPM"),
            ("python3.11.exe", "python3.11"),
            ("python3.11", "python3.11"),
            ("readme.txt", "readme.txt"),
            (".exe", ".exe"),
        ] {
            assert_eq!(called(OsStr::new(file)), name, "{file}");
        }
    }

    #[test]
    fn a_dot_in_a_name_is_no_extension() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("python3.11.exe");
        fs::write(&program, "").unwrap();
        let found = runnable(&folder.path().join("python3.11"));
        assert_eq!(found, Runnable::Yes(program));
    }

    #[test]
    fn a_program_with_a_drive_or_a_folder_is_a_path() {
        for place in [r"C:\x.exe", r"bin\x", "bin/x", "C:x"] {
            assert!(is_place(OsStr::new(place)), "{place}");
        }
        assert!(!is_place(OsStr::new("python3.11")));
    }
}
