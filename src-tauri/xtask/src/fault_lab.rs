//! `cargo xtask fault-lab`

use std::{path::Path, process::Command};

use crate::{error::Error, setup, step, workspace};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Parts of the names of cases; `--jobs N` for how many run at a time (1 to measure the time that doctor takes)
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Cases of every kind: the three real days, and healthy stacks.
const SOME: [&str; 4] = [
    "blames-cors",
    "an-earlier-instance",
    "auth-middleware",
    "well-",
];

/// Runs every case of `tests/fault_lab`.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let ready = setup::for_tests()?;
    step::show(lab(&ready.python)?.arg("--all").args(&options.arguments))
}

/// Runs some cases, for `cargo xtask test`: all of them take minutes and also check times.
pub(crate) fn some(python: &Path) -> Result<Command, Error> {
    let mut lab = lab(python)?;
    lab.args(["--jobs", "2"]).args(SOME);
    Ok(lab)
}

fn lab(python: &Path) -> Result<Command, Error> {
    let mut lab = workspace::cargo_for_all("test")?;
    lab.args(["--test", "fault_lab", "--"])
        .env("PILOTLIGHT_TEST_PYTHON", python);
    Ok(lab)
}
