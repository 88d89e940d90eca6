//! The faults injected into the daemon, its services and its files.

use std::{
    fs::{self, OpenOptions},
    io::{self, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use rustix::process::Signal;

use crate::{foreign::Foreign, processes, random::Random, round::Round, socket, stage::until};

/// The share of a round's time that a lasting fault may take.
const LONGEST: u32 = 800;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    KillDaemon,
    KillService,
    KillEverything,
    StopDaemon,
    StopService,
    TakePort,
    SendGarbage,
    SendHalf,
    SendHuge,
    LeaveEarly,
    Crowd,
    TruncateState,
    GarbleState,
    DeleteState,
    DeleteStateFolder,
    GarbleIndex,
    DeleteIndex,
    DeleteLogs,
    DeleteSocket,
    BreakStackFile,
    Commands,
    ForegroundUp,
}

impl Fault {
    pub(crate) const ALL: [Self; 22] = [
        Self::KillDaemon,
        Self::KillService,
        Self::KillEverything,
        Self::StopDaemon,
        Self::StopService,
        Self::TakePort,
        Self::SendGarbage,
        Self::SendHalf,
        Self::SendHuge,
        Self::LeaveEarly,
        Self::Crowd,
        Self::TruncateState,
        Self::GarbleState,
        Self::DeleteState,
        Self::DeleteStateFolder,
        Self::GarbleIndex,
        Self::DeleteIndex,
        Self::DeleteLogs,
        Self::DeleteSocket,
        Self::BreakStackFile,
        Self::Commands,
        Self::ForegroundUp,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::KillDaemon => "kill-daemon",
            Self::KillService => "kill-service",
            Self::KillEverything => "kill-everything",
            Self::StopDaemon => "stop-daemon",
            Self::StopService => "stop-service",
            Self::TakePort => "take-port",
            Self::SendGarbage => "send-garbage",
            Self::SendHalf => "send-half",
            Self::SendHuge => "send-huge",
            Self::LeaveEarly => "leave-early",
            Self::Crowd => "crowd",
            Self::TruncateState => "truncate-state",
            Self::GarbleState => "garble-state",
            Self::DeleteState => "delete-state",
            Self::DeleteStateFolder => "delete-state-folder",
            Self::GarbleIndex => "garble-index",
            Self::DeleteIndex => "delete-index",
            Self::DeleteLogs => "delete-logs",
            Self::DeleteSocket => "delete-socket",
            Self::BreakStackFile => "break-stack-file",
            Self::Commands => "commands",
            Self::ForegroundUp => "foreground-up",
        }
    }
}

/// Injects the fault. The round records lasting effects and undoes them later.
pub(crate) fn inflict(fault: Fault, round: &mut Round, random: &mut Random) -> io::Result<()> {
    let stage = &round.stage;
    let socket = stage.socket();
    match fault {
        Fault::KillDaemon => stage.signal_daemon(Signal::KILL),
        Fault::KillService => {
            if let Some(process) = random.pick(&stage.services()) {
                stage.signal_service(process.pid, Signal::KILL);
            }
        }
        Fault::KillEverything => {
            stage.signal_daemon(Signal::KILL);
            for process in stage.services() {
                if !random.one_in(3) {
                    stage.signal_service(process.pid, Signal::KILL);
                }
            }
        }
        Fault::StopDaemon => {
            stage.signal_daemon(Signal::STOP);
            if random.one_in(2) {
                round.commands.push(stage.start(&["status"])?);
            }
            thread::sleep(random.time(LONGEST));
            stage.signal_daemon(Signal::CONT);
        }
        Fault::StopService => {
            if let Some(process) = random.pick(&stage.services()) {
                stage.signal_service(process.pid, Signal::STOP);
                round.stopped.push(process.pid);
            }
        }
        Fault::TakePort => take_port(round, random)?,
        // The daemon or its socket may be missing.
        Fault::SendGarbage => drop(socket::garbage(&socket, random)),
        Fault::SendHuge => drop(socket::huge(&socket)),
        Fault::LeaveEarly => drop(socket::leave(&socket)),
        Fault::SendHalf => round.connections.extend(socket::half(&socket)),
        Fault::Crowd => round.connections.extend(socket::crowd(&socket)),
        Fault::TruncateState => truncate(random, &files(&stage.state(), is_state))?,
        Fault::GarbleState => garble(random, &files(&stage.state(), is_state))?,
        Fault::DeleteState => delete(random, &files(&stage.state(), is_state)),
        Fault::DeleteStateFolder => drop(fs::remove_dir_all(stage.state())),
        Fault::GarbleIndex => garble(random, &files(&stage.logs(), is_index))?,
        Fault::DeleteIndex => delete(random, &files(&stage.logs(), is_index)),
        Fault::DeleteLogs => {
            round.logs_are_hurt = true;
            drop(fs::remove_dir_all(stage.logs()));
        }
        Fault::DeleteSocket => drop(fs::remove_file(&socket)),
        Fault::BreakStackFile => break_stack_file(round, random)?,
        Fault::Commands => {
            for _ in 0..2 + random.below(4) {
                let words = random.pick(&COMMANDS).copied().unwrap_or(&["status"]);
                round.commands.push(stage.start(words)?);
                thread::sleep(random.time(50));
            }
        }
        // It attaches to the daemon or is the daemon.
        Fault::ForegroundUp => {
            let up = stage.start(&["up"])?;
            thread::sleep(random.time(LONGEST));
            processes::signal(up.pid(), &stage.command, Signal::INT);
            round.commands.push(up);
        }
    }
    Ok(())
}

