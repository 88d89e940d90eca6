//! Real processes that fork, leave their group, lose their parent, ignore signals and overwrite their
//! environment. Stopping the service must stop all of them and no other process.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails with a panic")]

mod helper;
mod launch;
#[cfg(target_os = "linux")]
mod spare;
mod stage;
mod stop;
mod watch;
