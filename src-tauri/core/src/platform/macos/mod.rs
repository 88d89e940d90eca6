//! The platform functions on macOS.

pub(crate) mod file;
pub(crate) mod host;
pub(crate) mod local;
mod notice;
pub(crate) mod process;
pub(crate) mod program;
pub(crate) mod socket;
pub(crate) use super::unix::terminal;
