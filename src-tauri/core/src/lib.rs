//! The core of Pilot Light: all that decides and acts. `docs/architecture.md` draws the whole.
#![cfg_attr(not(test), warn(clippy::expect_used))]

pub mod background;
pub mod clock;
pub mod control;
pub mod effects;
mod fingerprint;
pub mod home;
pub mod mask;
pub mod model;
mod native_text;
mod platform;
mod replace;
pub mod set_aside;
pub mod signals;
pub mod stack;
pub mod stack_file;
pub mod state;
pub mod supervisor;
mod variables;
