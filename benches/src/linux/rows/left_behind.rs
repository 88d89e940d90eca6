//! The processes left after `down` of services that try to escape.

use std::time::Duration;

use super::Row;
use crate::linux::{
    Result,
    clock::{DEADLINE, TimePoint},
    managers::{Manager, PILOTLIGHT},
    report::{Figure, Target},
    running::Running,
    service::Service,
    stage::{Stage, free_ports},
};

pub(super) const ROW: Row = Row {
    name: "left-behind",
    what: "processes left after `down`",
    ours,
    against: Some(against),
};

/// Services by name, with the behaviour of the service and its children, and the number of processes.
const KINDS: [(&str, &str, usize); 8] = [
    ("forks", "--child fork", 2),
    ("new-session", "--child setsid", 2),
    ("double-forks", "--child double-fork", 2),
    ("ignores-sigterm", "--sigterm ignore", 1),
    (
        "all-ignore-sigterm",
        "--sigterm ignore --child fork --child setsid --child double-fork",
        4,
    ),
    ("clears-its-environment", "--child nameless", 2),
    ("forks-on-sigterm", "--sigterm fork", 1),
    ("daemonizes", "--daemonize", 1),
];

fn ours() -> Result<Vec<Figure>> {
    let End { left, of, returned } = by(PILOTLIGHT)?;
    returned?;
    Ok(vec![Figure {
        what: "processes left after `down`, of services that fork, double-fork, setsid, ignore \
               SIGTERM, clear their environment, daemonize"
            .into(),
        ours: format!("{left} of {of}"),
        other: String::new(),
        ratio: None,
        target: Some(Target {
            text: "0".into(),
            met: left == 0,
        }),
    }])
}

fn against(manager: &dyn Manager) -> Result<String> {
    let End { left, of, returned } = by(manager)?;
    let how = if returned.is_ok() {
        ""
    } else {
        ", and the command does not return"
    };
    Ok(format!("{left} of {of}{how}"))
}

/// The number of processes left, the number before, and whether the command succeeded.
struct End {
    left: usize,
    of: usize,
    returned: Result,
}

fn by(manager: &dyn Manager) -> Result<End> {
    let stage = Stage::new()?;
    let ports = free_ports(KINDS.len())?;
    let services: Vec<_> = KINDS
        .into_iter()
        .zip(ports)
        .map(|((name, steps, _), port)| Service::new(&stage, name).does(steps).listens(port))
        .collect();
    let running = Running::start(manager, stage, &services)?;
    running.trace().wait_for("listening", KINDS.len())?;
    let of = wait_for_all(&running)?;
    let returned = running.stop();
    let left = running.stage().services()?.len();
    if returned.is_ok() {
        running.quit()?;
    }
    Ok(End { left, of, returned })
}

/// Waits until all children are running, and returns the number of processes.
fn wait_for_all(running: &Running<'_>) -> Result<usize> {
    let expected = KINDS.iter().map(|(_, _, processes)| processes).sum();
    let deadline = TimePoint::now() + DEADLINE;
    loop {
        let found = running.stage().services()?.len();
        if found >= expected {
            return Ok(found);
        }
        if deadline.has_passed() {
            return Err(format!("{found} of {expected} processes are running").into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
