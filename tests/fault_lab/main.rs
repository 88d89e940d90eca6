//! The fault lab: real stacks of real programs, one fault each (some two), and whether `pilotlight
//! doctor` names the root cause first, with its symptoms and nothing else. A stack that only looks
//! suspicious must be left in peace. See `README.md` beside this file.
//!
//! `cargo test` tries the quick cases, `cargo xtask fault-lab` all of them.
#![cfg_attr(
    unix,
    expect(
        clippy::disallowed_methods,
        reason = "the command is run as a person runs it, and what it does is waited for from outside"
    )
)]
#![cfg_attr(
    unix,
    expect(clippy::unwrap_used, reason = "a lab that cannot be set up has failed")
)]

#[cfg(unix)]
mod case;
#[cfg(unix)]
mod lab;
#[cfg(unix)]
mod patience;
#[cfg(unix)]
mod place;
#[cfg(unix)]
mod stage;
#[cfg(unix)]
mod step;
#[cfg(unix)]
mod table;
#[cfg(unix)]
mod verdict;

use std::process::ExitCode;

#[cfg(unix)]
fn main() -> ExitCode {
    lab::run(&lab::Options::of_this_process())
}

/// Signals, `setpriv` and the programs of the lab are those of Unix.
#[cfg(not(unix))]
fn main() -> ExitCode {
    ExitCode::SUCCESS
}
