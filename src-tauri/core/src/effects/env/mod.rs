//! The environment of a service, and the requirements of its start.

mod command;
mod env_file;
pub mod login_shell;
mod pointing;
mod require;

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

pub use command::CommandOutput;
pub use pointing::{aimed, dotenv_files};
pub use require::require;

use crate::{
    env::Env,
    fs::project_file::{Reader, apart},
    model::facts::LaunchFault,
    stack::{EnvFile, Ports, Service},
};

/// The prefix of Pilot Light's own variables.
const OWN_PREFIX: &str = "PILOTLIGHT_";
/// The exception that users set, and that a service which calls `pilotlight` needs.
const HOME: &str = "PILOTLIGHT_HOME";

/// The number of services up to which each service gets the addresses of all: more variables would
/// slow down every process.
const ADDRESSED: usize = 50;

/// Returns the environment of `service`. Later sources win:
///
/// 1. `base`, without the variables of an outer daemon;
/// 2. `PILOTLIGHT_<SERVICE>_PORT` and `_URL` of all services, `PORT` and `PORT_NAME`, if it has such
///    ports, and `PYTHONUNBUFFERED=1`, since Python buffers its output to a file;
/// 3. its `env_files` in their order, read now (`env_file.rs` has their syntax);
/// 4. its `env`;
/// 5. in a slot, the addresses of `env_points_at`.
///
/// The files are read on a separate thread, within `time_limit`. Values are secrets: no error
/// contains one.
///
/// With an `output`, the variables of its `env_command` come after those of its files. The command runs
/// once for each output, which stores the variables that it prints.
pub async fn environment(
    service: &Service,
    base: &Env,
    ports: &impl Ports,
    time_limit: Duration,
    output: Option<&CommandOutput>,
) -> Result<Env, LaunchFault> {
    let files = texts(&service.env_files, time_limit).await?;
    let mut variables = base.clone();
    variables.retain(|name| !is_of_outer_daemon(name));
    let stack = ports.stack();
    if let Some(stack) = stack.filter(|stack| stack.services.len() <= ADDRESSED) {
        for (name, address) in stack.addresses(ports) {
            variables.set(&name, address);
        }
    }
    if let Some(port) = ports.port_of(&service.name) {
        variables.set("PORT", port.to_string());
    }
    for (name, port) in &service.ports {
        let port = ports.named_port(&service.name, name).unwrap_or(*port);
        let name = name.to_uppercase().replace('-', "_");
        variables.set(&format!("PORT_{name}"), port.to_string());
    }
    variables.set("PYTHONUNBUFFERED", "1");
    for (path, text) in &files {
        env_file::apply(text, path, &mut variables)?;
    }
    if let Some(output) = output {
        output.apply(service, ports, &mut variables).await?;
    }
    for (name, value) in &service.env {
        variables.set(name, value.render(&service.name, ports));
    }
    if let Some(stack) = stack.filter(|stack| stack.slot.is_some()) {
        pointing::point(service, stack, ports, &mut variables, time_limit).await;
    }
    Ok(variables)
}

/// Returns the variables that `service` declares in its `env_files` and its `env`, each with its value
/// and the file that sets it. `base` is the environment that the files may refer to.
///
/// # Errors
///
/// An env file cannot be read or parsed.
pub async fn declared(
    service: &Service,
    base: &Env,
    ports: &impl Ports,
    time_limit: Duration,
) -> Result<BTreeMap<String, (String, Option<PathBuf>)>, LaunchFault> {
    let mut declared = BTreeMap::new();
    for (path, text) in texts(&service.env_files, time_limit).await? {
        let mut set = base.clone();
        env_file::apply(&text, &path, &mut set)?;
        for (name, value) in set.iter() {
            let name = name.to_string_lossy();
            if base.get(&name) != Some(value) {
                let value = value.to_string_lossy().into_owned();
                declared.insert(name.into_owned(), (value, Some(path.clone())));
            }
        }
    }
    for (name, value) in &service.env {
        declared.insert(name.clone(), (value.render(&service.name, ports), None));
    }
    Ok(declared)
}

/// Returns the variables that the text of an env file sets, together with `known`, which it may refer
/// to. `None` if the text cannot be parsed.
#[must_use]
pub fn understand(text: &[u8], path: &Path, known: &Env) -> Option<Env> {
    let mut variables = known.clone();
    env_file::apply(text, path, &mut variables).ok()?;
    Some(variables)
}

fn is_of_outer_daemon(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with(OWN_PREFIX) && name != HOME
}

/// Returns the existing files and their bytes.
async fn texts(
    files: &[EnvFile],
    time_limit: Duration,
) -> Result<Vec<(PathBuf, Vec<u8>)>, LaunchFault> {
    let Some(first) = files.first().map(|file| file.path.clone()) else {
        return Ok(Vec::new());
    };
    let files = files.to_vec();
    let reading = apart(time_limit, move |reader| {
        let texts = files.into_iter().map(|file| text(reader, file));
        texts.filter_map(Result::transpose).collect()
    });
    let read = reading.await;
    read.unwrap_or_else(|error| Err(unreadable(first, &error)))
}

/// Returns the content of a file; `None` if it is optional and missing.
fn text(reader: &Reader, file: EnvFile) -> Result<Option<(PathBuf, Vec<u8>)>, LaunchFault> {
    let EnvFile { path, optional } = file;
    match reader.read(&path) {
        Ok(text) => Ok(Some((path, text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound && optional => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(LaunchFault::EnvFileMissing { path })
        }
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn unreadable(path: PathBuf, error: &io::Error) -> LaunchFault {
    LaunchFault::EnvFileInvalid {
        path,
        line: None,
        message: error.to_string(),
    }
}

#[cfg(test)]
mod tests;
