//! `OxMgr`, from crates.io.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::json;

use super::{Manager, find};
use crate::linux::{Result, service::Service, stage::Stage};

pub(crate) struct Oxmgr;

impl Manager for Oxmgr {
    fn name(&self) -> &'static str {
        "oxmgr"
    }

    fn program(&self) -> Option<PathBuf> {
        find("oxmgr/bin/oxmgr", "oxmgr")
    }

    fn install(&self, under: &Path) -> Vec<Command> {
        let mut cargo = Command::new("cargo");
        cargo
            .args(["install", "--locked", "oxmgr", "--root"])
            .arg(under.join("oxmgr"));
        vec![cargo]
    }

    fn configure(&self, stage: &Stage, services: &[Service]) -> Result {
        let mut file = String::from("version = 1\n");
        for service in services {
            writeln!(
                file,
                "\n[[apps]]\nname = {}\ncommand = {}\nrestart_policy = \"always\"",
                json!(service.name),
                json!(service.line(stage)),
            )?;
            if let Some(needed) = &service.needs {
                writeln!(file, "depends_on = {}", json!([needed]))?;
            }
        }
        Ok(fs::write(file_of(stage), file)?)
    }

    fn up(&self, stage: &Stage) -> Result<Command> {
        let mut command = self.command(stage, &["apply"])?;
        command.arg(file_of(stage));
        Ok(command)
    }

    fn down(&self, stage: &Stage) -> Result<Command> {
        self.command(stage, &["stop", "all"])
    }

    fn quit(&self, stage: &Stage) -> Result<Option<Command>> {
        self.command(stage, &["daemon", "stop"]).map(Some)
    }

    /// Its health checks are commands.
    fn watches_by_http(&self) -> bool {
        false
    }
}

impl Oxmgr {
    fn command(&self, stage: &Stage, arguments: &[&str]) -> Result<Command> {
        let mut command = stage.command(self.installed()?);
        command
            .env("OXMGR_HOME", stage.path().join("oxmgr"))
            .args(arguments);
        Ok(command)
    }
}

fn file_of(stage: &Stage) -> PathBuf {
    stage.path().join("oxfile.toml")
}
