//! The command `pilotlight`, as users and scripts run it, with real stacks and a separate home for each
//! test.
#![cfg(unix)]
#![expect(
    clippy::disallowed_methods,
    reason = "the command under test is not a service, and the test waits from outside"
)]
#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

mod agents;
mod asking;
mod attach;
mod background;
#[cfg(target_os = "linux")]
mod containers;
mod daily;
mod documents;
#[cfg(target_os = "linux")]
#[path = "../containers/engine.rs"]
#[expect(dead_code, reason = "only other tests reach it from another machine")]
mod engine;
mod events;
mod example;
#[cfg(target_os = "linux")]
mod exporting;
mod fixing;
mod foreground;
mod hostile;
mod keeping;
mod knowledge;
mod layers;
mod losses;
#[cfg(target_os = "linux")]
#[path = "../containers/registry.rs"]
mod registry;
mod requests;
#[path = "../support/script.rs"]
mod script;
mod scripts;
mod stage;
mod terminal;
mod worktrees;
