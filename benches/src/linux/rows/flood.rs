//! Log lines as fast as a service can write them.

use std::time::Duration;

use super::Row;
use crate::linux::{
    Result,
    managers::{Manager, PILOTLIGHT},
    plain::Plain,
    report::{Figure, Target},
    running::Running,
    service::Service,
    stage::Stage,
    stats::{Runs, milliseconds},
    trace::{Trace, last},
};

pub(super) const ROW: Row = Row {
    name: "flood",
    what: "200 MB of log lines, in blocks of 4 KiB / a write for each line",
    ours,
    against: Some(against),
};

const RUNS: usize = 5;
const BYTES: usize = 200_000_000;
/// The C library writes blocks if standard output is not a terminal, and single writes to standard error.
const WRITES: [(&str, &str); 2] = [
    ("in blocks of 4 KiB", "4096"),
    ("a write for each line", "0"),
];

fn ours() -> Result<Vec<Figure>> {
    WRITES.into_iter().map(figure).collect()
}

fn figure((how, block): (&str, &str)) -> Result<Figure> {
    let (mut ours, mut plain) = (Runs::default(), Runs::default());
    for _ in 0..RUNS {
        ours.add(by(PILOTLIGHT, block)?);
        plain.add(by_redirect(block)?);
    }
    // The remaining share of the speed, so that more is better.
    let ratio = plain.ratio(&ours);
    Ok(Figure {
        what: format!("200 MB of log lines, {how}"),
        ours: ours.to_string(),
        other: format!("{plain} by a plain redirect"),
        ratio: Some(ratio),
        target: Some(Target::at_least(ratio, 0.9, " ×")),
    })
}

fn against(manager: &dyn Manager) -> Result<String> {
    let times: Result<Vec<_>> = WRITES
        .iter()
        .map(|(_, block)| Ok(milliseconds(by(manager, block)?)))
        .collect();
    Ok(times?.join(" / "))
}

fn service(stage: &Stage, block: &str) -> Service {
    let steps = format!("--mark begun --block {block} --flood {BYTES} --mark flooded");
    Service::new(stage, "flood").does(&steps)
}

fn by(manager: &dyn Manager, block: &str) -> Result<Duration> {
    let stage = Stage::new()?;
    let service = service(&stage, block);
    let running = Running::start(manager, stage, &[service])?;
    let time = time(running.trace())?;
    running.down()?;
    running.quit()?;
    Ok(time)
}

fn by_redirect(block: &str) -> Result<Duration> {
    let stage = Stage::new()?;
    let _running = Plain::start(&stage, &[service(&stage, block)])?;
    time(stage.trace())
}

/// Measures how long the service writes: a manager must not make it wait.
fn time(trace: &Trace) -> Result<Duration> {
    let flooded = trace.wait_for("flooded", 1)?;
    Ok(last(&flooded).since(last(&trace.events("begun")?)))
}
