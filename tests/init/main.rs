//! `pilotlight init`: its messages, questions and files, and real projects that start with the written
//! stack files.
//!
//! `cargo xtask test` installs the requirements of those projects into the target folder.
#![cfg(unix)]
#![expect(
    clippy::disallowed_methods,
    reason = "the command under test is not a service, and the test waits from outside"
)]
#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

mod asking;
mod place;
mod prove;
mod real;
mod running;
#[path = "../support/script.rs"]
mod script;
