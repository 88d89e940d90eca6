//! Containers, as their engine reports them, and the faults of starting one.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::stack::{Container, ContainerSource, Port, Service};

/// A container that runs a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct ContainerInfo {
    /// Its identifier, 64 hexadecimal digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The name of its image.
    pub image: String,
    /// The address of its engine, as in `DOCKER_HOST`.
    pub engine: String,
    /// Its published ports, ordered by the port inside.
    pub ports: Vec<Published>,
}

/// A port inside a container that is published on this machine.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Published {
    /// The port inside the container.
    pub inside: Port,
    /// The port on this machine.
    pub port: Port,
}

/// Returns the host at which the published ports of an engine are reached: `localhost`, or that of a remote
/// engine, by its address as in `DOCKER_HOST`.
pub(crate) fn host_of_engine(address: &str) -> &str {
    const LOCAL: &str = "localhost";
    let Some(("tcp" | "ssh", rest)) = address.split_once("://") else {
        return LOCAL;
    };
    let authority = rest.split(['/', '#']).next().unwrap_or(rest);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let host = match host.rsplit_once(':') {
        Some((name, port)) if is_port(port) => name,
        _ => host,
    };
    if ["127.0.0.1", "[::1]"].contains(&host) {
        return LOCAL;
    }
    host
}

impl ContainerInfo {
    /// Returns the port on this machine at which a port of the container is published.
    #[must_use]
    pub fn published(&self, inside: Port) -> Option<Port> {
        let published = self.ports.iter().find(|port| port.inside == inside);
        published.map(|published| published.port)
    }

    /// Returns the host at which its published ports are reached.
    #[must_use]
    pub fn host(&self) -> &str {
        host_of_engine(&self.engine)
    }

    /// Returns the port of the service: the declared one if the container publishes it, else the
    /// first published one.
    #[must_use]
    pub fn main_port(&self, service: &Service) -> Option<Port> {
        let inside = match service.container.as_deref() {
            Some(Container {
                source: ContainerSource::Image { ports, .. },
                ..
            }) => ports.first().copied(),
            _ => service.port,
        };
        let is_declared = |port: &&Published| Some(port.port) == service.port;
        let declared = self.ports.iter().find(is_declared);
        declared
            .map(|published| published.port)
            .or_else(|| self.published(inside?))
            .or_else(|| Some(self.ports.first()?.port))
    }
}

/// A container that publishes a port, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publisher {
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The name of its image.
    pub image: String,
    /// Its compose project, and the folder of that.
    pub project: Option<(String, PathBuf)>,
}

impl fmt::Display for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the container {} ({})", self.name, self.image)?;
        if let Some((project, folder)) = &self.project {
            write!(
                f,
                " of the compose project {project} in {}",
                folder.display()
            )?;
        }
        Ok(())
    }
}

/// Why a container was not started: a clause after "cannot start:".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContainerFault {
    /// Neither an engine nor its command was found.
    #[error("no container engine is installed")]
    EngineMissing,
    /// No process accepts connections at the engine's address.
    #[error("the container engine is not running")]
    EngineDown {
        /// The address.
        address: String,
        /// The operating system's error.
        message: String,
    },
    /// The user is not allowed to connect to the engine.
    #[error("this user has no permission to use the container engine")]
    EngineDenied {
        /// The address.
        address: String,
    },
    /// The engine is on another machine, which is not supported.
    #[error("the container engine at {0} is on another machine")]
    EngineRemote(String),
    /// No compose command is installed.
    #[error("no compose command is installed")]
    ComposeMissing,
    /// The engine does not have the image and cannot pull it.
    #[error("the image {image} is not available")]
    ImageMissing {
        /// Its name, if known.
        image: String,
        /// The engine's message.
        message: String,
    },
    /// Another container has the name.
    #[error("another container is named {name}")]
    NameInUse {
        /// The name.
        name: String,
    },
    /// A port that it publishes is in use.
    #[error("port {port} is in use{}", .by.as_ref().map_or_else(String::new, |by| format!(" by {by}")))]
    PortInUse {
        /// The port.
        port: Port,
        /// The container that publishes it; `None` if it is a process.
        by: Option<Box<Publisher>>,
    },
    /// A file or folder that it mounts does not exist.
    #[error("{path} does not exist, which the container mounts")]
    MountMissing {
        /// The path.
        path: String,
    },
    /// The container no longer exists.
    #[error("the container no longer exists")]
    Gone,
    /// Any other error of the engine or the compose command.
    #[error("{message}")]
    Refused {
        /// The last line of the message.
        message: String,
    },
}

