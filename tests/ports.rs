//! Ports, on real sockets and real processes.
#![cfg(unix)]
#![expect(
    clippy::disallowed_methods,
    reason = "the listeners belong to no stack, so the tests start them themselves"
)]
#![expect(
    clippy::unwrap_used,
    reason = "the requirements of the tests must exist"
)]

#[path = "ports/crowd.rs"]
mod crowd;
#[path = "ports/holding.rs"]
mod holding;
#[path = "ports/rules.rs"]
mod rules;
#[path = "ports/stand.rs"]
mod stand;
