//! The details of a service that the window asks for: its command, probes, checks and variables.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use super::{AppState, FileContent, files};
use crate::{
    app::window::{CheckDetails, ServiceDetails, Variable},
    effects::env,
    fs::{project_file::TIME_LIMIT, redact::redact},
    stack::{CheckAction, Probe, ServiceName},
};

impl AppState {
    /// Returns the details of a service, as its stack file has them now. Secrets are redacted.
    ///
    /// # Errors
    ///
    /// A sentence, if the service is unknown or one of its files cannot be read.
    pub async fn describe(
        &self,
        file: &Path,
        service: &ServiceName,
    ) -> Result<ServiceDetails, String> {
        self.expect_known(file, std::slice::from_ref(service))?;
        let variables = self.0.settled_variables(file).await;
        let (_, stack) = files::stack(file, variables.clone()).await?;
        let service = stack.service(service);
        let service = service.ok_or("the stack file no longer has this service")?;
        let name = &service.name;
        let command = service.command.as_ref();
        let declared = env::declared(service, &variables, &stack, TIME_LIMIT).await;
        let (variables, problem) = match declared {
            Ok(declared) => (declared, None),
            Err(fault) => (BTreeMap::new(), Some(fault)),
        };
        let check = |check: &crate::stack::Check| CheckDetails {
            name: check.name.clone(),
            request: redacted(&of_check(&check.render(name, &stack).action)),
        };
        let probes = service.ready.probes.iter();
        Ok(ServiceDetails {
            command: command.map(|command| redacted(&command.render(name, &stack).to_string())),
            folder: service.directory.display().to_string(),
            probes: probes
                .map(|probe| redacted(&of_probe(&probe.render(name, &stack))))
                .collect(),
            checks: service.checks.iter().map(check).collect(),
            variables: variables
                .into_iter()
                .map(|(name, (value, source))| Variable {
                    value: redacted_value(&name, &value),
                    source: source
                        .and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned())),
                    name,
                })
                .collect(),
            unreadable: problem.map(|_| "An env file cannot be read.".to_owned()),
        })
    }

    /// Returns the paths that the HTTP probes of each service request; see [`Stack::probed_paths`].
    #[must_use]
    pub fn probe_paths(&self, file: &Path) -> BTreeMap<ServiceName, Vec<String>> {
        let stack = {
            let state = self.0.state();
            match state.files.get(file).map(|file| &file.content) {
                Some(FileContent::Valid(stack)) => Arc::clone(stack),
                Some(FileContent::Wrong(_)) | None => return BTreeMap::new(),
            }
        };
        let services = stack.services.iter();
        let paths = services.map(|service| (service.name.clone(), stack.probed_paths(service)));
        paths.filter(|(_, paths)| !paths.is_empty()).collect()
    }
}

fn redacted(text: &str) -> String {
    redact(text).into_owned()
}

/// Redacts a value by the name of its variable, too.
fn redacted_value(name: &str, value: &str) -> String {
    let line = format!("{name}={value}");
    let line = redact(&line);
    let value = line
        .strip_prefix(name)
        .and_then(|rest| rest.strip_prefix('='));
    value.unwrap_or("***").to_owned()
}

fn of_probe(probe: &Probe<String>) -> String {
    match probe {
        Probe::Tcp(address) => format!("TCP connection to {address}"),
        Probe::Http(request) => format!("{} {}", request.method, request.url),
        Probe::Redis(url) => format!("Redis PING to {url}"),
        Probe::Server(protocol, url) => format!("{} client of {url}", protocol.title()),
        Probe::WebSocket(url) => format!("WebSocket handshake with {url}"),
        Probe::Command(command) => format!("`{command}`"),
        Probe::Log(pattern) => format!("a log line that matches `{pattern}`"),
        Probe::Process => "the process is running".to_owned(),
    }
}

fn of_check(action: &CheckAction<String>) -> String {
    match action {
        CheckAction::Http(request) => format!("{} {}", request.method, request.url),
        CheckAction::WebSocket { url, .. } => format!("WebSocket handshake with {url}"),
        CheckAction::Redis(url) => format!("Redis PING and write to {url}"),
        CheckAction::Command(command) => format!("`{command}`"),
    }
}
