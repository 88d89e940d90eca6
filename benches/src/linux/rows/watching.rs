//! The cost of watching ten services.

use std::{thread, time::Duration};

use super::Row;
use crate::linux::{
    Result,
    clock::TimePoint,
    managers::{Manager, PILOTLIGHT},
    report::{Figure, Target},
    running::Running,
    service::{Service, independent},
    stage::Stage,
};

pub(super) const ROW: Row = Row {
    name: "watching",
    what: "daemon of ten services, by http every 2 s: CPU of a core, PSS",
    ours,
    against: Some(against),
};

const SERVICES: usize = 10;
/// The time after which a start no longer affects the figures.
const SETTLED: Duration = Duration::from_secs(5);
const WATCHED: Duration = Duration::from_secs(30);

fn ours() -> Result<Vec<Figure>> {
    let cost = by(PILOTLIGHT)?;
    let figure = |what: &str, ours, target| Figure {
        what: format!("daemon watching ten services by http every 2 s: {what}"),
        ours,
        other: String::new(),
        ratio: None,
        target,
    };
    Ok(vec![
        figure(
            "CPU",
            format!("{:.3} % of a core", cost.cpu_percent),
            Some(Target::below(cost.cpu_percent, 0.3, " %")),
        ),
        figure(
            "memory",
            format!("{:.1} MiB PSS", cost.memory),
            Some(Target::below(cost.memory, 6.0, " MiB")),
        ),
    ])
}

fn against(manager: &dyn Manager) -> Result<String> {
    let cost = by(manager)?;
    let without = if manager.watches_by_http() {
        ""
    } else {
        ", without http checks"
    };
    Ok(format!(
        "{:.3} %, {:.1} MiB{without}",
        cost.cpu_percent, cost.memory
    ))
}

struct Cost {
    cpu_percent: f64,
    /// The memory in MiB.
    memory: f64,
}

fn by(manager: &dyn Manager) -> Result<Cost> {
    let stage = Stage::new()?;
    let services: Vec<_> = independent(&stage, SERVICES)?
        .into_iter()
        .map(Service::by_http)
        .collect();
    let running = Running::start(manager, stage, &services)?;
    running.trace().wait_for("listening", SERVICES)?;
    thread::sleep(SETTLED);
    let (began, before) = (TimePoint::now(), running.cpu_time()?);
    thread::sleep(WATCHED);
    let used = running.cpu_time()?.saturating_sub(before);
    let time = began.elapsed();
    let cost = Cost {
        cpu_percent: 100.0 * used.as_secs_f64() / time.as_secs_f64(),
        memory: running.memory()?,
    };
    running.down()?;
    running.quit()?;
    Ok(cost)
}
