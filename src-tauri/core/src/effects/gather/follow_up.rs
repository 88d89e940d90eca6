//! Looks up what the logs name: processes on a port, modules, versions, connections to a server.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use futures_util::future::join_all;
use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};
use tokio::time::{Instant, timeout};

use super::{
    Gatherer, RunContext,
    project::{folders_with, has_module},
    sockets::Sockets,
    subject::Scene,
    versions,
};
use crate::{
    diagnose::evidence::{
        ServiceEvidence,
        log::{Ecosystem, LogError, LogErrorKind, Lookup},
    },
    effects::port,
    fs::project_file::{Reader, apart},
    model::{facts::Process, view::PhaseName},
    platform::{host, socket},
    stack::{Command, Port, Probe, ServiceName, Template},
};

/// The time limit for everything.
const LIMIT: Duration = Duration::from_secs(4);
/// The number of ports of one service that are looked up.
const PORTS: usize = 4;
/// The size up to which a source file is searched for a port.
const SOURCE: u64 = 256 * 1024;
/// The time limit for the files of one service.
pub(super) const FILES: Duration = Duration::from_millis(500);
/// The time limit for a query to a Redis.
const QUEUES: Duration = Duration::from_millis(500);

/// Completes the evidence of every service.
pub(super) async fn all(
    gatherer: &Gatherer,
    scene: &Scene,
    runs: &[RunContext],
    sockets: &Sockets,
    services: &mut [ServiceEvidence],
) {
    let wants_connections = services.iter().any(|is| wants(is, Lookup::Connections));
    let fails = services.iter().any(|is| {
        let mut checks = is.checks.iter();
        checks.any(|check| check.fault().is_some())
    });
    let each = runs.iter().zip(services).filter(|(run, _)| run.is_asked);
    let each = each.map(|(run, is)| async move {
        let name = run.spec.name.clone();
        in_use_by_source(run, sockets, is).await;
        listeners(sockets, is).await;
        modules(scene, run, is).await;
        if is.probes.iter().any(|probe| probe.result.is_err()) {
            (is.stopped, is.dead) = stopped_and_dead(sockets.members(&name));
        }
        let is_limit = |error: &LogError| error.kind == LogErrorKind::TooManyFiles;
        if is.log.errors().any(is_limit) {
            is.open_files_limit = host::open_files_limit(is.pid);
        }
        let mut errors = is.log.errors();
        if let Some(full) = errors.find(|error| error.kind == LogErrorKind::DiskFull) {
            is.disk = disk(&full.line.text, run.spec.directory.clone()).await;
        }
        // A worker of a checkout with a slot may use the server of all checkouts.
        let may_share = scene.stack.slot.is_some() && run.spec.port.is_none();
        if wants_connections || may_share {
            is.connections = connections(sockets, &name).await;
        }
        let has_failed = matches!(is.phase, PhaseName::Failed | PhaseName::Backoff);
        if has_failed || wants(is, Lookup::Version) {
            let python = is.project.python.clone();
            is.project.versions = versions::mismatches(scene, run, python.as_deref()).await;
        }
        if fails {
            is.queues = queues(gatherer, scene, run).await;
        }
    });
    // Evidence that is not found in time is omitted.
    let _ = timeout(LIMIT, join_all(each)).await;
}

/// Returns whether an error of the log needs this evidence.
fn wants(is: &ServiceEvidence, lookup: Lookup) -> bool {
    is.log.errors().any(|error| error.lookup() == Some(lookup))
}

