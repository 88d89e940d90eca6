//! Random faults against a real stack: its daemon, services, files, socket and ports. After each round, all
//! promises of the documentation must hold.
//!
//! `cargo xtask chaos [--seed N] [--minutes M] [--round R]`. Each round has its own folder, home and random numbers,
//! which follow from seed and round, so `--round` can repeat a single round.
#![cfg_attr(
    target_os = "linux",
    expect(
        clippy::disallowed_methods,
        reason = "the command runs as for a user, and the test waits from outside"
    )
)]

#[cfg(target_os = "linux")]
mod checks;
#[cfg(target_os = "linux")]
mod commands;
#[cfg(target_os = "linux")]
mod faults;
#[cfg(target_os = "linux")]
mod foreign;
#[cfg(target_os = "linux")]
mod lines;
#[cfg(target_os = "linux")]
mod options;
#[cfg(target_os = "linux")]
mod processes;
#[cfg(target_os = "linux")]
mod random;
#[cfg(target_os = "linux")]
mod report;
#[cfg(target_os = "linux")]
mod round;
#[cfg(target_os = "linux")]
mod socket;
#[cfg(target_os = "linux")]
mod stage;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    report::run(&options::Options::of_this_process())
}

/// Fails: the test finds processes in `/proc`.
#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    ExitCode::SUCCESS
}
