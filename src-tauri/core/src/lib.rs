//! The core of Pilot Light: all that decides and acts. `docs/architecture.md` draws the whole.
#![cfg_attr(not(test), warn(clippy::expect_used))]

pub mod background;
pub mod clock;
pub mod consent;
pub mod control;
pub mod desk;
pub mod diary;
pub mod effects;
mod fingerprint;
pub mod home;
pub mod identity;
pub mod keeping;
mod knowledge;
pub mod mask;
pub mod model;
mod native_text;
pub mod own_variables;
mod platform;
pub mod project_file;
mod replace;
pub mod set_aside;
pub mod settings;
pub mod signals;
pub mod stack;
pub mod stack_file;
pub mod state;
pub mod supervisor;
pub mod unkept;
mod variables;
pub mod window;
