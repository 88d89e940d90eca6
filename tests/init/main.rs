//! `pilotlight init`, as a person uses it: what it says and asks, what it writes, and that what it
//! writes lights real projects.
//!
//! `cargo xtask test` installs what those projects need into the target folder.
#![cfg(unix)]
#![expect(
    clippy::disallowed_methods,
    reason = "the command under test is no service, and what it does is waited for from outside"
)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod asking;
mod place;
mod prove;
mod real;
mod running;
#[path = "../support/script.rs"]
mod script;
