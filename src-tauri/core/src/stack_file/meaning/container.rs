//! Validates the container of a service.

use std::slice;

use crate::{
    stack::{Container, ContainerSource, Port, ServiceName},
    stack_file::{
        findings::{Read, all},
        forms::TextOr,
        problem::ProblemKind,
        reader::{At, Whole},
        tables::{ComposeTable, ContainerTable, ServiceTable},
    },
};

use super::{Meaning, port, service::span, text::Scope};

impl Meaning<'_, '_> {
    /// Converts `compose` or `container`.
    pub(super) fn container(
        &mut self,
        name: &ServiceName,
        table: &ServiceTable,
    ) -> Read<Option<Box<Container>>> {
        let source = match (&table.compose, &table.container) {
            (None, None) => return Ok(None),
            (Some(_), Some(other)) => {
                let conflict = ProblemKind::Conflict {
                    first: "container",
                    second: "compose",
                };
                return Err(self.problems.add(other.span.clone(), conflict));
            }
            (Some(compose), None) => match &compose.value {
                TextOr::Text(service) => ContainerSource::Compose {
                    files: Vec::new(),
                    service: self.plain_not_empty(service, "the name of a service")?,
                    profiles: Vec::new(),
                },
                TextOr::Full(compose) => self.compose(name, compose)?,
            },
            (None, Some(container)) => self.image(name, &container.value, port(table))?,
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
        let service = match &table.service {
            Some(service) => self.plain_not_empty(service, "the name of a service"),
            None => Ok(name.to_string()),
        };
        Ok(ContainerSource::Compose {
            files: files?,
            service: service?,
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
        let words = table.args.as_ref().map(|args| self.argv(args));
        let words = words.transpose()?.unwrap_or_default();
        let args = all(words
            .iter()
            .map(|word| self.template(word, Scope::of(name))));
        let inside = table.ports.iter().flatten();
        let inside = inside.filter_map(|Whole(number)| u16::try_from(*number).ok());
        let inside: Vec<Port> = inside.filter_map(Port::new).collect();
        Ok(ContainerSource::Image {
            image: image?,
            ports: if inside.is_empty() {
                port.into_iter().collect()
            } else {
                inside
            },
            volumes: volumes?,
            args: args?,
        })
    }

    /// Makes a folder in a volume absolute, as compose does: one that begins with a dot.
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

    /// Reports keys that have no effect on a container.
    pub(super) fn not_for_containers(&mut self, table: &ServiceTable) {
        const ENGINE: &str = "the container engine starts the service";
        const COMPOSE: &str = "the compose file says which ports are published";
        let is_compose = table.compose.is_some();
        let compose = |span| if is_compose { span } else { None };
        let without_effect = [
            ("command", span(table.command.as_ref()), ENGINE),
            ("shell", span(table.shell.as_ref()), ENGINE),
            ("keep", span(table.keep.as_ref()), ENGINE),
            ("host", compose(span(table.host.as_ref())), COMPOSE),
            (
                "port_conflict",
                compose(span(table.port_conflict.as_ref())),
                COMPOSE,
            ),
        ];
        for (key, span, reason) in without_effect {
            if let Some(span) = span {
                let no_effect = ProblemKind::NoEffect { key, reason };
                self.problems.add(span.clone(), no_effect);
            }
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
