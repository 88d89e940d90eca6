//! Creates a container from an image, for a service without a compose file.

use std::{path::Path, time::Duration};

use serde_json::{Map, json};
use tokio::time::sleep;

use super::{Engine, Progress};
use crate::{
    host::clock,
    model::{
        container::ContainerFault,
        facts::{Mark, StackId},
    },
    stack::{ContainerSource, Port, Ports, Service, ServiceName},
};

/// The label that contains the stack of a container. Further labels contain the service and the
/// run.
pub(super) const STACK_LABEL: &str = "dev.pilotlight.stack";

/// The time limit for the removal of an earlier container.
const REMOVAL: Duration = Duration::from_secs(10);
/// The pause before the next attempt.
const PAUSE: Duration = Duration::from_millis(50);

/// Creates and starts a container and returns its identifier.
pub(super) async fn start(
    engine: &Engine,
    service: &Service,
    source: &ContainerSource,
    mark: &Mark,
    declared: &[(String, String)],
    ports: &impl Ports,
    progress: &Progress,
) -> Result<String, ContainerFault> {
    let ContainerSource::Image {
        image,
        ports: inside,
        volumes,
        args,
    } = source
    else {
        return Err(ContainerFault::Gone);
    };
    let missing = volumes.iter().find_map(|volume| missing_folder(volume));
    if let Some(path) = missing {
        return Err(ContainerFault::MountMissing { path });
    }
    let name = &service.name;
    // The loopback address of another machine is not reached from here.
    let usual = if engine.is_local() {
        "127.0.0.1"
    } else {
        "0.0.0.0"
    };
    let host = service.host.as_deref().unwrap_or(usual);
    // The first port is the claimed one; the engine chooses the others.
    let first = inside.first().filter(|_| service.port.is_some());
    let outside = |port: &Port| {
        let claimed = ports.port_of(name).filter(|_| Some(port) == first);
        claimed.map_or_else(String::new, |claimed| claimed.to_string())
    };
    let bindings = inside.iter().map(|port| {
        let binding = json!([{ "HostIp": host, "HostPort": outside(port) }]);
        (format!("{port}/tcp"), binding)
    });
    let exposed = inside.iter().map(|port| (format!("{port}/tcp"), json!({})));
    let env = declared
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    let args: Vec<String> = args.iter().map(|word| word.render(name, ports)).collect();
    let mut spec = json!({
        "Image": image,
        "Env": env.collect::<Vec<_>>(),
        "Labels": {
            STACK_LABEL: mark.stack,
            "dev.pilotlight.service": mark.service,
            "dev.pilotlight.run": mark.run.to_string(),
        },
        "ExposedPorts": exposed.collect::<Map<_, _>>(),
        "HostConfig": {
            "PortBindings": bindings.collect::<Map<_, _>>(),
            "Binds": volumes,
            "RestartPolicy": { "Name": "no" },
            // Docker Desktop defines this name itself.
            "ExtraHosts": ["host.docker.internal:host-gateway"],
        },
    });
    if !args.is_empty() {
        spec["Cmd"] = json!(args);
    }
    let name = container_name(&mark.stack, &mark.service);
    let mut pulled = false;
    let began = clock::now().instant;
    let id = loop {
        remove_leftover(engine, mark).await?;
        match engine.create(&name, &spec).await {
            Ok(id) => break id,
            Err(ContainerFault::ImageMissing { .. }) if !pulled => {
                engine.pull(image, progress).await?;
                pulled = true;
            }
            // Another program is removing it.
            Err(ContainerFault::NameInUse { .. }) if began.elapsed() < REMOVAL => {
                sleep(PAUSE).await;
            }
            Err(fault) => return Err(fault),
        }
    };
    engine.start(&id).await?;
    Ok(id)
}

/// Removes the container left by an earlier run of this service, which would hold its port.
pub async fn remove_leftover(engine: &Engine, mark: &Mark) -> Result<(), ContainerFault> {
    let name = container_name(&mark.stack, &mark.service);
    match engine.inspect(&name).await {
        Ok(status) if status.stack.as_deref() == Some(&*mark.stack.0) => {
            engine.remove(&status.info.id).await
        }
        Ok(_) => Err(ContainerFault::NameInUse { name }),
        Err(ContainerFault::Gone) => Ok(()),
        Err(fault) => Err(fault),
    }
}

/// Returns the name of the container of a service.
pub(super) fn container_name(stack: &StackId, service: &ServiceName) -> String {
    format!("pilotlight-{stack}-{service}")
}

/// Returns the folder or file that a volume mounts, if it does not exist: an engine would create a
/// folder owned by root.
fn missing_folder(volume: &str) -> Option<String> {
    let path = volume.rsplit_once(":/").map_or(volume, |(path, _)| path);
    let is_missing = Path::new(path).is_absolute() && !Path::new(path).exists();
    (is_missing && path != volume).then(|| path.to_owned())
}
