//! The platform functions on Linux.

pub(crate) mod file;
pub(crate) mod host;
pub(crate) mod local;
mod proc;
pub(crate) mod process;
pub(crate) mod program;
pub(crate) mod socket;
pub(crate) use super::unix::terminal;
