//! From the kill of a service to the first line of its successor.

use std::{thread, time::Duration};

use super::Row;
use crate::linux::{
    Result,
    clock::Moment,
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

/// Each is killed once, so that no manager takes it for a crash loop.
const SERVICES: usize = 15;
/// All managers get this long to see that the services run well.
const SETTLED: Duration = Duration::from_millis(1500);
/// Between two kills, for whatever a manager does after a restart.
const BREATH: Duration = Duration::from_millis(50);

fn ours() -> Result<Vec<Figure>> {
    let ours = by(PILOTLIGHT)?;
    let plain = by_hand()?;
    Ok(vec![Figure {
        what: "SIGKILL of a service to its successor running".into(),
        ours: ours.to_string(),
        other: format!("{plain} by waitpid, fork+exec"),
        ratio: Some(ours.ratio(&plain)),
        target: Some(Target::below(
            ours.median().as_secs_f64() * 1000.0,
            3.0,
            " ms",
        )),
    }])
}

fn against(manager: &dyn Manager) -> Result<String> {
    Ok(by(manager)?.to_string())
}

fn by(manager: &dyn Manager) -> Result<Runs> {
    let stage = Stage::new()?;
    let services = independent(&stage, SERVICES)?;
    let running = Running::start(manager, stage, &services)?;
    let first = running.trace().wait_for("listening", SERVICES)?;
    thread::sleep(SETTLED);
    let mut runs = Runs::default();
    for victim in first {
        let killed = Moment::now();
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

/// The kill, the wait and the spawn by one program that does nothing else.
fn by_hand() -> Result<Runs> {
    let stage = Stage::new()?;
    let service = Service::new(&stage, "plain").does("--print ready");
    let mut runs = Runs::default();
    for _ in 0..SERVICES {
        let before = Moment::now();
        let first = Plain::start(&stage, std::slice::from_ref(&service))?;
        let began = stage.trace().wait_for_next("start", before)?;
        thread::sleep(BREATH);
        let killed = Moment::now();
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
