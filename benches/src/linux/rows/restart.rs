//! The time from the kill of a service to the first line of its successor.

use std::{thread, time::Duration};

use super::Row;
use crate::linux::{
    Result,
    clock::TimePoint,
    managers::{Manager, PILOTLIGHT},
    plain::Plain,
    report::{Figure, Target},
    running::Running,
    service::{Service, independent},
    stage::Stage,
    stats::Runs,
};

pub(super) const ROW: Row = Row {
    name: "restart",
    what: "SIGKILL of a service to its successor running",
    ours,
    against: Some(against),
};

/// Each service is killed once, so that no manager sees a crash loop.
const SERVICES: usize = 15;
/// The number of daemons in which a service crashes for the first time.
const LIVES: usize = 7;
/// The time in which all managers can see that the services are healthy.
const SETTLED: Duration = Duration::from_millis(1500);
/// The pause between two kills, for the work of a manager after a restart.
const BREATH: Duration = Duration::from_millis(50);

fn ours() -> Result<Vec<Figure>> {
    let first: Runs = (0..LIVES)
        .map(|_| first_by(PILOTLIGHT))
        .collect::<Result<_>>()?;
    let later = by(PILOTLIGHT)?;
    let plain = by_hand()?;
    let figure = |what: &str, runs: &Runs, limit| Figure {
        what: what.into(),
        ours: runs.to_string(),
        other: format!("{plain} by waitpid, fork+exec"),
        ratio: Some(runs.ratio(&plain)),
        target: Some(Target::below_ms(runs.median(), limit)),
    };
    Ok(vec![
        figure(
            "SIGKILL of a service to its successor running, the first in the daemon's life",
            &first,
            2.5,
        ),
        figure("… later ones", &later, 2.0),
    ])
}

/// The usual case: a fresh daemon, one service, its first crash.
fn first_by(manager: &dyn Manager) -> Result<Duration> {
    let stage = Stage::new()?;
    let services = independent(&stage, 1)?;
    let running = Running::start(manager, stage, &services)?;
    let victim = running.trace().wait_for("listening", 1)?;
    thread::sleep(SETTLED);
    let killed = TimePoint::now();
    running.stage().kill(victim[0].pid)?;
    let successor = running.trace().wait_for_next("start", killed)?;
    running.down()?;
    running.quit()?;
    Ok(successor.at.since(killed))
}

fn against(manager: &dyn Manager) -> Result<String> {
    let first: Runs = (0..3).map(|_| first_by(manager)).collect::<Result<_>>()?;
    Ok(format!("first {first}, later {}", by(manager)?))
}

fn by(manager: &dyn Manager) -> Result<Runs> {
    let stage = Stage::new()?;
    let services = independent(&stage, SERVICES)?;
    let running = Running::start(manager, stage, &services)?;
    let first = running.trace().wait_for("listening", SERVICES)?;
    thread::sleep(SETTLED);
    let mut runs = Runs::default();
    for victim in first {
        let killed = TimePoint::now();
        running.stage().kill(victim.pid)?;
        runs.add(
            running
                .trace()
                .wait_for_next("start", killed)?
                .at
                .since(killed),
        );
        thread::sleep(BREATH);
    }
    running.down()?;
    running.quit()?;
    Ok(runs)
}

/// Measures kill, wait and spawn in this program.
fn by_hand() -> Result<Runs> {
    let stage = Stage::new()?;
    let service = Service::new(&stage, "plain").does("--print ready");
    let mut runs = Runs::default();
    for _ in 0..SERVICES {
        let before = TimePoint::now();
        let first = Plain::start(&stage, std::slice::from_ref(&service))?;
        let began = stage.trace().wait_for_next("start", before)?;
        thread::sleep(BREATH);
        let killed = TimePoint::now();
        stage.kill(began.pid)?;
        drop(first);
        let second = Plain::start(&stage, std::slice::from_ref(&service))?;
        runs.add(
            stage
                .trace()
                .wait_for_next("start", killed)?
                .at
                .since(killed),
        );
        drop(second);
    }
    Ok(runs)
}
