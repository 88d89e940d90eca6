//! The table of stores, with how each is recognised and started: `stores.toml`.

use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

use serde::Deserialize;

use crate::{detect::frameworks::Pattern, draft::Probe, import::table};

/// A store.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Store {
    /// The name that its service gets.
    pub(crate) name: String,
    /// As people write it.
    pub(crate) title: String,
    pub(crate) port: u16,
    /// An application uses one of these at a time, whatever drivers it has.
    pub(crate) is_sql: bool,
    /// Words of settings that mean it, with blanks between them.
    pub(super) names: String,
    pub(super) schemes: Vec<String>,
    pub(super) variables: Vec<String>,
    clients: Vec<String>,
    modules: Vec<String>,
    pub(super) connects: Vec<String>,
    images: Vec<String>,
    listeners: Vec<String>,
    install: [String; 3],
    pub(super) server: Option<Server>,
    pub(super) native: Option<Native>,
    pub(super) container: Container,
}

/// The probe that speaks its protocol.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    /// Its key in `ready`.
    pub(super) protocol: String,
    /// The address for a known user, without a password.
    pub(super) login: Option<String>,
    /// The only user that needs no password.
    pub(super) user: Option<String>,
}

/// How its program runs.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Native {
    pub(super) programs: Vec<String>,
    /// Whether its command needs a Unix shell.
    pub(super) unix: bool,
    pub(super) command: Vec<String>,
    pub(super) shell: Option<String>,
    /// Makes the database, as a part of `shell`.
    pub(super) create: String,
    pub(super) env: BTreeMap<String, String>,
    pub(super) stop: Option<pilotlight::stack::Signal>,
    pub(super) ready: Option<Readiness>,
}

/// How it runs in a container.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Container {
    pub(super) image: String,
    pub(super) env: Vec<String>,
    pub(super) arguments: Vec<String>,
    /// Where its data is kept inside.
    pub(super) data: Option<String>,
    pub(super) ready: Option<Readiness>,
}

/// Another probe of its readiness.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Readiness {
    Http(String),
    Log(String),
}

impl Readiness {
    /// Returns the probe.
    pub(super) fn probe(&self) -> Probe {
        match self {
            Self::Log(pattern) => Probe::Log(pattern.clone()),
            Self::Http(path) => Probe::page(path),
        }
    }
}

impl Store {
    /// Whether a program of this name may be it, or forward its port.
    pub(super) fn may_be(&self, program: &str) -> bool {
        /// A container engine holds the ports of its containers; ssh and kubectl hold forwarded ones.
        const FORWARDERS: &str = "docker podman rootlessport slirp pasta conmon containerd colima lima orbstack wslrelay com.docke \
            vpnkit ssh kubectl";
        let lower = program.to_ascii_lowercase();
        let own = self.listeners.iter().map(String::as_str);
        own.chain(FORWARDERS.split(' '))
            .any(|part| lower.contains(part))
    }

    /// Returns the command that installs it on this system.
    pub(super) fn install(&self, system: crate::detect::System) -> Option<String> {
        use crate::detect::System;
        let [apt, brew, winget] = &self.install;
        let (command, package) = match system {
            System::Linux => ("sudo apt install", apt),
            System::MacOs => ("brew install", brew),
            System::Windows => ("winget install", winget),
        };
        (!package.is_empty()).then(|| format!("{command} {package}"))
    }
}

#[derive(Deserialize)]
struct Table {
    patterns: Patterns,
    store: Vec<Store>,
}

/// The patterns of texts that ask for a store.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Patterns {
    pub(super) mention: Pattern,
    pub(super) address: Pattern,
    pub(super) file: Pattern,
    pub(super) named: Pattern,
    pub(super) given: Pattern,
    pub(super) section: Pattern,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| table(include_str!("stores.toml")));
pub(super) static PATTERNS: LazyLock<&Patterns> = LazyLock::new(|| &TABLE.patterns);

/// Returns all stores.
pub(super) fn all() -> &'static [Store] {
    &TABLE.store
}

/// Returns the store that a package talks to.
pub(super) fn of_client(package: &str) -> Option<&'static Store> {
    static BY_CLIENT: LazyLock<HashMap<&str, &Store>> = LazyLock::new(|| {
        let pairs =
            |store: &'static Store| store.clients.iter().map(move |it| (it.as_str(), store));
        all().iter().flat_map(pairs).collect()
    });
    let name = package.to_ascii_lowercase().replace('_', "-");
    BY_CLIENT.get(name.as_str()).copied()
}

/// Returns the store that a Go module talks to.
pub(super) fn of_module(line: &str) -> Option<&'static Store> {
    let line = line.to_ascii_lowercase();
    let has = |module: &String| line.contains(module.as_str());
    all().iter().find(|store| store.modules.iter().any(has))
}

/// Returns the store with this name.
pub(super) fn of_name(name: &str) -> Option<&'static Store> {
    all().iter().find(|store| store.name == name)
}

/// Returns the store whose addresses have this scheme.
pub(super) fn of_scheme(scheme: &str) -> Option<&'static Store> {
    let has = |own: &String| own == scheme;
    all().iter().find(|store| store.schemes.iter().any(has))
}

/// Returns the store that a variable is about, by its name.
pub(super) fn of_variable(name: &str) -> Option<&'static Store> {
    let name = name.to_ascii_uppercase();
    let has = |start: &String| {
        let found = name.find(start.as_str());
        found.is_some_and(|at| at == 0 || name.as_bytes()[at - 1] == b'_')
    };
    all().iter().find(|store| store.variables.iter().any(has))
}

/// Returns the last part of the name of an image: `pgvector` of `docker.io/pgvector/pgvector:pg16`.
pub(crate) fn image_name(image: &str) -> Option<String> {
    let name = image.split('@').next()?.rsplit('/').next()?;
    Some(name.split(':').next()?.to_ascii_lowercase())
}

/// Returns the store of an image.
pub(crate) fn of_image(image: &str) -> Option<&'static Store> {
    let name = image_name(image)?;
    all().iter().find(|store| store.images.contains(&name))
}

/// Returns the store that listens on a port: by its program, or by its usual port.
pub(crate) fn of_listener(port: u16, program: Option<&str>) -> Option<&'static Store> {
    let program = program.map(str::to_ascii_lowercase);
    let has = |part: &String| {
        program
            .as_ref()
            .is_some_and(|it| it.contains(part.as_str()))
    };
    let by_program = all().iter().find(|store| store.listeners.iter().any(has));
    let may_be = |store: &&Store| {
        store.port == port && program.as_ref().is_none_or(|program| store.may_be(program))
    };
    by_program.or_else(|| all().iter().find(may_be))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_are_found_by_every_name_that_they_have() {
        assert_eq!(all().len(), 11);
        let name = |store: Option<&'static Store>| store.map_or("", |store| store.name.as_str());
        assert_eq!(name(of_client("psycopg2_binary")), "postgres");
        assert_eq!(name(of_scheme("pyamqp")), "rabbitmq");
        assert_eq!(name(of_variable("APP_REDIS_HOST")), "redis");
        assert_eq!(
            name(of_image("docker.io/pgvector/pgvector:pg16")),
            "postgres"
        );
        assert_eq!(name(of_image("dpage/pgadmin4")), "");
    }
}
