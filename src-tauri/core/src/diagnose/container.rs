//! Containers that their engine does not start.

use std::path::Path;

use super::{
    commands,
    evidence::log::{self, Unreachable},
    facts::Seen,
    holder::{Candidate, Level},
};
use crate::{
    knowledge,
    model::{
        container::ContainerFault,
        finding::{Action, Code, Described as _, Finding},
    },
    stack::{ContainerSource, Port, Service},
};

/// The name of this machine inside a container.
pub(super) const HOST: &str = "host.docker.internal";

/// The commands that start an engine, by a part of its address.
const STARTS: [(&str, &[&str]); 7] = [
    (".colima/", &["colima", "start"]),
    (".orbstack/", &["orbctl", "start"]),
    (".rd/", &["rdctl", "start"]),
    (".docker/", &["docker", "desktop", "start"]),
    ("docker_engine", &["docker", "desktop", "start"]),
    ("/run/user/", &["systemctl", "--user", "start", "docker"]),
    ("podman", &["systemctl", "--user", "start", "podman.socket"]),
];

/// Returns the code of a fault.
pub(super) fn code(fault: &ContainerFault) -> Code {
    match fault {
        ContainerFault::EngineMissing => Code::EngineMissing,
        ContainerFault::EngineDown { .. } | ContainerFault::EngineRemote(_) => Code::EngineDown,
        ContainerFault::EngineDenied { .. } => Code::EngineDenied,
        ContainerFault::ComposeMissing => Code::ComposeMissing,
        ContainerFault::ImageMissing { .. } => Code::ImageMissing,
        ContainerFault::NameInUse { .. } => Code::NameInUse,
        ContainerFault::PortInUse { .. } => Code::PortTaken,
        ContainerFault::MountMissing { .. } => Code::MountMissing,
        ContainerFault::Gone | ContainerFault::Refused { .. } => Code::ContainerRefused,
    }
}

/// Adds evidence and a fix to the finding of a container that was not started.
pub(super) fn start(service: &Service, finding: Finding, fault: &ContainerFault) -> Finding {
    let (evidence, remedy) = match fault {
        ContainerFault::EngineMissing => (
            "`docker version` finds no socket of Docker, Podman, Colima, OrbStack or Rancher \
             Desktop"
                .to_owned(),
            "install Docker or Podman, or set `DOCKER_HOST`".to_owned(),
        ),
        ContainerFault::EngineDown { address, message } => (
            format!("`docker version`: {address}: {message}"),
            match starts(address) {
                Some(command) => format!("start it: `{}`", command.join(" ")),
                None => "start it: `sudo systemctl start docker`".to_owned(),
            },
        ),
        ContainerFault::EngineRemote(host) => (
            format!(
                "`printenv DOCKER_HOST DOCKER_TLS_VERIFY` shows {host}, whose keys only a context has"
            ),
            "create a context with its address and keys (`docker context create`), and use it"
                .to_owned(),
        ),
        ContainerFault::EngineDenied { address } => (
            format!("`docker version`: {address}: permission denied"),
            "add your user to the group `docker` (`sudo usermod -aG docker $USER`), then log in \
             again"
                .to_owned(),
        ),
        ContainerFault::ComposeMissing => (
            "tried `docker compose`, `docker-compose` and `podman compose`".to_owned(),
            "install the compose plugin of Docker".to_owned(),
        ),
        ContainerFault::ImageMissing { image, message } => (
            format!("`docker pull {image}`: {message}"),
            "check the name and the tag of the image, and log in to its registry (`docker login`)"
                .to_owned(),
        ),
        ContainerFault::NameInUse { name } => (
            format!("`docker ps --all --filter name={name}` shows it"),
            format!("remove that container: `{}`", removes(name).join(" ")),
        ),
        ContainerFault::PortInUse { port, .. } => (
            commands::who_listens(port.number()),
            format!("stop it: `pilotlight port {port} --free`"),
        ),
        ContainerFault::MountMissing { path } => (
            format!("{} finds nothing", commands::lists(Path::new(path))),
            format!("create {path}, or fix the volume"),
        ),
        ContainerFault::Gone | ContainerFault::Refused { .. } => refused(service),
    };
    // The engine reports most refusals in words of its own.
    let known = match fault {
        ContainerFault::ImageMissing { message, .. } | ContainerFault::Refused { message } => {
            knowledge::known(message).filter(|advice| advice.id != "docker-image-missing")
        }
        _ => None,
    };
    let remedy = known.map_or(remedy, |advice| {
        advice.remedy.replace("{service}", service.name.as_str())
    });
    let run = |command| Action::Run {
        service: service.name.clone(),
        command,
        directory: service.directory.clone(),
    };
    let action = match fault {
        ContainerFault::EngineDown { address, .. } => starts(address).map(run),
        ContainerFault::NameInUse { name } => Some(run(removes(name))),
        ContainerFault::PortInUse { port, .. } => Some(Action::FreePort { port: *port }),
        _ => None,
    };
    finding.evidence([evidence]).remedy(remedy).action(action)
}