/// Finds the port of an "address in use" error that names none: the only port in the command, or in a
/// source file of it, that another process uses.
async fn in_use_by_source(run: &RunContext, sockets: &Sockets, is: &mut ServiceEvidence) {
    let Some(error) = &mut is.log.last_error else {
        return;
    };
    let LogErrorKind::AddressInUse { port: port @ None } = &mut error.kind else {
        return;
    };
    let spec = &run.spec;
    let words: Vec<String> = match &spec.command {
        None => Vec::new(),
        Some(Command::Argv(words)) => words.iter().map(Template::to_string).collect(),
        Some(Command::Shell(line)) => {
            let line = line.to_string();
            line.split_whitespace().map(str::to_owned).collect()
        }
    };
    let mut numbers: BTreeSet<u16> = words.iter().flat_map(|word| numbers(word)).collect();
    let sources: Vec<PathBuf> = words.iter().map(|word| spec.directory.join(word)).collect();
    let of_sources = apart(FILES, move |reader| of_sources(&sources, reader)).await;
    numbers.extend(of_sources.unwrap_or_default());
    let mut held = numbers
        .into_iter()
        .filter(|number| sockets.is_held_by_others(*number, &spec.name));
    if let (Some(only), None) = (held.next(), held.next()) {
        *port = Port::new(only);
    }
}

/// Returns the numbers in small source files that may be ports. Blocking.
fn of_sources(sources: &[PathBuf], reader: &Reader) -> Vec<u16> {
    let small = sources.iter().filter(|path| {
        let file = path.metadata();
        file.is_ok_and(|file| file.is_file() && file.len() <= SOURCE)
    });
    let texts = small.filter_map(|path| reader.read(path).ok());
    texts
        .flat_map(|text| numbers(&String::from_utf8_lossy(&text)))
        .collect()
}

fn numbers(text: &str) -> Vec<u16> {
    let parts = text.split(|c: char| !c.is_ascii_digit());
    let numbers = parts.filter(|part| (4..=5).contains(&part.len()));
    numbers
        .filter_map(|part| part.parse::<u16>().ok())
        .collect()
}

/// Finds the processes that listen on the ports which the log names.
async fn listeners(sockets: &Sockets, is: &mut ServiceEvidence) {
    let Some(error) = &is.log.last_error else {
        return;
    };
    let in_use = match error.kind {
        LogErrorKind::AddressInUse { port } => port.or(is.port),
        _ => None,
    };
    let mut ports: Vec<u16> = in_use.map(Port::number).into_iter().collect();
    let named = error.ports.iter().copied();
    ports.extend(named.filter(|port| in_use.map(Port::number) != Some(*port)));
    ports.retain(|port| sockets.is_open(*port));
    ports.truncate(PORTS);
    let asked = ports.into_iter().filter_map(Port::new).map(port::holders);
    let found = join_all(asked).await.into_iter().flatten().flatten();
    is.listeners = found.collect();
    let Some(in_use) = in_use.filter(|port| Some(*port) != is.port) else {
        return;
    };
    let members = sockets.members(&is.name);
    let others = is.listeners.iter();
    let others =
        others.filter(|holder| holder.is_on(in_use.number()) && !members.contains(&holder.process));
    is.holders.extend(others.cloned());
}

/// Looks for a module that the log reports as missing: in the adjacent virtual environment and in
/// other folders.
async fn modules(scene: &Scene, run: &RunContext, is: &mut ServiceEvidence) {
    let Some(error) = &is.log.last_error else {
        return;
    };
    let mut module = None;
    let files = match &error.kind {
        LogErrorKind::ModuleMissing {
            ecosystem: Ecosystem::Python,
            name,
            ..
        } => {
            module = is.project.venv.clone().zip(Some(name.clone()));
            vec![format!("{name}.py"), format!("{name}/__init__.py")]
        }
        LogErrorKind::FileMissing { path } if !path.starts_with('/') => vec![path.clone()],
        LogErrorKind::Known if wants(is, Lookup::Application) => {
            ["wsgi.py", "app.py"].map(str::to_owned).into()
        }
        _ => return,
    };
    let top = scene.stack.directory().to_owned();
    let found = apart(FILES, move |_| {
        let in_venv = module.is_some_and(|(python, name)| has_module(&python, &name));
        (in_venv, folders_with(&top, &files))
    });
    let (in_venv, mut folders) = found.await.unwrap_or_default();
    folders.retain(|folder| *folder != run.spec.directory);
    is.project.venv_has_module = in_venv;
    is.project.elsewhere = folders;
}

