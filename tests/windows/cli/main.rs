//! The command `pilotlight.exe` with stacks of Windows programs, from `up` to `down`.
//! On Debian `cargo xtask test --windows` runs this under Wine; `docs/windows.md` says what that proves.
#![cfg(windows)]
#![expect(
    clippy::disallowed_methods,
    reason = "the command under test is no service, and what it does is waited for from outside"
)]
#![expect(clippy::unwrap_used, reason = "it is how a test fails")]

mod commands;
mod keeping;
mod ports;
mod stage;
mod whole;