/// Returns the candidate for a service that requests its own container, although it means `owner` or another
/// program of this machine.
pub(super) fn own_localhost(
    seen: Seen<'_>,
    owner: Option<Seen<'_>>,
    address: &Unreachable,
) -> Candidate {
    let name = &seen.spec.name;
    let port = address.port.map(Port::number);
    let shown = log::address(&address.host, port);
    let meant = owner.map_or_else(String::new, |owner| format!(", not {}", owner.spec.name));
    let outside = log::address(HOST, port);
    let remedy = match owner.and_then(|owner| owner.spec.container.as_deref()) {
        Some(container) => format!(
            "let it request {outside}, or the host name of the {} if both are in one network",
            container.source
        ),
        None => format!(
            "let it request {outside}; the program there must listen on 0.0.0.0, not on 127.0.0.1"
        ),
    };
    let title = format!(
        "{name} cannot reach {shown}: inside its container, {} is the container itself{meant}",
        address.host
    );
    Candidate::new(name, Code::WrongAddress, Level::Answer)
        .title(title)
        .evidence([seen.is.quote(&address.line)])
        .remedy(remedy + &needs_gateway(seen))
}

/// Returns how the service of a compose file gets the name of this machine; Docker Desktop has it by itself.
pub(super) fn needs_gateway(seen: Seen<'_>) -> String {
    let container = seen.spec.container.as_deref();
    match container.map(|container| &container.source) {
        Some(ContainerSource::Compose { service, .. }) => format!(
            ". On Linux, add `extra_hosts: [\"{HOST}:host-gateway\"]` to {service} in the compose \
             file"
        ),
        _ => String::new(),
    }
}

/// Returns the command that starts the engine at an address.
fn starts(address: &str) -> Option<Vec<String>> {
    let (_, words) = STARTS.iter().find(|(part, _)| address.contains(part))?;
    Some(words.iter().map(ToString::to_string).collect())
}

/// Returns the command that removes a container.
fn removes(name: &str) -> Vec<String> {
    ["docker", "rm", "--force", name].map(str::to_owned).into()
}

/// Returns the command that shows the reason of the error, and the place where the user changes the
/// container.
fn refused(service: &Service) -> (String, String) {
    let container = service.container.as_deref();
    let Some(ContainerSource::Compose { service, files, .. }) = container.map(|it| &it.source)
    else {
        let shown = "`docker ps --all` shows the containers".to_owned();
        return (shown, "fix `container`".to_owned());
    };
    let file = files.first();
    let file = file.map_or_else(
        || "the compose file".to_owned(),
        |file| file.display().to_string(),
    );
    (
        format!("`docker compose up {service}` says the same"),
        format!("fix the service `{service}` in {file}"),
    )
}