impl ContainerFault {
    /// Returns the fault in the output of an engine or a compose command, whose last line is the
    /// most informative. `PortInUse` has no container yet.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let lines: Vec<&str> = lines.collect();
        // The last line of docker-compose 1 only reports that there were errors.
        let says_why = |line: &&&str| {
            line.to_ascii_lowercase().contains("error") && !line.starts_with("Encountered errors")
        };
        let last = lines.iter().rfind(says_why).or_else(|| lines.last());
        let last = last.copied().unwrap_or("no message");
        let whole = text.to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| whole.contains(word));
        if says(&[
            "port is already allocated",
            "address already in use",
            "ports are not available",
        ]) && let Some(port) = port_in(&whole)
        {
            return Self::PortInUse { port, by: None };
        }
        if says(&["the container name"]) && says(&["is already in use"]) {
            let name = between(text, "container name \"", "\"").trim_start_matches('/');
            let name = name.to_owned();
            return Self::NameInUse { name };
        }
        if says(&["bind source path does not exist"]) {
            let path = between(text, "bind source path does not exist: ", "\n").trim();
            let path = path.trim_end_matches(['"', '}']).to_owned();
            return Self::MountMissing { path };
        }
        if says(&[
            "no such image",
            "manifest unknown",
            "manifest for",
            "pull access denied",
            "repository does not exist",
            "failed to resolve reference",
            "no matching manifest",
            "error getting credentials",
            "short-name resolution",
        ]) {
            let image = match between(text, "o such image: ", "\n").trim() {
                "" => between(text, "pull access denied for ", ","),
                image => image,
            };
            return Self::ImageMissing {
                image: image.to_owned(),
                message: last.to_owned(),
            };
        }
        Self::Refused {
            message: last.to_owned(),
        }
    }
}

/// Returns the text between two others; an empty one if it does not contain the first.
fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let rest = text.split_once(before).map_or("", |(_, rest)| rest);
    rest.split_once(after).map_or(rest, |(found, _)| found)
}

/// Returns the port of the first address in a message: `127.0.0.1:5432`, `:::5432`.
fn port_in(text: &str) -> Option<Port> {
    let mut words = text.split(|c: char| c.is_whitespace() || "()'\"".contains(c));
    words.find_map(|word| {
        let (host, rest) = word.trim_end_matches([':', ',', '.']).rsplit_once(':')?;
        let is_host = host.is_empty()
            || host
                .chars()
                .all(|c| c.is_ascii_hexdigit() || ".:[]".contains(c));
        Port::new(rest.parse().ok()?).filter(|_| is_host)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_engines_are_distinguished() {
        let port = |number| ContainerFault::PortInUse {
            port: Port::new(number).unwrap(),
            by: None,
        };
        let cases = [
            (
                "driver failed programming external connectivity on endpoint db (0f1): Bind for 127.0.0.1:5432 failed: port is already allocated",
                port(5432),
            ),
            (
                "Error starting userland proxy: listen tcp4 0.0.0.0:6379: bind: address already in use",
                port(6379),
            ),
            (
                "Conflict. The container name \"/shop-db\" is already in use by container \"f00\". You have to remove (or rename) that container to be able to reuse that name.",
                ContainerFault::NameInUse {
                    name: "shop-db".to_owned(),
                },
            ),
            (
                "No such image: postgres:17",
                ContainerFault::ImageMissing {
                    image: "postgres:17".to_owned(),
                    message: "No such image: postgres:17".to_owned(),
                },
            ),
            (
                "invalid mount config for type \"bind\": bind source path does not exist: /srv/data",
                ContainerFault::MountMissing {
                    path: "/srv/data".to_owned(),
                },
            ),
            (
                "Creating network\nno such service: db\n",
                ContainerFault::Refused {
                    message: "no such service: db".to_owned(),
                },
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(ContainerFault::of_text(text), expected, "{text}");
        }
    }
}
