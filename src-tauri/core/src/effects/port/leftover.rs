//! Distinguishes leftovers of a stack from unrelated processes.

use std::path::{Component, Path, PathBuf};

use super::holder::Occupant;
use crate::{
    effects::process::{INTERPRETERS, argv},
    model::facts::StackId,
    stack::{Ports, Service, Stack},
    stack_file::FILE_NAME,
};

/// The service that needs a port, and the facts that identify processes left by its stack.
#[derive(Clone, Debug)]
pub struct Leftovers {
    /// The stack.
    pub stack: StackId,
    /// The working folders of the services of the stack.
    pub folders: Vec<PathBuf>,
    /// The folder of its file. Folders below it may be other projects.
    pub own: PathBuf,
    /// The working directory of the service.
    pub directory: PathBuf,
    /// The program and arguments of its command; empty if unknown.
    pub argv: Vec<String>,
}

impl Leftovers {
    /// Returns the facts for a service of this stack.
    #[must_use]
    pub fn of(id: StackId, stack: &Stack, service: &Service, ports: &impl Ports) -> Self {
        let own = stack.directory().to_owned();
        let services = stack
            .services
            .iter()
            .filter(|service| !service.is_external());
        let folders = services.map(|service| service.directory.clone());
        let command = service.command.as_ref();
        let command = command.map(|command| argv(&command.render(&service.name, ports)));
        let argv = command.unwrap_or_default().into_iter();
        Self {
            stack: id,
            folders: folders.collect(),
            own,
            directory: service.directory.clone(),
            argv: argv
                .map(|word| word.to_string_lossy().into_owned())
                .collect(),
        }
    }

    /// Returns a copy with canonical folders, without those that contain more than one project. Blocks.
    pub(super) fn resolved(&self) -> Self {
        let real = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
        let homes = [std::env::home_dir(), Some(std::env::temp_dir())];
        let homes: Vec<PathBuf> = homes.iter().flatten().map(real).collect();
        let is_broad = |folder: &PathBuf| homes.iter().any(|home| home.starts_with(folder));
        let mut folders: Vec<PathBuf> = self.folders.iter().map(real).collect();
        folders.retain(|folder| !is_broad(folder));
        Self {
            folders,
            directory: real(&self.directory),
            own: real(&self.own),
            ..self.clone()
        }
    }

    /// Returns whether a process without a mark is a leftover of the stack: it runs from one of its
    /// folders, or is an orphan that runs the program of the service. Blocks.
    pub(super) fn include(&self, occupant: &Occupant) -> bool {
        let folder = occupant.holder.folder.as_deref();
        folder.is_some_and(|folder| self.has(folder))
            || occupant.orphan && self.is_program_of(occupant)
    }

    /// Returns whether a folder belongs to the stack. A subfolder with a stack file of its own does
    /// not.
    fn has(&self, folder: &Path) -> bool {
        if folder == self.own && !self.folders.is_empty() {
            return true;
        }
        let Some(own) = folder
            .ancestors()
            .find(|above| self.folders.iter().any(|own| own == above))
        else {
            return false;
        };
        let below = folder.ancestors().take_while(|above| *above != own);
        !below
            .into_iter()
            .any(|below| below.join(FILE_NAME).exists())
    }

    fn is_program_of(&self, occupant: &Occupant) -> bool {
        let Some((program, arguments)) = self.argv.split_first() else {
            return false;
        };
        let Some((called, given)) = occupant.program.argv.split_first() else {
            return false;
        };
        let from = occupant.holder.folder.as_deref();
        let there = |word: &str| from.map(|folder| normal(&folder.join(word)));
        let here = |word: &str| normal(&self.directory.join(word));
        let name = Path::new(program).file_name().unwrap_or_default();
        let name = name.to_string_lossy();
        if is_interpreter(&name) {
            return occupant.program.is_called(&name)
                && match (script(arguments), script(given)) {
                    (Some(own), Some(other)) => Some(here(own)) == there(other),
                    // The module after `-m` is searched for in the folder.
                    (None, None) => arguments == given && !given.iter().any(|word| word == "-m"),
                    _ => false,
                };
        }
        if program.contains(['/', '\\']) {
            let program = here(program);
            return occupant.exe.as_ref() == Some(&program)
                || there(called).as_ref() == Some(&program)
                || script(given).and_then(there) == Some(program);
        }
        occupant.program.is_called(&name)
            && !occupant
                .program
                .names
                .iter()
                .any(|name| is_interpreter(name))
    }
}

fn is_interpreter(name: &str) -> bool {
    let bare = name
        .trim_end_matches(".exe")
        .trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    INTERPRETERS.contains(&bare)
}

/// Returns the file argument of an interpreter; `None` if it gets its program in another way.
fn script(arguments: &[String]) -> Option<&str> {
    let mut argv = arguments.iter().map(String::as_str);
    argv.find(|word| !word.starts_with('-') || matches!(*word, "-m" | "-c" | "-e"))
        .filter(|word| !word.starts_with('-'))
}

/// Removes `.` and `..` from the path, without reading the disk.
fn normal(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut normal, part| {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(normal.pop()),
            part => normal.push(part),
        }
        normal
    })
}
