//! Sets the variables of `env_points_at` of a stack in a slot to the ports of the slot, since an
//! env file in the repository contains those of the stack file.

use std::{path::PathBuf, time::Duration};

use super::{env_file, texts};
use crate::{
    diagnose::is_local,
    env::Env,
    stack::{Command, EnvFile, Port, Ports, Service, Stack, Template},
};

/// Sets each variable that must point at a service to the address of the service. Of a value for
/// this machine, only the port changes; a value for another machine stays.
pub(super) async fn point(
    service: &Service,
    stack: &Stack,
    ports: &impl Ports,
    variables: &mut Env,
    time_limit: Duration,
) {
    let mut from_files = None;
    for (name, target) in &service.env_points_at {
        let Some(port) = ports.port_of(target) else {
            continue;
        };
        let mut value = variables.get(name).map(|value| value.to_string_lossy());
        if value.is_none() {
            if from_files.is_none() {
                from_files = Some(dotenv(service, variables, time_limit).await);
            }
            let files = from_files.as_ref();
            let found = files.and_then(|files| files.get(name));
            value = found.map(|value| value.to_string_lossy());
        }
        let aimed = match value {
            Some(value) => aimed(&value, port),
            None => stack
                .service(target)
                .map(|it| it.address(ports.host_of(target), port)),
        };
        if let Some(aimed) = aimed {
            variables.set(name, aimed);
        }
    }
}

/// Returns the variables of the files that a service reads itself.
async fn dotenv(service: &Service, base: &Env, time_limit: Duration) -> Env {
    let files = dotenv_files(service).into_iter().rev();
    let files = files.map(|path| EnvFile {
        path,
        optional: true,
    });
    let files: Vec<EnvFile> = files.collect();
    let mut variables = base.clone();
    for (path, text) in texts(&files, time_limit).await.unwrap_or_default() {
        // The service itself reports a file that it cannot read.
        let _ = env_file::apply(&text, &path, &mut variables);
    }
    variables
}

/// Returns the address in `value` with another port, if it is one on this machine: a URL,
/// `host:port` or a port number.
#[must_use]
pub fn aimed(value: &str, port: Port) -> Option<String> {
    if value.trim().parse::<u16>().is_ok() {
        return Some(port.to_string());
    }
    let start = value.find("://").map_or(0, |at| at + 3);
    let rest = &value[start..];
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let user = rest[..end].rfind('@').map_or(0, |at| at + 1);
    let authority = &rest[user..end];
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    let host = match authority.rsplit_once(':') {
        Some((host, number)) if is_number(number) => host,
        _ if start > 0 => authority,
        _ => return None,
    };
    let before = &value[..start + user];
    let after = &rest[end..];
    is_local(host.trim_matches(['[', ']'])).then(|| format!("{before}{host}:{port}{after}"))
}

/// Returns the files that Vite reads, the most important first
/// (<https://vite.dev/guide/env-and-mode>). The libraries of other languages read the last one.
#[must_use]
pub fn dotenv_files(service: &Service) -> Vec<PathBuf> {
    let mode = mode(service);
    let names = [
        format!(".env.{mode}.local"),
        format!(".env.{mode}"),
        ".env.local".to_owned(),
        ".env".to_owned(),
    ];
    let folder = &service.directory;
    names.iter().map(|name| folder.join(name)).collect()
}

/// Returns `--mode`, or the default of Vite's commands.
fn mode(service: &Service) -> String {
    let words: Vec<String> = match &service.command {
        None => Vec::new(),
        Some(Command::Argv(words)) => words.iter().map(Template::to_string).collect(),
        Some(Command::Shell(line)) => {
            let line = line.to_string();
            line.split_whitespace().map(str::to_owned).collect()
        }
    };
    let named = words.iter().enumerate().find_map(|(at, word)| {
        if word == "--mode" || word == "-m" {
            return words.get(at + 1).cloned();
        }
        word.strip_prefix("--mode=").map(str::to_owned)
    });
    let builds = |word: &String| matches!(word.as_str(), "build" | "preview");
    named.unwrap_or_else(|| {
        let builds = words.iter().any(builds);
        if builds { "production" } else { "development" }.to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_on_this_machine_gets_the_port_and_keeps_the_rest() {
        for (value, expected) in [
            ("http://localhost:8001", Some("http://localhost:20011")),
            (
                "http://localhost:8001/api?x=1#y",
                Some("http://localhost:20011/api?x=1#y"),
            ),
            (
                "redis://:p@ss@127.0.0.1:6379/0",
                Some("redis://:p@ss@127.0.0.1:20011/0"),
            ),
            (
                "postgres://u:p@localhost/app",
                Some("postgres://u:p@localhost:20011/app"),
            ),
            ("http://[::1]:8001", Some("http://[::1]:20011")),
            ("localhost:8001/x", Some("localhost:20011/x")),
            ("8001", Some("20011")),
            ("https://api.example.com", None),
            ("localhost", None),
            ("/api", None),
        ] {
            let aimed = aimed(value, Port::new(20011).unwrap());
            assert_eq!(aimed.as_deref(), expected, "{value}");
        }
    }
}
