//! Ports: who holds one, how a service gets its own, and who is ended for that.
//!
//! A port is claimed right before a start: bound for a moment, the way the service will. That is a
//! handful of system calls when it is free. Only when it is not is anybody looked for, among the
//! sockets that *listen* alone, and only then do the rules of [`rules`] say whether the holder may
//! be ended.

mod claim;
mod holder;
mod leftover;
mod programs;
mod release;
mod rules;

pub use crate::diagnose::explain::describe_fault;
pub use claim::{ClaimRequest, Ports};
pub use holder::{Hidden, Listeners, holders, listeners};
pub use leftover::Leftovers;
pub use programs::programs_by_port;
pub use release::{Claimant, foresee, free, may_free, verify_free};
pub use rules::{ActiveRuns, Asker, Callers};
