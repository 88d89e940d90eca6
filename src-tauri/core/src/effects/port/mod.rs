//! Ports: finds their holders, claims them for services, and stops holders where allowed.
//!
//! A port is claimed right before a start, by binding it for a moment as the service will. That
//! takes a few system calls if it is free. Otherwise the holder is searched for among the *listening*
//! sockets, and [`rules`] decides whether it may be stopped.

mod claim;
mod holder;
mod leftover;
mod programs;
mod release;
mod rules;

pub use crate::diagnose::explain::describe_fault;
pub use claim::{ClaimRequest, Ports};
pub use holder::{Hidden, Listeners, holders, listeners, processes_of};
pub use leftover::Leftovers;
pub use programs::{RunningProcess, connections, programs_by_port, running};
pub use release::{foresee, free, is_free, may_free, verify_free};
pub use rules::{ActiveRuns, Callers, Requester};
