//! The programs that listen on ports of this computer.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
};

use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, UpdateKind};

use super::holder::user_of;
use crate::{
    effects::process::{self, Program},
    model::facts::Mark,
    platform::socket::{self, all_listening},
};

/// Returns the listening ports, each with the name of the program if the system reports it.
#[must_use]
pub fn programs_by_port() -> BTreeMap<u16, Option<String>> {
    let sockets = all_listening().unwrap_or_default();
    let pids: Vec<Pid> = sockets
        .iter()
        .filter_map(|socket| socket.processes.first())
        .map(|process| Pid::from_u32(process.pid))
        .collect();
    let mut table = sysinfo::System::new().ok();
    if let Some(table) = &mut table {
        let what = ProcessRefreshKind::nothing();
        table.refresh_processes_specifics(ProcessesToUpdate::Some(&pids), false, what);
    }
    let mut listening = BTreeMap::new();
    for socket in sockets {
        let process = socket.processes.first();
        let process =
            process.and_then(|process| table.as_ref()?.process(Pid::from_u32(process.pid)));
        let name = process.map(|process| {
            let name = process.name().to_string_lossy();
            name.trim_end_matches(".exe").to_owned()
        });
        let known = listening.entry(socket.address.port()).or_insert(None);
        if known.is_none() {
            *known = name;
        }
    }
    listening
}

/// A process of the current user. Fields that the operating system does not report are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunningProcess {
    /// The PID of its parent.
    pub parent: Option<u32>,
    /// Its command line. Some programs replace it with a title.
    pub argv: Vec<String>,
    /// The path of its program.
    pub program: Option<PathBuf>,
    /// Its working directory.
    pub directory: Option<PathBuf>,
    /// Its environment.
    pub environment: BTreeMap<String, String>,
    /// The ports on which it listens.
    pub listens: BTreeSet<u16>,
    /// Whether it is a tool of the user: an editor, a terminal, an agent.
    pub is_tool: bool,
    /// The service that it belongs to, if Pilot Light runs it.
    pub mark: Option<Mark>,
}

/// Returns the processes of the current user by PID. Blocks for some milliseconds.
///
/// # Errors
///
/// The operating system does not list its processes.
pub fn running() -> io::Result<BTreeMap<u32, RunningProcess>> {
    let mut table = sysinfo::System::new().map_err(|error| io::Error::other(error.to_string()))?;
    let what = ProcessRefreshKind::nothing()
        .without_tasks()
        .with_user(UpdateKind::Always)
        .with_cmd(UpdateKind::Always)
        .with_cwd(UpdateKind::Always)
        .with_environ(UpdateKind::Always)
        .with_exe(UpdateKind::Always);
    table.refresh_processes_specifics(ProcessesToUpdate::All, false, what);
    let mut ports: BTreeMap<u32, BTreeSet<u16>> = BTreeMap::new();
    for socket in all_listening()? {
        for process in socket.processes {
            let ports = ports.entry(process.pid).or_default();
            ports.insert(socket.address.port());
        }
    }
    let own = table.process(Pid::from_u32(std::process::id()));
    let user = own.and_then(user_of).cloned();
    let processes = table.processes().iter().filter(|(_, process)| {
        let is_own = user.is_some() && user_of(process) == user.as_ref();
        is_own && process.status() != ProcessStatus::Zombie
    });
    let text = |text: &std::ffi::OsString| text.to_string_lossy().into_owned();
    let running = processes.map(|(pid, process)| {
        let pid = pid.as_u32();
        let variables = process.environ().iter().filter_map(|it| {
            let (name, value) = it.to_str()?.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        });
        let argv = process.cmd().iter().map(text);
        let process = RunningProcess {
            parent: process.parent().map(Pid::as_u32),
            argv: argv.filter(|word| !word.is_empty()).collect(),
            program: process.exe().map(PathBuf::from),
            directory: process.cwd().map(PathBuf::from),
            environment: variables.collect(),
            listens: ports.remove(&pid).unwrap_or_default(),
            is_tool: Program::from(process).outlives(),
            mark: process::process(pid).and_then(process::mark_of),
        };
        (pid, process)
    });
    Ok(running.collect())
}

/// Returns the remote ports of the established connections of these processes. Blocks for some
/// milliseconds.
///
/// # Errors
///
/// [`io::ErrorKind::Unsupported`] on systems that do not report connections.
pub fn connections(pids: &BTreeSet<u32>) -> io::Result<BTreeSet<u16>> {
    let processes = pids.iter().filter_map(|pid| process::process(*pid));
    Ok(socket::connections(&processes.collect())?
        .into_iter()
        .collect())
}
