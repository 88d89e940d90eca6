//! Stops ten chained services that exit at once.

use std::time::Duration;

use super::Row;
use crate::linux::{
    Result,
    clock::TimePoint,
    managers::{Manager, PILOTLIGHT},
    plain::Plain,
    report::{Figure, Target},
    running::Running,
    service::chain,
    stage::Stage,
    stats::Runs,
};

pub(super) const ROW: Row = Row {
    name: "down",
    what: "`down` of ten services that exit at once",
    ours,
    against: Some(against),
};

const RUNS: usize = 9;
const SERVICES: usize = 10;

fn ours() -> Result<Vec<Figure>> {
    let (mut ours, mut plain) = (Runs::default(), Runs::default());
    for _ in 0..RUNS {
        ours.add(by(PILOTLIGHT)?);
        plain.add(by_hand()?);
    }
    Ok(vec![Figure {
        what: "`down` of ten chained services that exit at once on SIGTERM".into(),
        ours: ours.to_string(),
        other: format!("{plain} by kill, waitpid"),
        ratio: None,
        target: Some(Target::below_ms(ours.median(), 12.0)),
    }])
}

fn against(manager: &dyn Manager) -> Result<String> {
    let mut runs = Runs::default();
    for _ in 0..3 {
        runs.add(by(manager)?);
    }
    Ok(runs.to_string())
}

fn by(manager: &dyn Manager) -> Result<Duration> {
    let stage = Stage::new()?;
    let services = chain(&stage, SERVICES, "")?;
    let running = Running::start(manager, stage, &services)?;
    running.trace().wait_for("listening", SERVICES)?;
    let time = running.down()?;
    running.quit()?;
    Ok(time)
}

/// Stops one service after the other in this program.
fn by_hand() -> Result<Duration> {
    let stage = Stage::new()?;
    let services = chain(&stage, SERVICES, "")?;
    let running = Plain::start(&stage, &services)?;
    stage.trace().wait_for("listening", SERVICES)?;
    let began = TimePoint::now();
    drop(running);
    Ok(began.elapsed())
}
