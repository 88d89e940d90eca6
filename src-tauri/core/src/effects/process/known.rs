//! Known programs that a user works with or that serve several projects. They are never stopped
//! automatically.

use std::{ffi::OsStr, path::Path};

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

use crate::{
    model::facts::ProgramKind,
    stack::{Ports, Service},
};

use ProgramKind::{Agent, Browser, ContainerTool, Database, Editor, Multiplexer, Ssh, Terminal};

/// Programs of one kind.
struct Known {
    kind: ProgramKind,
    /// In lower case, without `.exe` and version.
    names: &'static [&'static str],
    /// Parts of the command lines of programs that run under the name of an interpreter.
    lines: &'static [&'static str],
}

// `tables/programs.toml`
include!(concat!(env!("OUT_DIR"), "/programs.rs"));

/// A program as the operating system reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Program {
    /// All its names: on disk, in `argv[0]`, and set by the process itself.
    pub(crate) names: Vec<String>,
    /// Its command line. May contain secrets: never shown.
    pub(crate) argv: Vec<String>,
}

impl From<&sysinfo::Process> for Program {
    fn from(process: &sysinfo::Process) -> Self {
        let text = |text: &OsStr| text.to_string_lossy().into_owned();
        let file_name = |path: &OsStr| Some(text(Path::new(path).file_name()?));
        // The name on disk comes first, since a thread can change the process name.
        let on_disk = process.exe().and_then(|path| file_name(path.as_os_str()));
        let on_disk = on_disk.map(|name| name.trim_end_matches(" (deleted)").to_owned());
        let called = process.cmd().first().and_then(|word| file_name(word));
        let names = on_disk
            .into_iter()
            .chain([text(process.name())])
            .chain(called);
        Self {
            names: names.filter(|name| !name.is_empty()).collect(),
            argv: process.cmd().iter().map(|word| text(word)).collect(),
        }
    }
}

impl Program {
    /// Returns the program of a process; empty if the operating system does not report it.
    pub(crate) fn of(pid: u32) -> Self {
        let pid = Pid::from_u32(pid);
        let details = ProcessRefreshKind::nothing()
            .without_tasks()
            .with_cmd(UpdateKind::Always)
            .with_exe(UpdateKind::Always);
        let Ok(mut system) = System::new() else {
            return Self::default();
        };
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, details);
        system.process(pid).map(Self::from).unwrap_or_default()
    }

    /// Returns the kind of program, if a user works with it or several projects share it.
    pub(crate) fn kind(&self) -> Option<ProgramKind> {
        let names: Vec<String> = self.names.iter().map(|name| plain(name)).collect();
        let by_name = KINDS.iter().find(|known| {
            let mut names = names.iter();
            names.any(|name| known.names.contains(&name.as_str()))
        });
        let line = self.argv.join(" ").to_lowercase();
        let by_line = || {
            let mut kinds = KINDS.iter();
            kinds.find(|known| known.lines.iter().any(|part| line.contains(part)))
        };
        by_name.or_else(by_line).map(|known| known.kind)
    }

    /// Returns the name of the program on disk.
    pub(super) fn name(&self) -> Option<&str> {
        self.names.first().map(String::as_str)
    }

    /// Returns whether it outlives the service that started it, if it has its own session.
    pub(crate) fn outlives(&self) -> bool {
        match self.kind() {
            Some(Editor | Terminal | Multiplexer | Agent) => true,
            Some(Browser) => !self.argv.iter().any(|word| {
                let mut automated = AUTOMATED.iter();
                automated.any(|option| {
                    word.strip_prefix(option)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
                })
            }),
            // A service may use its own instance of these.
            Some(Ssh | Database | ContainerTool) | None => false,
        }
    }

    /// Returns whether this is one of its names.
    pub(crate) fn is_called(&self, wanted: &str) -> bool {
        self.names.iter().any(|name| plain(name) == plain(wanted))
    }
}

/// The programs that outlive a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spare {
    /// Programs that the stack file names (`keep`).
    keep: Vec<String>,
    /// Programs in the command of the service: they are the service itself.
    own: Vec<String>,
}

/// The part of a process tree that outlives a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// The process alone: its children work for the callers that requested them.
    Alone,
    /// The process with all its descendants.
    WithAll,
}

