//! Ports, on real sockets and real processes.
#![cfg(unix)]
#![expect(
    clippy::disallowed_methods,
    reason = "the listeners here belong to no stack: the holder of a port is started by hand"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what the tests stand on has to be there"
)]

#[path = "ports/crowd.rs"]
mod crowd;
#[path = "ports/holding.rs"]
mod holding;
#[path = "ports/rules.rs"]
mod rules;
#[path = "ports/stand.rs"]
mod stand;
