//! The core of Pilot Light. `docs/architecture.md` gives an overview.
#![cfg_attr(not(test), warn(clippy::expect_used))]

pub mod app;
pub mod control;
pub mod diagnose;
pub mod effects;
pub mod env;
pub mod example;
pub mod fs;
pub mod host;
pub mod knowledge;
pub mod model;
mod platform;
pub mod stack;
pub mod stack_file;
pub mod state;
pub mod supervisor;
pub mod sync;
