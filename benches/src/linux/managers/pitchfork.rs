//! pitchfork, from crates.io.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::json;

use super::{Manager, find};
use crate::linux::{Result, service::Service, stage::Stage};

pub(crate) struct Pitchfork;

impl Manager for Pitchfork {
    fn name(&self) -> &'static str {
        "pitchfork"
    }

    fn program(&self) -> Option<PathBuf> {
        find("pitchfork/bin/pitchfork", "pitchfork")
    }

    fn install(&self, under: &Path) -> Vec<Command> {
        let mut cargo = Command::new("cargo");
        cargo
            .args(["install", "--locked", "pitchfork-cli", "--root"])
            .arg(under.join("pitchfork"));
        vec![cargo]
    }

    fn configure(&self, stage: &Stage, services: &[Service]) -> Result {
        let mut file = String::new();
        for service in services {
            let run = json!(service.line(stage));
            writeln!(
                file,
                "\n[daemons.{}]\nrun = {run}\nretry = true",
                service.name
            )?;
            if let Some(needed) = &service.needs {
                writeln!(file, "depends = {}", json!([needed]))?;
            }
            match (service.url(), service.port) {
                (Some(url), _) => writeln!(file, "ready_http = {}", json!(url))?,
                (None, Some(port)) => writeln!(file, "ready_port = {port}")?,
                (None, None) => {}
            }
        }
        Ok(fs::write(stage.path().join("pitchfork.toml"), file)?)
    }

    fn up(&self, stage: &Stage) -> Result<Command> {
        self.command(stage, &["start", "--all"])
    }

    fn down(&self, stage: &Stage) -> Result<Command> {
        self.command(stage, &["stop", "--all"])
    }

    fn quit(&self, stage: &Stage) -> Result<Option<Command>> {
        self.command(stage, &["supervisor", "stop"]).map(Some)
    }

    /// It probes a service only until it is ready.
    fn watches_by_http(&self) -> bool {
        false
    }
}

impl Pitchfork {
    fn command(&self, stage: &Stage, arguments: &[&str]) -> Result<Command> {
        let mut command = stage.command(self.installed()?);
        command
            .env("HOME", stage.path())
            .env("PITCHFORK_STATE_DIR", stage.path().join("state"))
            .env("PITCHFORK_LOGS_DIR", stage.path().join("logs"))
            .args(arguments);
        Ok(command)
    }
}
