//! Ten thousand services of the smallest kind.

use std::{thread, time::Duration};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

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
    name: "ten-thousand",
    what: "10,000 services",
    ours,
    against: None,
};

const SERVICES: u32 = 10_000;
const SETTLED: Duration = Duration::from_secs(10);
const WATCHED: Duration = Duration::from_mins(1);
const LOOKS: usize = 5;
/// The open files that the daemon of ten thousand services and the comparison need.
const FILES: u64 = 100_000;

fn ours() -> Result<Vec<Figure>> {
    raise_limit()?;
    let plain = by_plain_spawn()?;
    let stage = Stage::tiny()?;
    let services = independent(&stage, SERVICES as usize)?;
    let running = Running::start(PILOTLIGHT, stage, &services)?;
    let listening = running.trace().wait_for("listening", SERVICES as usize)?;
    let listening = last(&listening).since(running.began);
    let returned = running.returned.since(running.began);
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

    let figure = |what: &str, ours, target| Figure {
        what: format!("10,000 services: {what}"),
        ours,
        other: String::new(),
        ratio: None,
        target,
    };
    Ok(vec![
        Figure {
            other: format!("{} by fork+exec", milliseconds(plain)),
            ratio: Some(listening.as_secs_f64() / plain.as_secs_f64()),
            ..figure(
                "command to last one listening",
                milliseconds(listening),
                None,
            )
        },
        figure("… to its return", milliseconds(returned), None),
        figure(
            "daemon watching them all by tcp every 2 s, over 60 s",
            format!("{watching:.1} % of a core"),
            Some(Target::below(watching, 20.0, " %")),
        ),
        figure(
            "memory of the daemon for one",
            format!("{memory:.1} KiB PSS"),
            Some(Target::below(memory, 16.0, " KiB")),
        ),
        figure(
            "`status`",
            status.to_string(),
            Some(Target::below_ms(status.median(), 1000.0)),
        ),
        figure("down", milliseconds(down), None),
    ])
}

/// Raises the limit of open files, which the daemon inherits.
fn raise_limit() -> Result {
    let limit = getrlimit(Resource::Nofile);
    let is_less = |limit: Option<u64>| limit.is_some_and(|limit| limit < FILES);
    if is_less(limit.current) || is_less(limit.maximum) {
        let raised = Rlimit {
            current: Some(FILES),
            maximum: limit.maximum.map(|maximum| maximum.max(FILES)),
        };
        setrlimit(Resource::Nofile, raised)
            .map_err(|error| format!("{FILES} open files (`ulimit -Hn`): {error}"))?;
    }
    Ok(())
}

fn by_plain_spawn() -> Result<Duration> {
    let stage = Stage::tiny()?;
    let services = independent(&stage, SERVICES as usize)?;
    let began = TimePoint::now();
    let _running = Plain::start(&stage, &services)?;
    let listening = stage.trace().wait_for("listening", SERVICES as usize)?;
    Ok(last(&listening).since(began))
}
