//! The options of the command line.

use std::{env, time::Duration};

/// The seed of the minute in `cargo xtask test`.
const SEED: u64 = 1;
const MINUTES: f64 = 1.0;

/// The rounds to run.
pub(crate) struct Options {
    /// The seed of all random numbers.
    pub(crate) seed: u64,
    /// No round begins after this time.
    pub(crate) time: Duration,
    /// Only this round.
    pub(crate) round: Option<u32>,
}

impl Options {
    /// Reads `--seed N`, `--minutes M` and `--round R`; ignores options of the standard harness.
    pub(crate) fn of_this_process() -> Self {
        let mut options = Self {
            seed: SEED,
            time: Duration::from_secs_f64(MINUTES * 60.0),
            round: None,
        };
        let mut arguments = env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || {
                let value = arguments.next();
                value.unwrap_or_else(|| panic!("{argument} needs a number"))
            };
            match argument.as_str() {
                "--seed" => options.seed = value().parse().expect("--seed takes a number"),
                "--round" => {
                    options.round = Some(value().parse().expect("--round takes a number"));
                }
                "--minutes" => {
                    let minutes: f64 = value().parse().expect("--minutes takes a number");
                    options.time = Duration::from_secs_f64(minutes * 60.0);
                }
                _ => {}
            }
        }
        options
    }
}
