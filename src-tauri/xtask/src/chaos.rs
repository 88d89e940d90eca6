//! `cargo xtask chaos`

use std::process::Command;

use crate::{error::Error, step, workspace};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// What all random numbers follow from
    #[arg(long)]
    seed: Option<u64>,
    /// No round begins later than this
    #[arg(long)]
    minutes: Option<f64>,
    /// Only this round
    #[arg(long)]
    round: Option<u32>,
}

/// Plays rounds of random faults.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let mut chaos = a_minute();
    let numbers = [
        ("--seed", options.seed.map(|seed| seed.to_string())),
        ("--minutes", options.minutes.map(|it| it.to_string())),
        ("--round", options.round.map(|round| round.to_string())),
    ];
    for (name, number) in numbers {
        if let Some(number) = number {
            chaos.args([name, &number]);
        }
    }
    step::show(chaos)
}

/// A minute with a fixed seed, for `cargo xtask test`.
pub(crate) fn a_minute() -> Command {
    let mut chaos = workspace::cargo_for_all("test");
    chaos.args(["--test", "chaos", "--"]);
    chaos
}
