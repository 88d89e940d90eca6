//! Commands for coding agents.

use clap::Args;

/// Serve coding agents over the Model Context Protocol (standard input and output)
///
/// An MCP client starts this command by itself; `pilotlight mcp install` adds it to the client's
/// configuration. See docs/agents.md.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Mcp {
    #[command(subcommand)]
    pub(crate) command: Option<McpCommand>,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum McpCommand {
    Install(Install),
}

/// Add Pilot Light to the configuration of MCP clients
///
/// Adds one entry and changes nothing else. Shows the lines that it adds, and prints three lines for
/// AGENTS.md.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pilotlight mcp install               all clients found on this machine, for this project
  pilotlight mcp install claude        Claude Code, for this project (.mcp.json)
  pilotlight mcp install codex --user  Codex, for every project of this user")]
pub(crate) struct Install {
    /// claude, cursor, vscode, codex, gemini, windsurf, zed [default: those found on this machine]
    #[arg(value_name = "CLIENT")]
    pub(crate) clients: Vec<String>,
    /// Change the configuration of the user, not of this project
    #[arg(long)]
    pub(crate) user: bool,
    /// Show the lines and write nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
}
