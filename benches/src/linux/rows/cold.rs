//! The cold start of one service: a fresh home, no daemon running.

use std::time::Duration;

use super::Row;
use crate::linux::{
    Result,
    clock::TimePoint,
    managers::{Manager, PILOTLIGHT},
    plain::Plain,
    report::{Figure, Target},
    running::Running,
    service::Service,
    stage::Stage,
    stats::Runs,
};

pub(super) const ROW: Row = Row {
    name: "cold",
    what: "one service, nothing running before: command to its first instruction",
    ours,
    against: Some(against),
};

const RUNS: usize = 15;

fn ours() -> Result<Vec<Figure>> {
    let (mut started, mut returned, mut plain) =
        (Runs::default(), Runs::default(), Runs::default());
    for _ in 0..RUNS {
        let times = by(PILOTLIGHT)?;
        started.add(times.0);
        returned.add(times.1);
        plain.add(by_plain_spawn()?);
    }
    Ok(vec![
        Figure {
            what: "one service, cold: command to its first instruction".into(),
            ours: started.to_string(),
            other: format!("{plain} by fork+exec"),
            ratio: Some(started.ratio(&plain)),
            target: Some(Target::below_ms(started.median(), 6.0)),
        },
        Figure {
            what: "… to the return of `up -d`".into(),
            ours: returned.to_string(),
            other: String::new(),
            ratio: Some(returned.ratio(&plain)),
            target: Some(Target::below_ms(returned.median(), 10.0)),
        },
    ])
}

fn against(manager: &dyn Manager) -> Result<String> {
    let mut runs = Runs::default();
    for _ in 0..3 {
        runs.add(by(manager)?.0);
    }
    Ok(runs.to_string())
}

/// Returns the times to the first instruction of the service and to the return of the command.
fn by(manager: &dyn Manager) -> Result<(Duration, Duration)> {
    let stage = Stage::new()?;
    let service = Service::new(&stage, "one");
    let running = Running::start(manager, stage, &[service])?;
    let started = running.trace().wait_for_next("start", running.began)?;
    let times = (
        started.at.since(running.began),
        running.returned.since(running.began),
    );
    running.down()?;
    running.quit()?;
    Ok(times)
}

fn by_plain_spawn() -> Result<Duration> {
    let stage = Stage::new()?;
    let service = Service::new(&stage, "one");
    let began = TimePoint::now();
    let _running = Plain::start(&stage, &[service])?;
    Ok(stage.trace().wait_for_next("start", began)?.at.since(began))
}
