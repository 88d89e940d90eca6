//! `cargo xtask chaos`

use std::process::Command;

use crate::{error::Error, step, workspace};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// `--seed N`, from which all random numbers follow; `--minutes N`, after which no round begins;
    /// `--round N`, the only round
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Plays rounds of random faults.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    step::show(a_minute()?.args(&options.arguments))
}

/// Plays rounds for one minute with a fixed seed, for `cargo xtask test`.
pub(crate) fn a_minute() -> Result<Command, Error> {
    let mut chaos = workspace::cargo_for_all("test")?;
    chaos.args(["--test", "chaos", "--"]);
    Ok(chaos)
}
