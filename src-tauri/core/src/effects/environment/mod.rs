//! What a service starts with: its environment, and what it requires.

mod env_file;
mod require;

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs, io,
    path::Path,
};

pub use require::require;

use crate::{
    model::facts::LaunchFault,
    stack::{EnvFile, Ports, Service},
    variables::set,
};

/// The environment of the caller, as [`std::env::vars_os`] gives it.
pub type Base = BTreeMap<OsString, OsString>;

/// What the variables of Pilot Light begin with.
const OWN_PREFIX: &str = "PILOTLIGHT_";
/// The one of them that a person sets, and that a service which itself calls `pilotlight` needs.
const HOME: &str = "PILOTLIGHT_HOME";

/// All variables that `service` starts with. Later ones win:
///
/// 1. `base`, without what an outer keeper has put there;
/// 2. its `env_files` in their order, read now (`env_file.rs` has their syntax);
/// 3. its `env`;
/// 4. where neither the files nor `env` say otherwise, `PORT`, if it has a port, and
///    `PYTHONUNBUFFERED=1`, since Python keeps back what it writes to a file.
///
/// Values are secrets: no error carries one.
pub fn environment(
    service: &Service,
    base: &Base,
    ports: &impl Ports,
) -> Result<Vec<(OsString, OsString)>, LaunchFault> {
    let mut variables: Base = base
        .iter()
        .filter(|(name, _)| !is_of_outer_keeper(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if let Some(port) = ports.port_of(&service.name) {
        set(&mut variables, "PORT", port.to_string().into());
    }
    set(&mut variables, "PYTHONUNBUFFERED", "1".into());
    for file in &service.env_files {
        if let Some(text) = read(file)? {
            env_file::apply(&text, &file.path, &mut variables)?;
        }
    }
    for (name, value) in &service.env {
        let value = value.render(&service.name, ports);
        set(&mut variables, name, value.into());
    }
    Ok(variables.into_iter().collect())
}

/// The variables that a file of variables sets, together with `known`, which it may refer to. `None`
/// if it is not there or cannot be understood.
#[must_use]
pub fn read_file(path: &Path, known: &Base) -> Option<Base> {
    let mut variables = known.clone();
    let text = fs::read(path).ok()?;
    env_file::apply(&text, path, &mut variables).ok()?;
    Some(variables)
}

fn is_of_outer_keeper(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with(OWN_PREFIX) && name != HOME
}

/// The bytes of a file; `None` for one that may be missing and is.
fn read(file: &EnvFile) -> Result<Option<Vec<u8>>, LaunchFault> {
    match fs::read(&file.path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if file.optional {
                return Ok(None);
            }
            Err(LaunchFault::EnvFileMissing {
                path: file.path.clone(),
            })
        }
        Err(error) => Err(LaunchFault::EnvFileInvalid {
            path: file.path.clone(),
            line: None,
            message: error.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests;
