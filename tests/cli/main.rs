//! The command `pilotlight`, as a person or a script uses it: real stacks, a home of its own for each
//! test.
#![cfg(unix)]
#![expect(
    clippy::disallowed_methods,
    reason = "the command under test is no service, and what it does is waited for from outside"
)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod agents;
mod asking;
mod attach;
mod background;
mod daily;
mod documents;
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
mod requests;
#[path = "../support/script.rs"]
mod script;
mod scripts;
mod stage;
mod terminal;
mod worktrees;
