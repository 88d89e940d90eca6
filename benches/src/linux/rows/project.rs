//! `init` in a large project.

use std::{
    fs::{self, File},
    time::Duration,
};

use super::Row;
use crate::linux::{
    Result,
    clock::TimePoint,
    managers::PILOTLIGHT,
    report::{Figure, Target},
    stage::Stage,
    stats::Runs,
};

pub(super) const ROW: Row = Row {
    name: "project",
    what: "`init` in a folder with 100,000 files",
    ours,
    against: None,
};

const FOLDERS: usize = 100;
const FILES_EACH: usize = 1000;
const RUNS: usize = 5;

fn ours() -> Result<Vec<Figure>> {
    let stage = Stage::new()?;
    let project = stage.path().join("project");
    for part in 0..FOLDERS {
        let inner = project.join(format!("part{part}"));
        fs::create_dir_all(&inner)?;
        for number in 0..FILES_EACH {
            File::create(inner.join(format!("{number}.dat")))?;
        }
    }
    fs::write(project.join("Procfile"), "web: sleep 1000\n")?;
    let (mut ours, mut plain) = (Runs::default(), Runs::default());
    for _ in 0..RUNS {
        let mut init = stage.command(PILOTLIGHT.installed()?);
        init.env("PILOTLIGHT_HOME", stage.path().join("home"))
            .args(["init", "--dry-run", "--yes"]);
        ours.add(time(init.current_dir(&project), "sleep 1000")?);
        let mut find = stage.command("find");
        find.args([".", "-name", "Procfile"]);
        plain.add(time(find.current_dir(&project), "Procfile")?);
    }
    Ok(vec![Figure {
        what: ROW.what.into(),
        ours: ours.to_string(),
        other: format!("{plain} by `find`"),
        ratio: Some(ours.ratio(&plain)),
        target: Some(Target::below(
            ours.median().as_secs_f64() * 1000.0,
            1000.0,
            " ms",
        )),
    }])
}

/// Measures how long a command that prints this text takes.
fn time(command: &mut std::process::Command, printed: &str) -> Result<Duration> {
    let began = TimePoint::now();
    let output = command.output()?;
    let time = began.elapsed();
    if !String::from_utf8_lossy(&output.stdout).contains(printed) {
        return Err(format!("{command:?}: {output:?}").into());
    }
    Ok(time)
}
