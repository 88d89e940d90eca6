//! The pure model: decides what the services of a stack do next. No tasks, no I/O, no clock.
//!
//! [`stack::StackModel::step`] takes an event and returns effects. The supervisor carries them out
//! and reports their results.

pub mod container;
pub mod documents;
pub mod effect;
pub mod facts;
pub mod finding;
pub mod history;
mod loops;
pub mod memory;
pub(crate) mod order;
pub mod restart;
pub mod service;
mod situation;
pub mod stack;
pub mod view;

#[cfg(test)]
mod tests;
