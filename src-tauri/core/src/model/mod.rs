//! PURE: no tasks, no I/O, no clock. What the services of a stack should do next.
//!
//! [`stack::StackModel::step`] takes what happened and answers what is to be done about it. The
//! supervisor carries that out and brings back what came of it.

pub mod diagnose;
mod diagnosis;
pub mod effect;
pub mod evidence;
pub mod explain;
pub mod facts;
pub mod finding;
pub mod notices;
mod order;
pub mod restart;
pub mod service;
pub mod stack;
pub mod tray;
pub mod view;

#[cfg(test)]
mod tests;
