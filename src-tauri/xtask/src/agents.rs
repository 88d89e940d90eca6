//! `cargo xtask agents`

use std::{fs, process::Command};

use crate::{
    app::Profile,
    error::{Error, at},
    setup::{npm, packages},
    step, workspace,
};

/// The npm packages of the agents, in their newest versions, since most users have these.
const CLIENTS: [&str; 2] = ["@anthropic-ai/claude-code@latest", "@openai/codex@latest"];

/// Drives the MCP server with real clients: `tests/agents/command_lines.py`.
pub(crate) fn run() -> Result<(), Error> {
    let python = packages::ensure_basics()?;
    let folder = workspace::own()?.join("agents");
    fs::create_dir_all(&folder).map_err(at(&folder))?;
    step::run(
        "install Claude Code and Codex",
        npm(&folder)
            .args(["install", "--no-audit", "--no-fund", "--prefix", "."])
            .args(CLIENTS),
    )?;
    let mut drive = Command::new(python);
    drive
        .arg(workspace::root().join("tests/agents/command_lines.py"))
        .arg(Profile::Debug.build_command()?)
        .arg(folder.join("node_modules/.bin"));
    step::show(&mut drive)
}
