//! Reads a project and drafts its stack file: what `pilotlight init` and the window's "Add project folder" do.
#![cfg_attr(not(test), warn(clippy::expect_used))]

pub mod detect;
pub mod draft;
pub mod import;
pub mod project;
pub mod prove;
mod window;

pub use window::{DraftError, draft_for_window};
