//! Installs the requirements of the example and of the tests.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use packages::{Piece, program};

use crate::{
    error::{Error, at},
    workspace,
};

pub(crate) mod desktop;
mod node;
pub(crate) mod packages;
mod python;
mod version;

pub(crate) use node::{npm, npm_ci};
pub(crate) use packages::ensure_chromium as chromium;

/// The results of the set-up.
pub(crate) struct Ready {
    /// The interpreter that has the packages of the example's backend.
    pub(crate) python: PathBuf,
    /// The folder with the packages of the projects on which `init` is tested.
    pub(crate) projects: PathBuf,
}

/// Installs and creates everything that is missing or out of date. Quick if nothing is.
pub(crate) fn everything() -> Result<Ready, Error> {
    let interpreter = packages::ensure_basics()?;
    let backend = workspace::example().join("backend");
    let environment = backend.join(".venv");
    let python = python::ensure(
        Path::new(&interpreter),
        &backend,
        &environment,
        "the example",
    )?;
    npm_ci(&workspace::example().join("frontend"), "the example")?;
    let projects = workspace::own()?.join("projects");
    Ok(Ready { python, projects })
}

/// Also installs the requirements of the tests: servers, and the packages of the projects that `pilotlight init` is
/// tested with.
pub(crate) fn for_tests() -> Result<Ready, Error> {
    let ready = everything()?;
    if env::consts::OS != "windows" {
        packages::ensure(&SERVERS)?;
    }
    if env::consts::OS == "linux" {
        packages::ensure(&ENGINE)?;
    }
    let sources = workspace::root().join("tests/init");
    let environment = ready.projects.join("python");
    python::ensure(&ready.python, &sources, &environment, "the tests")?;
    let (project, folder) = (
        sources.join("projects/express"),
        ready.projects.join("node"),
    );
    fs::create_dir_all(&folder).map_err(at(&folder))?;
    for name in ["package.json", "package-lock.json"] {
        let copy = folder.join(name);
        fs::copy(project.join(name), &copy).map_err(at(&copy))?;
    }
    npm_ci(&folder, "the tests")?;
    Ok(ready)
}

/// The fault lab needs nginx in front of a backend, the tests of `init` need `PostgreSQL` for a project, and the tests
/// of the probes need all databases.
const SERVERS: [Piece; 4] = [
    program("nginx-light", "nginx"),
    program("mariadb-server", "mariadbd"),
    program("rabbitmq-server", "rabbitmq-server"),
    packages::POSTGRESQL,
];

/// The tests of containers start an engine of their own and build their images. Those of the export check its files
/// with the tools that read them.
const ENGINE: [Piece; 5] = [
    program("docker.io", "dockerd"),
    program("iptables", "iptables"),
    program("docker-compose", "docker-compose"),
    program("busybox-static", "busybox"),
    program("systemd", "systemd-analyze"),
];

/// Calls `make`, unless `stamp` records that it was called with the same `ingredients`.
pub(crate) fn once(
    stamp: &Path,
    ingredients: &str,
    make: impl FnOnce() -> Result<(), Error>,
) -> Result<(), Error> {
    if fs::read_to_string(stamp).is_ok_and(|made_from| made_from == ingredients) {
        return Ok(());
    }
    make()?;
    fs::write(stamp, ingredients).map_err(at(stamp))
}
