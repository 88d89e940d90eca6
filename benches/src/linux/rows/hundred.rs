//! A hundred independent services, until the last one listens.

use std::time::Duration;

use super::Row;
use crate::linux::{
    Result,
    clock::TimePoint,
    managers::{Manager, PILOTLIGHT},
    plain::Plain,
    report::{Figure, Target},
    running::Running,
    service::independent,
    stage::Stage,
    stats::Runs,
    trace::last,
};

pub(super) const ROW: Row = Row {
    name: "hundred",
    what: "100 services, command to last one listening",
    ours,
    against: Some(against),
};

const RUNS: usize = 7;
const SERVICES: usize = 100;

fn ours() -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for kind in [Kind::Rust, Kind::C] {
        let (mut listening, mut returned, mut plain) =
            (Runs::default(), Runs::default(), Runs::default());
        for _ in 0..RUNS {
            let times = by(PILOTLIGHT, kind)?;
            listening.add(times.listening);
            returned.add(times.returned);
            plain.add(by_plain_spawn(kind)?);
        }
        let ratio = listening.ratio(&plain);
        figures.push(Figure {
            what: match kind {
                Kind::Rust => "100 independent services, command to last one listening",
                Kind::C => "100 services of C, script with the command to last one listening",
            }
            .into(),
            ours: listening.to_string(),
            other: format!("{plain} by fork+exec"),
            ratio: Some(ratio),
            target: Some(Target::at_most(ratio, 1.4, " ×")),
        });
        figures.push(Figure {
            what: "… to the return of the command: all are ready".into(),
            ours: returned.to_string(),
            other: String::new(),
            ratio: Some(returned.ratio(&plain)),
            target: None,
        });
    }
    Ok(figures)
}

/// The kind of service, and how the command is given.
#[derive(Clone, Copy)]
enum Kind {
    /// The test service; the command by itself.
    Rust,
    /// The smallest possible service, with a command in a script. Pilot Light's share of the time is larger.
    C,
}

impl Kind {
    fn stage(self) -> Result<Stage> {
        match self {
            Self::Rust => Stage::new(),
            Self::C => Stage::tiny(),
        }
    }
}

fn against(manager: &dyn Manager) -> Result<String> {
    let mut runs = Runs::default();
    for _ in 0..3 {
        runs.add(by(manager, Kind::Rust)?.listening);
    }
    Ok(runs.to_string())
}

struct Times {
    listening: Duration,
    returned: Duration,
}

fn by(manager: &dyn Manager, kind: Kind) -> Result<Times> {
    let stage = kind.stage()?;
    let services = independent(&stage, SERVICES)?;
    let running = match kind {
        Kind::Rust => Running::start(manager, stage, &services)?,
        Kind::C => Running::start_by_script(manager, stage, &services)?,
    };
    let events = running.trace().wait_for("listening", SERVICES)?;
    let times = Times {
        listening: last(&events).since(running.began),
        returned: running.returned.since(running.began),
    };
    running.down()?;
    running.quit()?;
    Ok(times)
}

fn by_plain_spawn(kind: Kind) -> Result<Duration> {
    let stage = kind.stage()?;
    let services = independent(&stage, SERVICES)?;
    let began = TimePoint::now();
    let _running = Plain::start(&stage, &services)?;
    let listening = stage.trace().wait_for("listening", SERVICES)?;
    Ok(last(&listening).since(began))
}
