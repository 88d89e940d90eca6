//! Containers that are not started by their engine.

use std::path::Path;

use super::commands;
use crate::{
    model::{
        container::ContainerFault,
        finding::{Action, Code, Finding},
    },
    stack::{ContainerSource, Service},
};

/// How an engine is started, by a part of its address.
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

/// Adds evidence and a remedy to the finding of a container that was not started.
pub(super) fn start(service: &Service, finding: Finding, fault: &ContainerFault) -> Finding {
    match fault {
        ContainerFault::EngineMissing => finding
            .evidence([
                "`docker version` finds no socket of Docker, Podman, Colima, OrbStack or Rancher Desktop",
            ])
            .remedy("install Docker or Podman, or set `DOCKER_HOST`", None),
        ContainerFault::EngineDown { address, message } => {
            let finding = finding.evidence([format!("`docker version`: {address}: {message}")]);
            start_engine(service, finding, address)
        }
        ContainerFault::EngineRemote(host) => finding
            .evidence([format!(
                "`docker context ls` shows {host}, which needs SSH or TLS; that is not supported"
            )])
            .remedy("forward its socket, and set `DOCKER_HOST` to the forwarded one", None),
        ContainerFault::EngineDenied { address } => finding
            .evidence([format!("`docker version`: {address}: permission denied")])
            .remedy(
                "add your user to the group `docker` (`sudo usermod -aG docker $USER`), then log in again",
                None,
            ),
        ContainerFault::ComposeMissing => finding
            .evidence(["tried `docker compose`, `docker-compose` and `podman compose`"])
            .remedy("install the compose plugin of Docker", None),
        ContainerFault::ImageMissing { image, message } => finding.evidence([format!("`docker pull {image}`: {message}")]).remedy(
            "check the name and the tag of the image, and log in to its registry (`docker login`)",
            None,
        ),
        ContainerFault::NameInUse { name } => {
            let command = ["docker", "rm", "--force", name].map(str::to_owned);
            let list = format!("`docker ps --all --filter name={name}` shows it");
            finding.evidence([list]).remedy(
                format!("remove that container: `{}`", command.join(" ")),
                Some(run(service, command.into())),
            )
        }
        ContainerFault::PortInUse { port, .. } => finding.evidence([commands::who_listens(port.number())]).remedy(
            format!("stop it: `pilotlight port {port} --free`"),
            Some(Action::FreePort { port: *port }),
        ),
        ContainerFault::MountMissing { path } => {
            let list = commands::lists(Path::new(path));
            finding
                .evidence([format!("{list} finds nothing")])
                .remedy(format!("create {path}, or fix the volume"), None)
        }
        ContainerFault::Gone | ContainerFault::Refused { .. } => finding
            .evidence([tried(service)])
            .remedy(format!("fix {}", place(service)), None),
    }
}

fn start_engine(service: &Service, finding: Finding, address: &str) -> Finding {
    let known = STARTS.iter().find(|(part, _)| address.contains(part));
    match known {
        Some((_, words)) => {
            let command: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            finding.remedy(
                format!("start it: `{}`", command.join(" ")),
                Some(run(service, command)),
            )
        }
        None => finding.remedy("start it: `sudo systemctl start docker`", None),
    }
}

fn run(service: &Service, command: Vec<String>) -> Action {
    Action::Run {
        service: service.name.clone(),
        command,
        directory: service.directory.clone(),
    }
}

/// Returns the command that shows why it was refused.
fn tried(service: &Service) -> String {
    match service
        .container
        .as_deref()
        .map(|container| &container.source)
    {
        Some(ContainerSource::Compose { service, .. }) => {
            format!("`docker compose up {service}` says the same")
        }
        _ => "`docker ps --all` shows the containers".to_owned(),
    }
}

/// Returns where the user changes the container.
fn place(service: &Service) -> String {
    match service
        .container
        .as_deref()
        .map(|container| &container.source)
    {
        Some(ContainerSource::Compose { service, files, .. }) => match files.first() {
            Some(file) => format!("the service `{service}` in {}", file.display()),
            None => format!("the service `{service}` in the compose file"),
        },
        _ => "`container`".to_owned(),
    }
}
