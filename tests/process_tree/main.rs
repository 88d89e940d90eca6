//! Real processes that fork, leave their group, lose their parent, ignore signals and overwrite
//! their environment: whatever they do, stopping the service leaves none of them, and no other
//! process is harmed.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

mod helper;
mod launch;
#[cfg(target_os = "linux")]
mod spare;
mod stage;
mod stop;
mod watch;
