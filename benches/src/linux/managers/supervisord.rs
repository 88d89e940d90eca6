//! supervisord, from the Python package index.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{Manager, find};
use crate::linux::{Result, service::Service, stage::Stage};

pub(crate) struct Supervisord;

const SETTINGS: &str = "
[supervisord]
logfile=%(here)s/supervisord.log
pidfile=%(here)s/supervisord.pid
childlogdir=%(here)s

[unix_http_server]
file=%(here)s/s.sock

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://%(here)s/s.sock
";

impl Manager for Supervisord {
    fn name(&self) -> &'static str {
        "supervisord"
    }

    fn program(&self) -> Option<PathBuf> {
        find("supervisord/bin/supervisord", "supervisord")
    }

    fn install(&self, under: &Path) -> Vec<Command> {
        let home = under.join("supervisord");
        let mut environment = Command::new("python3");
        environment.args(["-m", "venv"]).arg(&home);
        let mut pip = Command::new(home.join("bin/pip"));
        pip.args(["install", "supervisor"]);
        vec![environment, pip]
    }

    /// It has no dependencies between services.
    fn configure(&self, stage: &Stage, services: &[Service]) -> Result {
        let mut file = SETTINGS.to_owned();
        for service in services {
            writeln!(
                file,
                "\n[program:{}]\ncommand={}\nautorestart=true\nredirect_stderr=true",
                service.name,
                service.line(stage),
            )?;
        }
        Ok(fs::write(file_of(stage), file)?)
    }

    fn up(&self, stage: &Stage) -> Result<Command> {
        let mut command = stage.command(self.installed()?);
        command.arg("-c").arg(file_of(stage));
        Ok(command)
    }

    fn down(&self, stage: &Stage) -> Result<Command> {
        self.control(stage, &["stop", "all"])
    }

    fn quit(&self, stage: &Stage) -> Result<Option<Command>> {
        self.control(stage, &["shutdown"]).map(Some)
    }

    fn watches_by_http(&self) -> bool {
        false
    }
}

impl Supervisord {
    fn control(&self, stage: &Stage, arguments: &[&str]) -> Result<Command> {
        let mut command = stage.command(self.installed()?.with_file_name("supervisorctl"));
        command.arg("-c").arg(file_of(stage)).args(arguments);
        Ok(command)
    }
}

fn file_of(stage: &Stage) -> PathBuf {
    stage.path().join("supervisord.conf")
}
