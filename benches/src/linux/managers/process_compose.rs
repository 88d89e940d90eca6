//! process-compose, from the Go module proxy.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Map, Value, json};

use super::{Manager, find};
use crate::linux::{Result, service::Service, stage::Stage};

pub(crate) struct ProcessCompose;

/// Builds the module in its folder: `go install` also needs a list of versions, which not every proxy
/// has.
const BUILD: &str = r#"
folder=$(go mod download -json github.com/f1bonacc1/process-compose@v1.85.0 |
    sed -n 's/.*"Dir": "\(.*\)",/\1/p')
cd "$folder" && go build -o "$0" .
"#;

impl Manager for ProcessCompose {
    fn name(&self) -> &'static str {
        "process-compose"
    }

    fn program(&self) -> Option<PathBuf> {
        find("process-compose/process-compose", "process-compose")
    }

    fn version(&self, stage: &Stage) -> Result<Command> {
        let mut command = self.command(stage)?;
        command.args(["version", "--short"]);
        Ok(command)
    }

    fn install(&self, under: &Path) -> Vec<Command> {
        let mut build = Command::new("sh");
        build
            .args(["-euc", BUILD])
            .arg(under.join("process-compose/process-compose"));
        vec![build]
    }

    fn configure(&self, stage: &Stage, services: &[Service]) -> Result {
        let processes: Map<String, Value> = services
            .iter()
            .map(|service| (service.name.clone(), process(stage, service)))
            .collect();
        // JSON is YAML.
        let file = json!({ "version": "0.5", "is_tui_disabled": true, "processes": processes });
        Ok(fs::write(file_of(stage), file.to_string())?)
    }

    fn up(&self, stage: &Stage) -> Result<Command> {
        let mut command = self.command(stage)?;
        command
            .args(["up", "--detached", "--keep-project", "--ordered-shutdown"])
            .arg("--config")
            .arg(file_of(stage));
        Ok(command)
    }

    /// It exits with its processes.
    fn down(&self, stage: &Stage) -> Result<Command> {
        let mut command = self.command(stage)?;
        command.arg("down");
        Ok(command)
    }

    fn quit(&self, _stage: &Stage) -> Result<Option<Command>> {
        Ok(None)
    }

    fn watches_by_http(&self) -> bool {
        true
    }
}

impl ProcessCompose {
    fn command(&self, stage: &Stage) -> Result<Command> {
        let mut command = stage.command(self.installed()?);
        command
            .env("HOME", stage.path())
            .env("XDG_CONFIG_HOME", stage.path())
            .args(["--use-uds", "--unix-socket"])
            .arg(stage.path().join("s.sock"))
            .arg("--log-file")
            .arg(stage.path().join("process-compose.log"));
        Ok(command)
    }
}

fn process(stage: &Stage, service: &Service) -> Value {
    let mut process = json!({
        "command": service.line(stage),
        "log_location": stage.path().join(format!("{}.log", service.name)),
        "availability": { "restart": "always" },
        "shutdown": { "timeout_seconds": 1 },
    });
    if let Some(port) = service.port.filter(|_| service.http) {
        // It takes periods in whole seconds.
        process["readiness_probe"] = json!({
            "http_get": { "host": "127.0.0.1", "port": port.to_string(), "scheme": "http", "path": "/" },
            "period_seconds": 2,
        });
    }
    if let Some(needed) = &service.needs {
        process["depends_on"] = json!({ needed: { "condition": "process_started" } });
    }
    process
}

fn file_of(stage: &Stage) -> PathBuf {
    stage.path().join("process-compose.yaml")
}
