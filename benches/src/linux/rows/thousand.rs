//! A thousand services.

use std::{thread, time::Duration};

use super::Row;
use crate::linux::{
    Result,
    clock::TimePoint,
    managers::PILOTLIGHT,
    plain::Plain,
    report::{Figure, Target},
    running::Running,
    service::independent,
    stage::Stage,
    stats::{Runs, milliseconds},
    trace::last,
};

pub(super) const ROW: Row = Row {
    name: "thousand",
    what: "1,000 services",
    ours,
    against: None,
};

const SERVICES: u32 = 1000;
const SETTLED: Duration = Duration::from_secs(5);
const WATCHED: Duration = Duration::from_secs(10);
const LOOKS: usize = 5;

fn ours() -> Result<Vec<Figure>> {
    let plain = by_plain_spawn()?;
    let stage = Stage::new()?;
    let services = independent(&stage, SERVICES as usize)?;
    let running = Running::start(PILOTLIGHT, stage, &services)?;
    let listening = running.trace().wait_for("listening", SERVICES as usize)?;
    let listening = last(&listening).since(running.began);
    let start = running.cpu_time()?;
    thread::sleep(SETTLED);
    let (began, before) = (TimePoint::now(), running.cpu_time()?);
    thread::sleep(WATCHED);
    let used = running.cpu_time()?.saturating_sub(before);
    let watching = 100.0 * used.as_secs_f64() / began.elapsed().as_secs_f64();
    let memory = running.memory()? * 1024.0 / f64::from(SERVICES);
    let status: Runs = (0..LOOKS)
        .map(|_| running.status())
        .collect::<Result<_>>()?;
    let down = running.down()?;
    running.quit()?;

    let figure = |what: &str, ours, other, ratio, target| Figure {
        what: format!("1,000 services: {what}"),
        ours,
        other,
        ratio,
        target,
    };
    let none = String::new;
    Ok(vec![
        figure(
            "command to last one listening",
            milliseconds(listening),
            format!("{} by fork+exec", milliseconds(plain)),
            Some(listening.as_secs_f64() / plain.as_secs_f64()),
            None,
        ),
        figure(
            "CPU of the daemon for the start of one",
            milliseconds(start / SERVICES),
            none(),
            None,
            None,
        ),
        figure(
            "daemon watching them all by tcp every 2 s",
            format!("{watching:.2} % of a core"),
            none(),
            None,
            Some(Target::below(watching, 1.5, " %")),
        ),
        figure(
            "memory of the daemon for one",
            format!("{memory:.1} KiB PSS"),
            none(),
            None,
            Some(Target::below(memory, 16.0, " KiB")),
        ),
        figure(
            "`status`",
            status.to_string(),
            none(),
            None,
            Some(Target::below_ms(status.median(), 60.0)),
        ),
        figure("down", milliseconds(down), none(), None, None),
    ])
}

fn by_plain_spawn() -> Result<Duration> {
    let stage = Stage::new()?;
    let services = independent(&stage, SERVICES as usize)?;
    let began = TimePoint::now();
    let _running = Plain::start(&stage, &services)?;
    let listening = stage.trace().wait_for("listening", SERVICES as usize)?;
    Ok(last(&listening).since(began))
}