/// Commands that users run at the same time.
const COMMANDS: [&[&str]; 10] = [
    &["up", "-d"],
    &["up", "-d", "top"],
    &["down"],
    &["down", "base"],
    &["down", "--all"],
    &["down", "--kill"],
    &["restart"],
    &["restart", "counter"],
    &["status"],
    &["status", "--json"],
];

/// Kills a service while the daemon cannot restart it, and listens on its port.
fn take_port(round: &mut Round, random: &mut Random) -> io::Result<()> {
    let stage = &round.stage;
    let place = random.below(stage.ports.len());
    let service = ["base", "middle", "top", "flood", "background"][place];
    stage.signal_daemon(Signal::STOP);
    for process in stage.processes_of(service) {
        stage.signal_service(process.pid, Signal::KILL);
    }
    until(Duration::from_secs(2), || {
        stage.processes_of(service).is_empty()
    });
    let thief = Foreign::thief(stage, stage.ports[place])?;
    stage.signal_daemon(Signal::CONT);
    round.thieves.extend(thief);
    Ok(())
}

fn break_stack_file(round: &mut Round, random: &mut Random) -> io::Result<()> {
    let whole = round.stage.stack();
    let broken = match random.below(4) {
        0 => whole[..random.below(whole.len())].to_owned(),
        1 => whole.replacen("needs = [\"base\"]", "needs = [\"top\"]", 1),
        2 => String::new(),
        _ => whole.replacen("command", "comand", 1),
    };
    round.stage.write_stack(&broken)?;
    let words: &[&[&str]] = &[&["up", "-d"], &["restart"], &["status"], &["down"]];
    let words = random.pick(words).copied().unwrap_or(&["status"]);
    let command = round.stage.start(words)?;
    thread::sleep(random.time(300));
    round.stage.write_stack(&whole)?;
    round.commands.push(command);
    Ok(())
}

/// Returns the stored files of the daemon, without its lock, which no file system damages, and its socket.
fn is_state(file: &Path) -> bool {
    !matches!(
        file.extension().and_then(|ending| ending.to_str()),
        Some("lock" | "sock")
    )
}

fn is_index(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "index")
}

/// Returns the files below a folder, in the order of their paths.
fn files(folder: &Path, wanted: fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() && wanted(&entry.path()) => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

fn truncate(random: &mut Random, files: &[PathBuf]) -> io::Result<()> {
    with_one(random, files, |random, mut file| {
        let length = usize::try_from(file.seek(SeekFrom::End(0))?).unwrap_or(0);
        file.set_len(u64::try_from(random.below(length + 1)).unwrap_or(0))
    })
}

fn garble(random: &mut Random, files: &[PathBuf]) -> io::Result<()> {
    with_one(random, files, |random, mut file| {
        let length = usize::try_from(file.seek(SeekFrom::End(0))?).unwrap_or(0);
        let place = random.below(length + 1);
        file.seek(SeekFrom::Start(u64::try_from(place).unwrap_or(0)))?;
        let count = 1 + random.below(64);
        file.write_all(&random.bytes(count))
    })
}

fn with_one(
    random: &mut Random,
    files: &[PathBuf],
    hurt: impl Fn(&mut Random, fs::File) -> io::Result<()>,
) -> io::Result<()> {
    let Some(path) = random.pick(files) else {
        return Ok(());
    };
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => hurt(random, file),
        // The daemon has replaced or removed it meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn delete(random: &mut Random, files: &[PathBuf]) {
    if let Some(path) = random.pick(files) {
        // It may have exited already.
        let _ = fs::remove_file(path);
    }
}
