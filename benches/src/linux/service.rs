//! What the managers are to run.

use std::process::{Command, Stdio};

use super::{Result, stage::Stage};

/// A service, said so that each manager can put it into its own configuration.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    /// The words after the program: see the test service.
    pub(crate) words: Vec<String>,
    pub(crate) port: Option<u16>,
    /// The service that must be ready before.
    pub(crate) needs: Option<String>,
    /// Whether it is asked by HTTP if it is well; otherwise it is enough that it listens, or runs.
    pub(crate) http: bool,
}

impl Service {
    /// Marks its start in the trace of the stage and waits.
    pub(crate) fn new(stage: &Stage, name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            words: vec!["--trace".into(), stage.trace().path().display().to_string()],
            port: None,
            needs: None,
            http: false,
        }
    }

    /// Takes steps of the test service, parted by blanks.
    pub(crate) fn does(mut self, steps: &str) -> Self {
        self.words
            .extend(steps.split_whitespace().map(str::to_owned));
        self
    }

    /// Listens on the port.
    pub(crate) fn listens(mut self, port: u16) -> Self {
        self.port = Some(port);
        self.does(&format!("--listen 127.0.0.1:{port}"))
    }

    /// Starts when the other is ready.
    pub(crate) fn after(mut self, other: Option<&Self>) -> Self {
        self.needs = other.map(|other| other.name.clone());
        self
    }

    /// Is asked by HTTP.
    pub(crate) fn by_http(mut self) -> Self {
        self.http = true;
        self
    }

    /// The address to ask it at.
    pub(crate) fn url(&self) -> Option<String> {
        let port = self.port.filter(|_| self.http)?;
        Some(format!("http://127.0.0.1:{port}/"))
    }

    /// The command with nothing between: its output goes to a file, as with a daemon.
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

    /// The command as one line, for managers that take one: no word of ours holds a blank.
    pub(crate) fn line(&self, stage: &Stage) -> String {
        format!("{} {}", stage.program().display(), self.words.join(" "))
    }
}

/// Services without needs, each listening on a port of its own.
pub(crate) fn independent(stage: &Stage, count: usize) -> Result<Vec<Service>> {
    let ports = super::stage::free_ports(count)?;
    let listening = |(number, port)| Service::new(stage, format!("s{number:04}")).listens(port);
    Ok(ports.into_iter().enumerate().map(listening).collect())
}

/// Services each of which needs the one before, all taking these steps before they listen.
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