/// Returns the stopped ones of these processes, and their children that have exited without their notice.
fn stopped_and_dead(members: &BTreeSet<Process>) -> (Vec<u32>, Vec<(u32, u32)>) {
    let Ok(mut system) = System::new() else {
        return Default::default();
    };
    let what = ProcessRefreshKind::nothing().without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::All, false, what);
    let is_member = |pid: Pid| members.iter().any(|member| member.pid == pid.as_u32());
    let (mut stopped, mut dead) = (Vec::new(), Vec::new());
    for (pid, process) in system.processes() {
        let parent = process.parent().filter(|parent| is_member(*parent));
        match (process.status(), parent) {
            (ProcessStatus::Stop, _) if is_member(*pid) => stopped.push(pid.as_u32()),
            (ProcessStatus::Zombie, Some(parent)) => dead.push((pid.as_u32(), parent.as_u32())),
            _ => {}
        }
    }
    stopped.sort_unstable();
    dead.sort_unstable();
    (stopped, dead)
}

/// Returns the free disk space at the path that an error names, or in the folder of its service.
async fn disk(error: &str, directory: PathBuf) -> Option<(PathBuf, u64)> {
    let named = named_path(error);
    let look = move || {
        let mut places = named.iter().flat_map(|path| path.ancestors());
        let place = places.find(|place| place.parent().is_some() && place.exists());
        let place = place.map_or(directory, PathBuf::from);
        let bytes = host::disk_available(&place).ok()?;
        Some((place, bytes))
    };
    tokio::task::spawn_blocking(look).await.ok().flatten()
}

/// Returns the first absolute path in a text.
fn named_path(text: &str) -> Option<PathBuf> {
    let words = text.split(|c: char| c.is_whitespace() || "'\"`()[],;".contains(c));
    let mut paths = words.map(|word| PathBuf::from(word.trim_end_matches([':', '.'])));
    paths.find(|path| path.is_absolute() && path.parent().is_some())
}

/// Counts the connections of a service by their remote port.
async fn connections(sockets: &Sockets, name: &ServiceName) -> Vec<(u16, usize)> {
    let members = sockets.members(name).clone();
    let listing = tokio::task::spawn_blocking(move || socket::connections(&members));
    let ports = listing.await.ok().and_then(Result::ok).unwrap_or_default();
    let mut counts = BTreeMap::new();
    for port in ports {
        *counts.entry(port).or_insert(0) += 1;
    }
    counts.into_iter().collect()
}

async fn queues(gatherer: &Gatherer, scene: &Scene, run: &RunContext) -> Vec<(String, u64)> {
    let probes = run.spec.ready.probes.iter();
    let mut urls = probes.filter_map(|probe| match probe {
        Probe::Redis(url) => Some(url.render(&run.spec.name, &*scene.ports)),
        _ => None,
    });
    let Some(url) = urls.next() else {
        return Vec::new();
    };
    let deadline = Instant::now() + QUEUES;
    let asked = gatherer.prober.queues(&url, deadline).await;
    asked.unwrap_or_default()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn free_space_is_measured_at_the_path_in_the_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = format!(
            "OSError: [Errno 28] No space left on device: '{}/a/b.db'",
            folder.path().display()
        );
        let (place, bytes) = disk(&error, "/nowhere".into()).await.unwrap();
        assert_eq!((&*place, bytes > 0), (folder.path(), true));
        let error = "could not write to file \"pg_wal/1.tmp\": No space left on device";
        let (place, _) = disk(error, folder.path().into()).await.unwrap();
        assert_eq!(place, folder.path());
    }
}
