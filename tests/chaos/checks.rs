//! The invariants that must hold after every round.

use std::{
    io,
    net::{Ipv4Addr, TcpListener},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::Value;

use crate::{
    commands::Ended,
    foreign::Foreign,
    lines,
    processes::Process,
    random::Random,
    round::Round,
    stage::{SINGLE, Stage},
};

/// The time limit of `status`.
const STATUS: Duration = Duration::from_secs(2);
/// The time limit of `down`: three steps of a chain, each with its grace period (at most the default of 5 s for a
/// service that hangs after a SIGSTOP) and the 2 s of a kill, and the start of a daemon that adopts them.
const DOWN: Duration = Duration::from_secs(25);

/// Starts everything and checks that each service runs once. Returns whether it does.
pub(crate) fn can_be_started(round: &mut Round) -> io::Result<bool> {
    let up = round.stage.run(&["up", "-d"])?;
    if up.code() != Some(0) {
        round.violate(format!("it cannot be started: {}", up.told()));
        return Ok(false);
    }
    let status = round.stage.run(&["status", "--json"])?;
    let dark = not_green(&status);
    if !dark.is_empty() {
        let dark = dark.join(", ");
        round.violate(format!("not green after `up -d`: {dark}\n{}", up.told()));
    }
    let daemons = round.stage.daemons();
    if daemons.len() != 1 {
        round.violate(format!("daemons after `up -d`: {daemons:?}"));
    }
    for service in SINGLE {
        let processes = round.stage.processes_of(service);
        if processes.len() > 1 {
            let pids: Vec<_> = processes.iter().map(|process| process.pid).collect();
            round.violate(format!("{service} runs more than once: {pids:?}"));
        }
    }
    Ok(true)
}

/// Checks all promises after the faults. Returns the number of counted lines.
pub(crate) fn all(round: &mut Round, random: &mut Random) -> io::Result<u64> {
    status_is_quick(round)?;
    can_be_started(round)?;
    let lines = no_line_is_lost(round)?;
    // A service that hangs is stopped too.
    if random.one_in(3)
        && let Some(process) = random.pick(&round.stage.services())
    {
        round.stage.signal_service(process.pid, Signal::STOP);
    }
    down_leaves_nothing(round)?;
    foreign_processes_are_unharmed(round, "the last `down`");
    no_line_is_lost(round)?;
    Ok(lines)
}

/// Checks that `status` answers in time, with an allowance for a busy machine.
pub(crate) fn status_is_quick(round: &mut Round) -> io::Result<()> {
    let status = round.stage.run(&["status"])?;
    let limit = STATUS + burden(&round.stage)?;
    if let Some(fault) = status.fault() {
        round.violate(format!("status {fault}: {}", status.told()));
    } else if status.took > limit {
        round.violate(format!(
            "status took longer than {limit:?}: {}",
            status.told()
        ));
    }
    Ok(())
}

/// Checks that `down` succeeds in time and leaves no process and no used port of the stack.
fn down_leaves_nothing(round: &mut Round) -> io::Result<()> {
    let down = round.stage.run(&["down"])?;
    let limit = DOWN + burden(&round.stage)?;
    if down.code() != Some(0) {
        round.violate(format!("down failed: {}", down.told()));
    } else if down.took > limit {
        round.violate(format!("down took longer than {limit:?}: {}", down.told()));
    }
    let left = round.stage.services();
    if !left.is_empty() {
        let left: Vec<_> = left.iter().map(Process::told).collect();
        let left = left.join(", ");
        round.violate(format!("left after down: {left}\n{}", down.told()));
    }
    for port in round.stage.ports.clone() {
        if let Err(error) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            round.violate(format!("port {port} after down: {error}"));
        }
    }
    Ok(())
}

/// Checks that no foreign process has been signalled.
pub(crate) fn foreign_processes_are_unharmed(round: &mut Round, by: &str) {
    let foreign = round.canaries.iter_mut().chain(&mut round.thieves);
    let harm: Vec<_> = foreign.filter_map(Foreign::harm).collect();
    for harm in harm {
        round.violate(format!("after {by}: {harm}"));
    }
    // Each is reported once.
    let lives = |foreign: &mut Foreign| foreign.harm().is_none();
    round.canaries.retain_mut(lives);
    round.thieves.retain_mut(lives);
}

/// Checks that no log line is lost. Returns the number of counted lines.
fn no_line_is_lost(round: &mut Round) -> io::Result<u64> {
    let lines = lines::compare(&round.stage)?;
    if round.logs_are_hurt {
        return Ok(0);
    }
    round.violations.extend(lines.lost);
    Ok(lines.written)
}

/// Returns the services without a green light, with their lights.
fn not_green(status: &Ended) -> Vec<String> {
    let Ok(status) = serde_json::from_str::<Value>(&status.output) else {
        return vec![status.told()];
    };
    let services = status["stacks"][0]["services"].as_array();
    let Some(services) = services.filter(|services| services.len() == 8) else {
        return vec![format!("not eight services: {status}")];
    };
    let dark = services
        .iter()
        .filter(|service| service["light"] != "green");
    dark.map(|service| format!("{} is {}", service["name"], service["phase"]))
        .collect()
}

/// Returns the extension of a time limit on a busy machine: a multiple of the time of a program that does nothing.
fn burden(stage: &Stage) -> io::Result<Duration> {
    let begun = Instant::now();
    Command::new(&stage.service)
        .args(["--exit", "0"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    Ok(begun.elapsed() * 50)
}
