//! What the app is started with.

use std::path::PathBuf;

/// Starts, watches and explains local stacks, from the tray
#[derive(Clone, Debug, Default, clap::Parser)]
#[command(name = "pilot-light", version)]
pub(crate) struct Arguments {
    /// A stack file to know from now on, or a folder in or above which one is
    pub(crate) stack: Option<PathBuf>,
    /// Start that stack
    #[arg(long, requires = "stack")]
    pub(crate) start: bool,
    /// Open the window
    #[arg(long)]
    pub(crate) window: bool,
    /// Stay in the tray, and start the stacks that are chosen for it
    #[arg(long, conflicts_with_all = ["stack", "window"])]
    pub(crate) at_login: bool,
}
