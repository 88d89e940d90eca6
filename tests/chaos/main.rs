//! Random faults against a real stack: the daemon, its services, its files, its socket and its ports are hurt,
//! and after each round everything must be as the documentation promises.
//!
//! `cargo xtask chaos [--seed N] [--minutes M] [--round R]`. Each round has a folder, a home and random numbers of
//! its own, which follow from seed and round: `--round` repeats one round alone.
#![cfg_attr(
    target_os = "linux",
    expect(
        clippy::disallowed_methods,
        reason = "the command is run as a person runs it, and what it does is waited for from outside"
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

/// It finds processes in `/proc`.
#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    ExitCode::SUCCESS
}
