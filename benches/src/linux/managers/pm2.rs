//! pm2, from npm.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use super::{Manager, find};
use crate::linux::{Result, service::Service, stage::Stage};

pub(crate) struct Pm2;

impl Manager for Pm2 {
    fn name(&self) -> &'static str {
        "pm2"
    }

    fn program(&self) -> Option<PathBuf> {
        find("pm2/bin/pm2", "pm2")
    }

    /// Even this starts its daemon.
    fn version(&self, stage: &Stage) -> Result<Command> {
        self.command(stage, &["--version"])
    }

    fn install(&self, under: &Path) -> Vec<Command> {
        let mut npm = Command::new("npm");
        npm.args(["install", "--global", "--no-audit", "--no-fund", "--prefix"])
            .arg(under.join("pm2"))
            .arg("pm2");
        vec![npm]
    }

    /// It has no dependencies between services.
    fn configure(&self, stage: &Stage, services: &[Service]) -> Result {
        let app = |service: &Service| -> Value {
            let log = stage.path().join(format!("{}.log", service.name));
            json!({
                "name": service.name,
                "script": stage.program(),
                "args": service.words,
                "interpreter": "none",
                "exec_mode": "fork",
                "out_file": log,
                "error_file": log,
                "kill_timeout": 500,
            })
        };
        let apps: Vec<_> = services.iter().map(app).collect();
        Ok(fs::write(
            file_of(stage),
            json!({ "apps": apps }).to_string(),
        )?)
    }

    fn up(&self, stage: &Stage) -> Result<Command> {
        let mut command = self.command(stage, &["start"])?;
        command.arg(file_of(stage));
        Ok(command)
    }

    fn down(&self, stage: &Stage) -> Result<Command> {
        self.command(stage, &["stop", "all"])
    }

    fn quit(&self, stage: &Stage) -> Result<Option<Command>> {
        self.command(stage, &["kill"]).map(Some)
    }

    fn watches_by_http(&self) -> bool {
        false
    }
}

impl Pm2 {
    fn command(&self, stage: &Stage, arguments: &[&str]) -> Result<Command> {
        let mut command = stage.command(self.installed()?);
        command
            .env("PM2_HOME", stage.path().join("pm2"))
            .env("PM2_DISABLE_VERSION_CHECK", "true")
            .args(arguments);
        Ok(command)
    }
}

fn file_of(stage: &Stage) -> PathBuf {
    stage.path().join("bench.config.json")
}
