//! The platform functions on Windows.

mod access;
mod call;
pub(crate) mod file;
pub(crate) mod host;
mod keys;
pub(crate) mod local;
pub(crate) mod process;
pub(crate) mod program;
pub(crate) mod socket;
pub(crate) mod terminal;
mod wait;
