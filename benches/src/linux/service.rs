//! The services that the managers run.

use std::process::{Command, Stdio};

use super::{Result, stage::Stage};

/// A service, independent of the configuration of each manager.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    /// The arguments of the test service.
    pub(crate) words: Vec<String>,
    pub(crate) port: Option<u16>,
    /// The service that must be ready first.
    pub(crate) needs: Option<String>,
    /// Whether its health is checked by HTTP. Otherwise it only has to listen or to run.
    pub(crate) http: bool,
}

impl Service {
    /// Creates a service that writes its start to the trace of the stage and waits.
    pub(crate) fn new(stage: &Stage, name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            words: vec!["--trace".into(), stage.trace().path().display().to_string()],
            port: None,
            needs: None,
            http: false,
        }
    }

    /// Adds steps of the test service, separated by spaces.
    pub(crate) fn does(mut self, steps: &str) -> Self {
        self.words
            .extend(steps.split_whitespace().map(str::to_owned));
        self
    }

    /// Makes it listen on the port.
    pub(crate) fn listens(mut self, port: u16) -> Self {
        self.port = Some(port);
        self.does(&format!("--listen 127.0.0.1:{port}"))
    }

    /// Makes it start when the other is ready.
    pub(crate) fn after(mut self, other: Option<&Self>) -> Self {
        self.needs = other.map(|other| other.name.clone());
        self
    }

    /// Checks its health by HTTP.
    pub(crate) fn by_http(mut self) -> Self {
        self.http = true;
        self
    }

    /// Returns the URL of its health check.
    pub(crate) fn url(&self) -> Option<String> {
        let port = self.port.filter(|_| self.http)?;
        Some(format!("http://127.0.0.1:{port}/"))
    }

    /// Returns the command without a manager. Its output goes to a file, as with a daemon.
    pub(crate) fn plain(&self, stage: &Stage) -> Result<Command> {
        let log = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(stage.path().join(format!("{}.log", self.name)))?;
        let mut command = stage.command(stage.program());
        command
            .args(&self.words)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        Ok(command)
    }

    /// Returns the command as one line, for managers that need one. No argument contains a space.
    pub(crate) fn line(&self, stage: &Stage) -> String {
        format!("{} {}", stage.program().display(), self.words.join(" "))
    }
}

/// Returns services without dependencies, each of which listens on its own port.
pub(crate) fn independent(stage: &Stage, count: usize) -> Result<Vec<Service>> {
    let ports = super::stage::free_ports(count)?;
    let listening = |(number, port)| Service::new(stage, format!("s{number:04}")).listens(port);
    Ok(ports.into_iter().enumerate().map(listening).collect())
}

/// Returns services that each need the one before, and run these steps before they listen.
pub(crate) fn chain(stage: &Stage, count: usize, steps: &str) -> Result<Vec<Service>> {
    let mut services: Vec<Service> = Vec::with_capacity(count);
    for (number, port) in super::stage::free_ports(count)?.into_iter().enumerate() {
        let service = Service::new(stage, format!("s{number:04}"))
            .does(steps)
            .listens(port)
            .after(services.last());
        services.push(service);
    }
    Ok(services)
}
