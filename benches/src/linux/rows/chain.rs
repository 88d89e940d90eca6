//! Five services in a chain, each ready 200 ms after its start.

use std::{net::TcpStream, thread, time::Duration};

use super::Row;
use crate::linux::{
    Result,
    clock::{DEADLINE, TimePoint},
    managers::PILOTLIGHT,
    plain::Plain,
    report::{Figure, Target},
    running::Running,
    service::{Service, chain},
    stage::Stage,
    stats::{Runs, milliseconds},
};

pub(super) const ROW: Row = Row {
    name: "chain",
    what: "five in a chain",
    ours,
    against: None,
};

const RUNS: usize = 7;
const SERVICES: usize = 5;
const EACH: Duration = Duration::from_millis(200);
/// The time of the services alone.
const WORK: Duration = Duration::from_secs(1);
/// The pause between two connection attempts of the plain side.
const PAUSE: Duration = Duration::from_micros(200);

fn ours() -> Result<Vec<Figure>> {
    let (mut ours, mut plain) = (Runs::default(), Runs::default());
    for _ in 0..RUNS {
        ours.add(by_pilotlight()?);
        plain.add(by_hand()?);
    }
    let (ours, plain) = (ours.over(WORK), plain.over(WORK));
    Ok(vec![Figure {
        what: "five services in a chain, each ready 200 ms after its start: over those 1,000 ms"
            .into(),
        ours: ours.to_string(),
        other: format!("{} by hand", milliseconds(plain.median())),
        ratio: None,
        target: Some(Target::below_ms(ours.median(), 15.0)),
    }])
}

fn services(stage: &Stage) -> Result<Vec<Service>> {
    let steps = format!("--after {}ms", EACH.as_millis());
    let services = chain(stage, SERVICES, &steps)?;
    Ok(services.into_iter().map(Service::by_http).collect())
}

/// Measures the time from the command to its return, when all services are ready.
fn by_pilotlight() -> Result<Duration> {
    let stage = Stage::new()?;
    let services = services(&stage)?;
    let running = Running::start(PILOTLIGHT, stage, &services)?;
    let time = running.returned.since(running.began);
    running.down()?;
    running.quit()?;
    Ok(time)
}

/// Starts each service as soon as the one before accepts a connection.
fn by_hand() -> Result<Duration> {
    let stage = Stage::new()?;
    let services = services(&stage)?;
    let began = TimePoint::now();
    let mut running = Vec::new();
    for service in &services {
        running.push(Plain::start(&stage, std::slice::from_ref(service))?);
        let port = service.port.ok_or("a service without a port")?;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if (began + DEADLINE).has_passed() {
                return Err("a service is not listening".into());
            }
            thread::sleep(PAUSE);
        }
    }
    Ok(began.elapsed())
}
