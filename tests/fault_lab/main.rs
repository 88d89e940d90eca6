//! The fault lab: real stacks of real programs with one fault each (some have two). Checks that `pilotlight
//! doctor` names the root cause first, with its symptoms and nothing else, and that it finds nothing in
//! stacks that only look suspicious. See `README.md` in this folder.
//!
//! `cargo test` runs the quick cases, `cargo xtask fault-lab` all of them.
#![cfg_attr(
    unix,
    expect(
        clippy::disallowed_methods,
        reason = "the command runs as for a user, and the test waits from outside"
    )
)]
#![cfg_attr(
    unix,
    expect(
        clippy::unwrap_used,
        reason = "a lab that cannot be set up is a failure"
    )
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

/// Does nothing: signals, `setpriv` and the programs of the lab need Unix.
#[cfg(not(unix))]
fn main() -> ExitCode {
    ExitCode::SUCCESS
}
