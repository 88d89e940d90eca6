//! The Windows code of the core with real processes: launching, stopping, logs, the control pipe.
//! On Debian `cargo xtask test --windows` runs this under Wine; `docs/windows.md` explains what that proves.
#![cfg(windows)]
#![expect(clippy::unwrap_used, reason = "a test fails with a panic")]

mod control;
mod launch;
mod logs;
mod places;
mod stage;
mod stop;
