//! Pilot Light.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::json;

use super::{Manager, programs};
use crate::linux::{Result, service::Service, stage::Stage};

pub(crate) struct Pilotlight;

impl Manager for Pilotlight {
    fn name(&self) -> &'static str {
        "Pilot Light"
    }

    fn program(&self) -> Option<PathBuf> {
        Some(programs().ok()?.join("pilotlight"))
    }

    fn install(&self, _under: &Path) -> Vec<Command> {
        Vec::new()
    }

    fn configure(&self, stage: &Stage, services: &[Service]) -> Result {
        let mut file = String::from("name = \"bench\"\n");
        for service in services {
            section(&mut file, stage, service)?;
        }
        Ok(fs::write(file_of(stage), file)?)
    }

    fn up(&self, stage: &Stage) -> Result<Command> {
        self.command(stage, &["up", "--detach"])
    }

    fn down(&self, stage: &Stage) -> Result<Command> {
        self.command(stage, &["down"])
    }

    /// A background daemon without stacks exits.
    fn quit(&self, _stage: &Stage) -> Result<Option<Command>> {
        Ok(None)
    }

    fn watches_by_http(&self) -> bool {
        true
    }
}

impl Pilotlight {
    /// Returns a command with the home and the stack file of this stage.
    pub(crate) fn command(&self, stage: &Stage, arguments: &[&str]) -> Result<Command> {
        let mut command = stage.command(self.installed()?);
        command
            .env("PILOTLIGHT_HOME", stage.path().join("home"))
            .arg("--file")
            .arg(file_of(stage))
            .args(arguments);
        Ok(command)
    }
}

fn file_of(stage: &Stage) -> PathBuf {
    stage.path().join("pilotlight.toml")
}

/// Formats a string or a list of strings, which look the same in TOML and JSON.
fn section(file: &mut String, stage: &Stage, service: &Service) -> Result {
    let mut command = vec![stage.program().display().to_string()];
    command.extend(service.words.iter().cloned());
    writeln!(
        file,
        "\n[service.{}]\ncommand = {}",
        service.name,
        json!(command)
    )?;
    writeln!(
        file,
        "restart = \"always\"\nstop = {{ timeout = \"500ms\" }}"
    )?;
    // Pilot Light must not stop a process that has taken a port since it was found free.
    writeln!(file, "port_conflict = \"fail\"")?;
    if let Some(port) = service.port {
        writeln!(file, "port = {port}")?;
    }
    if let Some(needed) = &service.needs {
        writeln!(file, "needs = {}", json!([needed]))?;
    }
    if let Some(url) = service.url() {
        writeln!(file, "ready = {{ http = {} }}", json!(url))?;
    }
    Ok(())
}
