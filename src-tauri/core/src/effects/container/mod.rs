//! Containers: queries a container engine over its API, and starts containers through it.
//!
//! The engine is Docker, or anything that speaks its API (Podman, Colima, `OrbStack`, Rancher Desktop).

mod compose;
mod endpoint;
mod engine;
mod image;
mod logs;
mod pull;
mod status;
mod volumes;

pub use engine::{Engine, Events};
pub use image::remove_leftover;
pub use logs::follow;
pub use status::{Health, Status};
pub use volumes::Volumes;

use std::{path::Path, sync::Arc};

use tokio::sync::watch;

use crate::{
    env::Env,
    model::{
        container::{ContainerFault, ContainerInfo},
        facts::{Mark, ProbeFaultKind},
    },
    stack::{Container, ContainerSource, Ports, Probe, Service},
};

/// The container of a run, shared by the tasks of the run.
pub type Cell = watch::Sender<Option<Contained>>;

/// The progress of a start or a pull, in words.
pub type Progress = watch::Sender<String>;

/// A container and its engine.
#[derive(Clone, Debug)]
pub struct Contained {
    /// The engine.
    pub engine: Engine,
    /// The container.
    pub info: Arc<ContainerInfo>,
    /// Its latest state; `None` until the engine has reported it.
    pub status: Option<Status>,
}

impl Contained {
    /// Returns the container of a run that an earlier daemon started, if its engine is found.
    #[must_use]
    pub fn adopt(info: &Arc<ContainerInfo>) -> Option<Self> {
        Some(Self {
            engine: Engine::at(&info.engine).ok()?,
            info: info.clone(),
            status: None,
        })
    }

    /// Returns its health, if it has a health check.
    fn health(&self) -> Option<&Health> {
        self.status.as_ref()?.health.as_ref()
    }

    /// Returns the default probe without `ready`: the health check of the image, the port, or that
    /// the container is running.
    #[must_use]
    pub fn default_probe(&self, service: &Service) -> Probe<String> {
        match self.info.main_port(service) {
            _ if self.health().is_some() => Probe::Container,
            Some(port) => Probe::Published(format!("{}:{port}", self.info.host())),
            None => Probe::Process,
        }
    }

    /// Checks its health. A container without a health check passes.
    pub(super) fn probe(cell: Option<&Cell>) -> Result<(), ProbeFaultKind> {
        let Some(cell) = cell else { return Ok(()) };
        let contained = cell.borrow();
        let health = contained.as_ref().and_then(Self::health);
        health.map_or(Ok(()), Health::judge)
    }
}

/// Starts the container of a service and returns its identifier. `environment` is the environment
/// of the service, `declared` the part of it that the stack file declares.
///
/// Takes as long as the engine does, which may pull an image, and reports its progress. Dropping the
/// future cancels a pull and leaves the container as it is.
pub async fn start(
    engine: &Engine,
    service: &Service,
    mark: &Mark,
    (environment, declared): (Env, &[(String, String)]),
    ports: &impl Ports,
    progress: &Progress,
) -> Result<String, ContainerFault> {
    let Some(Container { source, .. }) = service.container.as_deref() else {
        return Err(ContainerFault::Gone);
    };
    let started = match source {
        ContainerSource::Compose { .. } => {
            let directory: &Path = &service.directory;
            compose::start(engine, source, directory, environment, progress).await
        }
        ContainerSource::Image { .. } => {
            image::start(engine, service, source, mark, declared, ports, progress).await
        }
    };
    match started {
        Err(ContainerFault::PortInUse { port, by: None }) => {
            let by = engine.publisher(port).await.ok().flatten().map(Box::new);
            Err(ContainerFault::PortInUse { port, by })
        }
        started => started,
    }
}

/// Checks that the engine of a service responds.
///
/// # Errors
///
/// No engine is found, or it does not respond.
pub async fn answers(service: &Service, variables: &Env) -> Result<(), ContainerFault> {
    Engine::of(service, variables).await?.ping().await
}

/// Pulls the image of a service, if it runs in a container. Dropping the future cancels the pull.
///
/// # Errors
///
/// No engine is found, or it cannot get the image.
pub async fn pull(
    service: &Service,
    variables: &Env,
    progress: &Progress,
) -> Result<(), ContainerFault> {
    let Some(Container { source, .. }) = service.container.as_deref() else {
        return Ok(());
    };
    let engine = Engine::of(service, variables).await?;
    match source {
        ContainerSource::Image { image, .. } => engine.pull(image, progress).await,
        ContainerSource::Compose { .. } => {
            let (directory, variables) = (&service.directory, variables.clone());
            compose::pull(&engine, source, directory, variables, progress).await
        }
    }
}

/// Stops and removes the container that a cancelled start may have created.
pub async fn abort(
    engine: &Engine,
    service: &Service,
    mark: &Mark,
    variables: &Env,
) -> Result<(), ContainerFault> {
    match service.container.as_deref() {
        Some(Container {
            source: source @ ContainerSource::Compose { .. },
            ..
        }) => {
            let variables = variables.clone();
            compose::run(engine, source, &service.directory, variables, &["stop"]).await
        }
        _ => remove_leftover(engine, mark).await,
    }
}
