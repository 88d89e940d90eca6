//! A round: starts a stack, injects faults and checks everything.

use std::{
    io,
    os::unix::net::UnixStream,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use rustix::process::Signal;

use crate::{
    checks,
    commands::Running,
    faults::{Fault, inflict},
    foreign::Foreign,
    random::Random,
    stage::Stage,
};

/// Set by Ctrl-C: the current round cleans up, and no other begins.
pub(crate) static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The longest pause after a fault, in milliseconds.
const BETWEEN: u32 = 400;

/// The running stack, and the effects that faults have left behind.
pub(crate) struct Round {
    // Before the stage, which kills the processes of its programs.
    pub(crate) canaries: Vec<Foreign>,
    pub(crate) thieves: Vec<Foreign>,
    /// Services that received SIGSTOP.
    pub(crate) stopped: Vec<u32>,
    pub(crate) connections: Vec<UnixStream>,
    /// Commands that are still awaited.
    pub(crate) commands: Vec<Running>,
    /// Whether a fault has removed lines.
    pub(crate) logs_are_hurt: bool,
    pub(crate) violations: Vec<String>,
    pub(crate) stage: Stage,
}

/// The result of a round.
pub(crate) struct Record {
    pub(crate) faults: Vec<Fault>,
    pub(crate) lines: u64,
    pub(crate) violations: Vec<String>,
    /// The folder with all files of the round, if a check failed.
    pub(crate) folder: Option<PathBuf>,
}

/// Plays a round.
pub(crate) fn play(seed: u64, number: u32) -> io::Result<Record> {
    let mut random = Random::of_round(seed, number);
    let stage = Stage::new()?;
    let mut round = Round {
        canaries: Foreign::canaries(&stage)?,
        thieves: Vec::new(),
        stopped: Vec::new(),
        connections: Vec::new(),
        commands: Vec::new(),
        logs_are_hurt: false,
        violations: Vec::new(),
        stage,
    };
    let mut faults = Vec::new();
    let mut lines = 0;
    if checks::can_be_started(&mut round)? {
        for _ in 0..2 + random.below(6) {
            let fault = *random.pick(&Fault::ALL).unwrap_or(&Fault::KillDaemon);
            faults.push(fault);
            inflict(fault, &mut round, &mut random)?;
            checks::status_is_quick(&mut round)?;
            checks::foreign_processes_are_unharmed(&mut round, fault.name());
            if INTERRUPTED.load(Ordering::Relaxed) {
                break;
            }
            thread::sleep(random.time(BETWEEN));
        }
        round.heal()?;
        lines = checks::all(&mut round, &mut random)?;
    }
    let folder = (!round.violations.is_empty()).then(|| round.stage.keep());
    Ok(Record {
        faults,
        lines,
        violations: round.violations,
        folder,
    })
}

impl Round {
    /// Undoes lasting faults as a user or the system would, and waits for the commands.
    fn heal(&mut self) -> io::Result<()> {
        self.stage.signal_daemon(Signal::CONT);
        for pid in self.stopped.drain(..) {
            self.stage.signal_service(pid, Signal::CONT);
        }
        for command in std::mem::take(&mut self.commands) {
            let ended = command.end()?;
            if let Some(fault) = ended.fault() {
                self.violate(format!("a command {fault}: {}", ended.told()));
            }
        }
        self.connections.clear();
        checks::foreign_processes_are_unharmed(self, "the commands");
        self.thieves.clear();
        Ok(())
    }

    pub(crate) fn violate(&mut self, what: String) {
        self.violations.push(what);
    }
}
