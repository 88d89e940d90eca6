//! The lookup of the process that uses a port, among many processes and sockets.

use std::process::Stdio;

use pilotlight::{effects::port::holders, stack::Port};

use super::Row;
use crate::linux::{
    Result,
    clock::TimePoint,
    managers::PILOTLIGHT,
    plain::Plain,
    report::{Figure, Target},
    service::independent,
    stage::Stage,
    stats::Runs,
};

pub(super) const ROW: Row = Row {
    name: "port-holder",
    what: "the process that uses a port",
    ours,
    against: None,
};

const PROCESSES: usize = 1000;
/// In addition to the port of each process.
const MORE_SOCKETS_EACH: usize = 9;
const RUNS: usize = 15;

fn ours() -> Result<Vec<Figure>> {
    let stage = Stage::new()?;
    let services: Vec<_> = independent(&stage, PROCESSES)?
        .into_iter()
        .map(|service| service.does(&format!("--sockets {MORE_SOCKETS_EACH} --mark crowded")))
        .collect();
    let _crowd = Plain::start(&stage, &services)?;
    stage.trace().wait_for("crowded", PROCESSES)?;
    let port = services[PROCESSES / 2]
        .port
        .ok_or("a service without a port")?;

    let (mut call, mut command, mut ss) = (Runs::default(), Runs::default(), Runs::default());
    for _ in 0..RUNS {
        call.add(by_call(port)?);
        command.add(by_command(&stage, port)?);
        if let Some(time) = by_ss(&stage, port) {
            ss.add(time);
        }
    }
    let target = |runs: &Runs| {
        Some(Target::below(
            runs.median().as_secs_f64() * 1000.0,
            20.0,
            " ms",
        ))
    };
    let what = "the process that uses a port, with 1,000 processes and 10,000 sockets";
    Ok(vec![
        Figure {
            what: format!("{what}: the call"),
            ours: call.to_string(),
            other: String::new(),
            ratio: None,
            target: target(&call),
        },
        Figure {
            what: "… the whole command `pilotlight port N`".into(),
            ours: command.to_string(),
            other: format!("{ss} by `ss -ltnpH`"),
            ratio: Some(command.ratio(&ss)),
            target: target(&command),
        },
    ])
}

fn by_call(port: u16) -> Result<std::time::Duration> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let port = Port::new(port).ok_or("0 is no port")?;
    let began = TimePoint::now();
    let found = runtime.block_on(holders(port))?;
    let time = began.elapsed();
    if found.len() != 1 {
        return Err(format!("{} processes were found instead of one", found.len()).into());
    }
    Ok(time)
}

fn by_command(stage: &Stage, port: u16) -> Result<std::time::Duration> {
    let mut command = stage.command(PILOTLIGHT.installed()?);
    command
        .env("PILOTLIGHT_HOME", stage.path().join("home"))
        .args(["port", &port.to_string()])
        .stdin(Stdio::null());
    let began = TimePoint::now();
    let output = command.output()?;
    let time = began.elapsed();
    if !String::from_utf8_lossy(&output.stdout).contains("service") {
        return Err(format!("`pilotlight port {port}`: {output:?}").into());
    }
    Ok(time)
}

/// The same lookup with `ss`, if it is installed.
fn by_ss(stage: &Stage, port: u16) -> Option<std::time::Duration> {
    let mut command = stage.command("ss");
    command.args(["-ltnpH", &format!("sport = :{port}")]);
    let began = TimePoint::now();
    let output = command.output().ok()?;
    let time = began.elapsed();
    String::from_utf8_lossy(&output.stdout)
        .contains("service")
        .then_some(time)
}
