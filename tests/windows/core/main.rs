//! What is Windows' own in the core, with real processes: launching, stopping, logs, the control pipe.
//! On Debian `cargo xtask test --windows` runs this under Wine; `docs/windows.md` says what that proves.
#![cfg(windows)]
#![expect(clippy::unwrap_used, reason = "it is how a test fails")]

mod control;
mod launch;
mod logs;
mod places;
mod stage;
mod stop;
