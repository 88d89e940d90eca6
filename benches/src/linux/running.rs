//! Services that a manager runs, in a stage of their own.

use std::{
    fs::{self, OpenOptions},
    process::{Command, Stdio},
    time::Duration,
};

use super::{
    Result,
    clock::{DEADLINE, TimePoint},
    kernel,
    managers::{Manager, Pilotlight},
    service::Service,
    stage::Stage,
    trace::Trace,
};

/// Services of a manager.
pub(crate) struct Running<'a> {
    manager: &'a dyn Manager,
    stage: Stage,
    /// When its command was started.
    pub(crate) began: TimePoint,
    /// When its command returned.
    pub(crate) returned: TimePoint,
    /// The processes of the manager itself.
    daemons: Vec<i32>,
}

impl<'a> Running<'a> {
    /// Configures the manager and runs its command that starts all services. Not all managers wait until
    /// the services run, so callers wait for the trace.
    pub(crate) fn start(
        manager: &'a dyn Manager,
        stage: Stage,
        services: &[Service],
    ) -> Result<Self> {
        manager.configure(&stage, services)?;
        let command = manager.up(&stage)?;
        Self::start_by(command, manager, stage)
    }

    /// Like [`Self::start`], with the command in a shell script, as users and other harnesses run it.
    pub(crate) fn start_by_script(
        manager: &'a dyn Manager,
        stage: Stage,
        services: &[Service],
    ) -> Result<Self> {
        manager.configure(&stage, services)?;
        let inner = manager.up(&stage)?;
        let script = stage.path().join("up.sh");
        fs::write(&script, "#!/bin/sh\n\"$@\"\nexit $?\n")?;
        let mut command = stage.command("sh");
        command.arg(script).arg(inner.get_program());
        command.args(inner.get_args());
        let variables = inner.get_envs();
        command.envs(variables.filter_map(|(name, value)| Some((name, value?))));
        Self::start_by(command, manager, stage)
    }

    fn start_by(command: Command, manager: &'a dyn Manager, stage: Stage) -> Result<Self> {
        let began = TimePoint::now();
        run(&stage, command)?;
        let returned = TimePoint::now();
        let daemons = stage.daemons()?;
        Ok(Self {
            manager,
            stage,
            began,
            returned,
            daemons,
        })
    }

    pub(crate) fn stage(&self) -> &Stage {
        &self.stage
    }

    pub(crate) fn trace(&self) -> &Trace {
        self.stage.trace()
    }

    /// Returns the CPU time that the manager has used.
    pub(crate) fn cpu_time(&self) -> Result<Duration> {
        self.daemons.iter().map(|pid| kernel::cpu_time(*pid)).sum()
    }

    /// Returns the manager's share of memory in MiB.
    pub(crate) fn memory(&self) -> Result<f64> {
        let kib: Result<u64> = self
            .daemons
            .iter()
            .map(|pid| kernel::proportional_memory(*pid))
            .sum();
        Ok(f64::from(u32::try_from(kib?)?) / 1024.0)
    }

    /// Measures `pilotlight status` for these services.
    pub(crate) fn status(&self) -> Result<Duration> {
        let command = Pilotlight.command(&self.stage, &["status"])?;
        let began = TimePoint::now();
        run(&self.stage, command)?;
        Ok(began.elapsed())
    }

    /// Stops all services. Returns the time until the command had returned and no service was left.
    pub(crate) fn down(&self) -> Result<Duration> {
        let began = TimePoint::now();
        self.stop()?;
        self.stage.wait_until_empty()?;
        Ok(began.elapsed())
    }

    /// Runs the command that stops all services.
    pub(crate) fn stop(&self) -> Result {
        run(&self.stage, self.manager.down(&self.stage)?)
    }

    /// Stops the manager with its own command. Processes that remain are killed with the stage.
    pub(crate) fn quit(self) -> Result {
        match self.manager.quit(&self.stage)? {
            Some(command) => run(&self.stage, command),
            None => Ok(()),
        }
    }
}

/// Runs a command until it exits. The error contains its output.
fn run(stage: &Stage, mut command: Command) -> Result {
    let path = stage.path().join("commands.log");
    let log = OpenOptions::new().append(true).create(true).open(&path)?;
    let program = command.get_program().display().to_string();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    let how = if kernel::ends_within(child.id(), DEADLINE)? {
        match child.wait()? {
            status if status.success() => return Ok(()),
            status => status.to_string(),
        }
    } else {
        child.kill()?;
        child.wait()?;
        format!("did not return within {DEADLINE:?}")
    };
    let output = fs::read_to_string(&path).unwrap_or_default();
    Err(format!("{program}: {how}\n{output}").into())
}
