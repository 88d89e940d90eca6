//! The functions that all Unix systems share.

pub(crate) mod endings;
pub(crate) mod file;
pub(crate) mod host;
pub(crate) mod keys;
pub(crate) mod local;
pub(crate) mod process;
pub(crate) mod program;
pub(crate) mod socket;
pub(crate) mod spawn;
pub(crate) mod terminal;
