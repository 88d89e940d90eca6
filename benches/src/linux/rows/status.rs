//! The time that `status` takes.

use std::{thread, time::Duration};

use super::Row;
use crate::linux::{
    Result,
    managers::PILOTLIGHT,
    report::{Figure, Target},
    running::Running,
    service::independent,
    stage::Stage,
    stats::Runs,
};

pub(super) const ROW: Row = Row {
    name: "status",
    what: "`status` of ten services",
    ours,
    against: None,
};

const RUNS: usize = 15;
const SERVICES: usize = 10;
const SETTLED: Duration = Duration::from_secs(1);

fn ours() -> Result<Vec<Figure>> {
    let stage = Stage::new()?;
    let services = independent(&stage, SERVICES)?;
    let running = Running::start(PILOTLIGHT, stage, &services)?;
    thread::sleep(SETTLED);
    let runs = (0..RUNS).map(|_| running.status());
    let runs: Runs = runs.collect::<Result<_>>()?;
    running.down()?;
    running.quit()?;
    Ok(vec![Figure {
        what: "`status` of ten services, CPU and memory of each".into(),
        ours: runs.to_string(),
        other: String::new(),
        ratio: None,
        target: Some(Target::below_ms(runs.median(), 10.0)),
    }])
}
