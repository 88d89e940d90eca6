//! The arguments of the app.

use std::path::PathBuf;

/// Starts, watches and explains local stacks, from the tray
#[derive(Clone, Debug, Default, clap::Parser)]
#[command(name = "pilot-light", version)]
pub(crate) struct Arguments {
    /// A stack file to add, or a folder in or below a folder with one
    pub(crate) stack: Option<PathBuf>,
    /// Start that stack
    #[arg(long, requires = "stack")]
    pub(crate) start: bool,
    /// Open the window
    #[arg(long)]
    pub(crate) window: bool,
    /// Stay in the tray and start the stacks that are selected to start at login
    #[arg(long, conflicts_with_all = ["stack", "window"])]
    pub(crate) at_login: bool,
}