impl Spare {
    /// Returns the programs that outlive this service.
    #[must_use]
    pub fn of(service: &Service, ports: &impl Ports) -> Self {
        let command = service.command.as_ref();
        let line = command.map(|command| command.render(&service.name, ports).to_string());
        let line = line.unwrap_or_default();
        let argv = line.split(|c: char| c.is_whitespace() || "'\"`;|&()<>$".contains(c));
        let names = argv.filter_map(|word| Path::new(word).file_name()?.to_str());
        Self {
            keep: service.keep.clone(),
            own: names.map(str::to_owned).collect(),
        }
    }

    /// Returns whether the stack file names any program.
    pub(super) fn has_names(&self) -> bool {
        !self.keep.is_empty()
    }

    /// Returns whether the stack file names this program.
    pub(super) fn names(&self, program: &Program) -> bool {
        self.keep.iter().any(|name| program.is_called(name))
    }

    /// Returns the part of a program with its own session that outlives the service.
    pub(super) fn reach(&self, program: &Program) -> Option<Reach> {
        if self.names(program) {
            return Some(Reach::WithAll);
        }
        let is_service = self.own.iter().any(|name| program.is_called(name));
        if is_service || !program.outlives() {
            return None;
        }
        Some(match program.kind() {
            Some(Agent) => Reach::Alone,
            _ => Reach::WithAll,
        })
    }
}

/// Normalizes a name as in [`Known::names`]: `Emacs-29.1` is `emacs`, `idea64.exe` is `idea`, `tmux: server`
/// is `tmux`, `bazel(shop)` is `bazel`, `.kitty-wrapped` is `kitty`.
fn plain(name: &str) -> String {
    let name = name.to_lowercase();
    let name = name.split([':', '(']).next().unwrap_or_default();
    let name = name.strip_suffix(".exe").unwrap_or(name);
    let wrapped = name
        .strip_prefix('.')
        .and_then(|name| name.strip_suffix("-wrapped"));
    let name = wrapped.unwrap_or(name);
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let bare = bare.trim_end_matches(['-', '_']);
    let is_version = !bare.is_empty() && bare.len() < name.len();
    let is_known = KINDS.iter().any(|known| known.names.contains(&name));
    if is_version && !is_known { bare } else { name }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(name: &str, line: &str) -> Program {
        Program {
            names: vec![name.to_owned()],
            argv: line.split(' ').map(str::to_owned).collect(),
        }
    }

    #[test]
    fn user_programs_are_known_and_project_servers_are_not() {
        let table: toml::Table = include_str!("../../../tables/programs.toml")
            .parse()
            .unwrap();
        let assert_kind = |examples: &toml::Value, expected: Option<&str>| {
            for example in examples.as_array().unwrap() {
                let (name, line) = (example[0].as_str().unwrap(), example[1].as_str().unwrap());
                let kind = program(name, line).kind().map(|kind| format!("{kind:?}"));
                assert_eq!(kind.as_deref(), expected, "{name} {line}");
            }
        };
        for kind in table["kind"].as_array().unwrap() {
            assert_kind(&kind["examples"], kind["kind"].as_str());
        }
        assert_kind(&table["others"], None);
    }

    #[test]
    fn user_programs_outlive_a_service_and_its_own_programs_do_not() {
        for (name, line, expected) in [
            ("chrome", "chrome http://localhost:5173", true),
            (
                "chrome",
                "chrome --headless=new --remote-debugging-port=0",
                false,
            ),
            ("tmux: server", "tmux new -d", true),
            ("code", "code .", true),
            ("gpg-agent", "gpg-agent --daemon", true),
            ("redis-server", "redis-server --daemonize yes", false),
            ("ssh", "ssh -f -N host", false),
            ("esbuild", "esbuild --service", false),
        ] {
            assert_eq!(program(name, line).outlives(), expected, "{name} {line}");
        }
    }

    #[test]
    fn a_name_is_matched_without_its_version() {
        assert!(program("adb.exe", "").is_called("adb"));
        assert!(program("python3.12", "").is_called("python3"));
        assert!(!program("adb-sync", "").is_called("adb"));
    }
}
