//! Validates the container of a service.

use std::slice;

use crate::{
    stack::{Container, ContainerSource, Port, ServiceName},
    stack_file::{
        findings::{Read, all},
        forms::TextOr,
        reader::At,
        tables::{ComposeTable, ContainerTable, ServiceTable},
    },
};

use super::{Meaning, port, text::Scope};

impl Meaning<'_, '_> {
    /// Converts `compose` or `container`.
    pub(super) fn container(
        &mut self,
        name: &ServiceName,
        table: &ServiceTable,
    ) -> Read<Option<Box<Container>>> {
        self.exclusive(table, "container", "compose")?;
        let source = match (&table.compose, &table.container) {
            (None, None) => return Ok(None),
            (Some(TextOr::Text(service)), _) => ContainerSource::Compose {
                files: Vec::new(),
                service: self.plain_not_empty(service, "the name of a service")?,
                profiles: Vec::new(),
            },
            (Some(TextOr::Full(compose)), _) => self.compose(name, compose)?,
            (None, Some(container)) => self.image(name, container, port(table))?,
        };
        Ok(Some(Box::new(Container {
            docker_context: self.docker_context.clone(),
            source,
        })))
    }

    fn compose(&mut self, name: &ServiceName, table: &ComposeTable) -> Read<ContainerSource> {
        let files = items(table.file.as_ref()).iter();
        let files = all(files.map(|file| self.path(file, "a file")));
        let profiles = items(table.profile.as_ref()).iter();
        let profiles = all(profiles.map(|profile| self.plain_not_empty(profile, "a profile")));
        let service = self.maybe(table.service.as_ref(), |it, service| {
            it.plain_not_empty(service, "the name of a service")
        });
        Ok(ContainerSource::Compose {
            files: files?,
            service: service?.unwrap_or_else(|| name.to_string()),
            profiles: profiles?,
        })
    }

    fn image(
        &mut self,
        name: &ServiceName,
        table: &ContainerTable,
        port: Option<Port>,
    ) -> Read<ContainerSource> {
        let image = self.plain_not_empty(&table.image, "the name of an image");
        let volumes = table.volumes.iter().flatten();
        let volumes = all(volumes.map(|volume| self.volume(volume)));
        let words = self.maybe(table.args.as_ref(), Self::argv)?;
        let words = words.iter().flatten();
        let args = all(words.map(|word| self.template(word, Scope::of(name))));
        let inside = table.ports.iter().flatten().map(|port| port.0);
        let mut ports: Vec<Port> = inside.collect();
        if ports.is_empty() {
            ports.extend(port);
        }
        Ok(ContainerSource::Image {
            image: image?,
            ports,
            volumes: volumes?,
            args: args?,
        })
    }

    /// Makes a folder in a volume absolute if it begins with a dot, as compose does.
    fn volume(&mut self, volume: &At<String>) -> Read<String> {
        let text = self.plain_not_empty(volume, "a volume")?;
        let (from, rest) = text.split_once(':').unwrap_or((&text, ""));
        if !from.starts_with('.') {
            return Ok(text);
        }
        let from = At::new(from.to_owned(), volume.span.clone());
        let folder = self.path(&from, "a folder")?;
        let plain: std::path::PathBuf = folder.components().collect();
        Ok(format!("{}:{rest}", plain.display()))
    }

    /// Reports keys without an effect on a container.
    pub(super) fn not_for_containers(&mut self, table: &ServiceTable) {
        let reason = "the container engine starts the service";
        self.without_effect(table, &["command", "shell", "keep"], reason);
        if table.compose.is_some() {
            let reason = "the compose file declares the published ports";
            self.without_effect(table, &["host", "port_conflict"], reason);
        }
    }
}

/// Returns the items of a string or a list of them.
pub(super) fn items(form: Option<&TextOr<Vec<At<String>>>>) -> &[At<String>] {
    match form {
        None => &[],
        Some(TextOr::Text(item)) => slice::from_ref(item),
        Some(TextOr::Full(items)) => items,
    }
}
