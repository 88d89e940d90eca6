//! Finds the engine in the order of the `docker` command: a context of the stack file,
//! `DOCKER_HOST`, `DOCKER_CONTEXT`, the current context, the default addresses.

use std::{
    fmt,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use ring::digest::{SHA256, digest};
use serde_json::Value;

use crate::{env::Env, model::container::ContainerFault, platform::local};

/// The address of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// A Unix socket or a named pipe.
    Local(PathBuf),
    /// A host and a port, without encryption.
    Tcp(String),
}

impl fmt::Display for Endpoint {
    /// Formats it as a value of `DOCKER_HOST`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => {
                let path = path.to_string_lossy().replace('\\', "/");
                let scheme = if path.starts_with("//") {
                    "npipe"
                } else {
                    "unix"
                };
                write!(f, "{scheme}://{path}")
            }
            Self::Tcp(authority) => write!(f, "tcp://{authority}"),
        }
    }
}

/// Returns the address of the engine for the user with these variables. Reads small files of the user.
pub(super) fn find(variables: &Env, context: Option<&str>) -> Result<Endpoint, ContainerFault> {
    let variable = |name: &str| {
        let value = variables.get(name)?.to_str()?;
        (!value.is_empty()).then(|| value.to_owned())
    };
    let home = variable("HOME")
        .map(PathBuf::from)
        .or_else(std::env::home_dir);
    let home = home.unwrap_or_default();
    if context.is_none()
        && let Some(host) = variable("DOCKER_HOST")
    {
        return parse(&host);
    }
    let config = variable("DOCKER_CONFIG").map(PathBuf::from);
    let config = config.unwrap_or_else(|| home.join(".docker"));
    let current = || {
        json(&config.join("config.json"))?["currentContext"]
            .as_str()
            .map(str::to_owned)
    };
    let context = context
        .map(str::to_owned)
        .or_else(|| variable("DOCKER_CONTEXT"))
        .or_else(current);
    if let Some(name) = context.filter(|name| name != "default") {
        let host = host_of(&config, &name).ok_or_else(|| ContainerFault::Refused {
            message: format!("no docker context named `{name}`"),
        })?;
        return parse(&host);
    }
    let runtime = variable("XDG_RUNTIME_DIR").map(PathBuf::from);
    let addresses = local::engine_addresses(&home, runtime.as_deref());
    let exists = |address: &&PathBuf| address.try_exists().unwrap_or(true);
    let found = addresses.iter().find(exists);
    found
        .cloned()
        .map(Endpoint::Local)
        .ok_or(ContainerFault::EngineMissing)
}

/// Returns the host in the metadata of a context, whose folder is named by a hash.
fn host_of(config: &Path, name: &str) -> Option<String> {
    let hash = digest(&SHA256, name.as_bytes());
    let folder = hash.as_ref().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let meta = json(&config.join("contexts/meta").join(folder).join("meta.json"))?;
    Some(meta["Endpoints"]["docker"]["Host"].as_str()?.to_owned())
}

fn json(path: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Parses a value of `DOCKER_HOST`.
pub(super) fn parse(host: &str) -> Result<Endpoint, ContainerFault> {
    match host.split_once("://") {
        Some(("unix", path)) => Ok(Endpoint::Local(PathBuf::from(path))),
        Some(("npipe", path)) => Ok(Endpoint::Local(PathBuf::from(path.replace('/', "\\")))),
        Some(("tcp" | "http", authority)) => {
            let authority = authority.trim_end_matches('/');
            let has_port = authority
                .rsplit_once(':')
                .is_some_and(|(_, port)| !port.ends_with(']'));
            let default = if has_port { "" } else { ":2375" };
            Ok(Endpoint::Tcp(format!("{authority}{default}")))
        }
        _ => Err(ContainerFault::EngineRemote(host.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(home: &Path, others: &[(&str, &str)]) -> Env {
        let mut variables = Env::new();
        variables.set("HOME", home.to_owned());
        for (name, value) in others {
            variables.set(name, *value);
        }
        variables
    }

    #[test]
    fn an_engine_is_found_in_the_order_of_the_docker_command() {
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join(".docker");
        // printf desktop | sha256sum
        let hash = "68693d02ab4fbb2331b8cc39915322e48e61f06d4d1b31e7d19913202857bc8a";
        let meta = config.join("contexts/meta").join(hash);
        fs::create_dir_all(&meta).unwrap();
        fs::write(
            config.join("config.json"),
            r#"{"currentContext":"desktop"}"#,
        )
        .unwrap();
        let text =
            r#"{"Name":"desktop","Endpoints":{"docker":{"Host":"unix:///run/desktop.sock"}}}"#;
        fs::write(meta.join("meta.json"), text).unwrap();
        let local = |path: &str| Ok(Endpoint::Local(PathBuf::from(path)));

        let none = variables(home.path(), &[]);
        assert_eq!(find(&none, None), local("/run/desktop.sock"));
        let host = variables(home.path(), &[("DOCKER_HOST", "unix:///run/host.sock")]);
        assert_eq!(find(&host, None), local("/run/host.sock"));
        assert_eq!(find(&host, Some("desktop")), local("/run/desktop.sock"));
        let tcp = variables(home.path(), &[("DOCKER_HOST", "tcp://10.0.0.7")]);
        assert_eq!(
            find(&tcp, None),
            Ok(Endpoint::Tcp("10.0.0.7:2375".to_owned()))
        );
        let unknown = find(&none, Some("other")).unwrap_err().to_string();
        assert_eq!(unknown, "no docker context named `other`");
        let remote = variables(home.path(), &[("DOCKER_HOST", "ssh://me@host")]);
        let fault = ContainerFault::EngineRemote("ssh://me@host".to_owned());
        assert_eq!(find(&remote, None), Err(fault));
    }
}
