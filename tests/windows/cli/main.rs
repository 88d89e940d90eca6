//! The command `pilotlight.exe` with stacks of Windows programs, from `up` to `down`.
//! On Debian `cargo xtask test --windows` runs this under Wine; `docs/windows.md` explains what that proves.
#![cfg(windows)]
#![expect(
    clippy::disallowed_methods,
    reason = "the command under test is not a service, and the test waits from outside"
)]
#![expect(clippy::unwrap_used, reason = "a test fails with a panic")]

mod commands;
mod keeping;
mod ports;
mod stage;
mod whole;
