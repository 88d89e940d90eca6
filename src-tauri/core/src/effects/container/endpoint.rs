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
    /// An engine that the `docker` command connects to, by SSH or TLS.
    Proxied {
        /// Its address.
        host: String,
        /// The context with its keys; without one the address is enough.
        context: Option<String>,
    },
}

impl fmt::Display for Endpoint {
    /// Formats it as a value of `DOCKER_HOST`, with the context after it if that has the keys.
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
            Self::Proxied {
                host,
                context: Some(context),
            } => write!(f, "{host}#{context}"),
            Self::Proxied { host, .. } => f.write_str(host),
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
        if variable("DOCKER_TLS_VERIFY").is_some() {
            return Err(ContainerFault::EngineRemote(host));
        }
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
        if host.starts_with("tcp://") && folder_of(&config, "tls", &name).is_dir() {
            let context = Some(name);
            return Ok(Endpoint::Proxied { host, context });
        }
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

/// Returns the folder with the metadata or the keys of a context, whose name is a hash.
fn folder_of(config: &Path, kind: &str, name: &str) -> PathBuf {
    let hash = digest(&SHA256, name.as_bytes());
    let folder = hash.as_ref().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    config.join("contexts").join(kind).join(folder)
}

/// Returns the host in the metadata of a context.
fn host_of(config: &Path, name: &str) -> Option<String> {
    let meta = json(&folder_of(config, "meta", name).join("meta.json"))?;
    Some(meta["Endpoints"]["docker"]["Host"].as_str()?.to_owned())
}

fn json(path: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Parses a value of `DOCKER_HOST`.
pub(super) fn parse(host: &str) -> Result<Endpoint, ContainerFault> {
    if let Some((host, context)) = host.split_once('#') {
        return Ok(Endpoint::Proxied {
            host: host.to_owned(),
            context: Some(context.to_owned()),
        });
    }
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
        Some(("ssh", _)) => Ok(Endpoint::Proxied {
            host: host.to_owned(),
            context: None,
        }),
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
        let proxied = |host: &str, context: Option<&str>| Endpoint::Proxied {
            host: host.to_owned(),
            context: context.map(str::to_owned),
        };
        assert_eq!(find(&remote, None), Ok(proxied("ssh://me@host", None)));
        // A context with keys, as `docker context create --docker host=…,ca=…` stores it.
        let text = r#"{"Name":"desktop","Endpoints":{"docker":{"Host":"tcp://far:2376"}}}"#;
        fs::write(meta.join("meta.json"), text).unwrap();
        fs::create_dir_all(config.join("contexts/tls").join(hash)).unwrap();
        let far = proxied("tcp://far:2376", Some("desktop"));
        assert_eq!(find(&none, None), Ok(far.clone()));
        assert_eq!(parse(&far.to_string()), Ok(far));
        let others = [("DOCKER_HOST", "tcp://far"), ("DOCKER_TLS_VERIFY", "1")];
        let fault = ContainerFault::EngineRemote("tcp://far".to_owned());
        assert_eq!(find(&variables(home.path(), &others), None), Err(fault));
    }
}
