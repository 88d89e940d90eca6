//! `cargo xtask fault-lab`

use std::{path::Path, process::Command};

use crate::{error::Error, setup, step, workspace};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many cases at a time; 1 to measure the time that doctor takes
    #[arg(short, long)]
    jobs: Option<usize>,
    /// Only cases whose names have one of these
    #[arg(value_name = "CASE")]
    filters: Vec<String>,
}

/// A part of each lesson that the lab is there for: the three real days, and stacks that are well.
const SOME: [&str; 4] = [
    "blames-cors",
    "an-earlier-instance",
    "auth-middleware",
    "well-",
];

/// Tries every case of `tests/fault_lab`.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let ready = setup::for_tests()?;
    let mut lab = lab(&ready.python);
    lab.arg("--all").args(&options.filters);
    if let Some(jobs) = options.jobs {
        lab.args(["--jobs", &jobs.to_string()]);
    }
    step::show(&mut lab)
}

/// Tries some of them, for `cargo xtask test`: the whole takes minutes, and judges times too.
pub(crate) fn some(python: &Path) -> Command {
    let mut lab = lab(python);
    lab.args(["--jobs", "2"]).args(SOME);
    lab
}

fn lab(python: &Path) -> Command {
    let mut lab = workspace::cargo_for_all("test");
    lab.args(["--test", "fault_lab", "--"])
        .env("PILOTLIGHT_TEST_PYTHON", python);
    lab
}
