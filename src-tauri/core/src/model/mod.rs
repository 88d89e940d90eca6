//! PURE: no tasks, no I/O, no clock. What the services of a stack should do next.
//!
//! [`stack::StackModel::step`] takes what happened and answers what is to be done about it. The
//! supervisor carries that out and brings back what came of it.

pub mod effect;
pub mod facts;
pub mod finding;
mod order;
pub mod restart;
pub mod service;
mod situation;
pub mod stack;
pub mod view;

#[cfg(test)]
mod tests;
