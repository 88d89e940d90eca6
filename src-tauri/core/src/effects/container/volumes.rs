//! The volumes of a service's container, which only a user's explicit request removes.

use super::{Engine, compose, image};
use crate::{
    env::Env,
    model::{container::ContainerFault, facts::StackId},
    stack::{ContainerSource, Service},
};

/// The volumes of a service.
#[derive(Debug)]
pub struct Volumes<'a> {
    service: &'a Service,
    engine: Engine,
    /// Their names.
    pub names: Vec<String>,
}

impl<'a> Volumes<'a> {
    /// Returns the volumes that the container of a service mounts, and those that the stack file names;
    /// `None` for a service without a container.
    ///
    /// # Errors
    ///
    /// The engine cannot be asked.
    pub async fn of(
        stack: &StackId,
        service: &'a Service,
        variables: &Env,
    ) -> Result<Option<Self>, ContainerFault> {
        let Some(container) = service.container.as_deref() else {
            return Ok(None);
        };
        let engine = Engine::of(service, variables).await?;
        let mut names = Vec::new();
        let container = match &container.source {
            source @ ContainerSource::Compose { .. } => {
                let (directory, variables) = (&service.directory, variables.clone());
                compose::find(&engine, source, directory, variables).await?
            }
            ContainerSource::Image { volumes, .. } => {
                let declared = volumes.iter().filter_map(|volume| volume.split(':').next());
                for name in declared.filter(|name| !name.contains(['/', '\\'])) {
                    if engine.has_volume(name).await? {
                        names.push(name.to_owned());
                    }
                }
                Some(image::container_name(stack, &service.name))
            }
        };
        if let Some(container) = container {
            names.extend(engine.mounted(&container).await?);
        }
        names.sort_unstable();
        names.dedup();
        Ok(Some(Self {
            service,
            engine,
            names,
        }))
    }

    /// Removes them, and first the stopped container that compose keeps.
    ///
    /// # Errors
    ///
    /// Another container uses one of them, or the engine cannot be asked.
    pub async fn remove(&self, variables: &Env) -> Result<(), ContainerFault> {
        let container = self.service.container.as_deref();
        if let Some(source @ ContainerSource::Compose { .. }) = container.map(|it| &it.source) {
            let (directory, variables) = (&self.service.directory, variables.clone());
            let words = ["rm", "--stop", "--force"];
            compose::run(&self.engine, source, directory, variables, &words).await?;
        }
        for name in &self.names {
            self.engine.remove_volume(name).await?;
        }
        Ok(())
    }
}
