//! The addresses in the variables of a service, and the lines that set them.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    rc::Rc,
};

use url::Url;

use super::project::Look;
use crate::{
    diagnose::evidence::{Place, PointsAt},
    effects::env,
    env::Env,
    fs::project_file::Reader,
    stack::{Ports as _, Protocol, ServiceName},
};

/// A value and its location.
struct Found {
    value: String,
    place: Option<Place>,
    /// Whether the file was written after the service had started.
    is_newer: bool,
}

/// The files already read. Each is read only once, since a pipe delivers its content only once.
struct Files<'a> {
    reader: &'a Reader,
    read: RefCell<BTreeMap<PathBuf, Option<Rc<str>>>>,
}

impl Files<'_> {
    fn text(&self, file: &Path) -> Option<Rc<str>> {
        let mut read = self.read.borrow_mut();
        let text = read.entry(file.to_owned());
        let text = text.or_insert_with(|| self.reader.text(file).ok().map(Into::into));
        text.clone()
    }
}

/// Returns the variables of `env_points_at`, then every other variable with an address in its value.
pub(super) fn look(it: &Look, reader: &Reader) -> Vec<PointsAt> {
    let files = Files {
        reader,
        read: RefCell::default(),
    };
    let declared = &it.spec.env_points_at;
    let points = declared.iter().map(|(variable, service)| {
        let mut found = find(it, &files, variable);
        if it.stack.slot.is_some()
            && let Some(port) = it.ports.port_of(service)
            && let Some(found) = &mut found
            && let Some(aimed) = env::aimed(&found.value, port)
        {
            found.value = aimed;
        }
        points_at(variable, Some(service.clone()), found)
    });
    let others = names(it, &files).into_iter();
    let others = others
        .filter(|variable| !declared.contains_key(variable) && !is_proxy(variable))
        .filter_map(|variable| {
            let mut found = find(it, &files, &variable)?;
            if let Some(port) = port_beside(&variable) {
                let port = find(it, &files, &port)?.value;
                found.value = format!("{}:{}", found.value.trim(), port.trim());
                return Some(points_at(&variable, None, Some(found)));
            }
            // A host and a port alone may mean anything.
            let is_address = found.value.contains("://") && target(&found.value).is_some();
            is_address.then(|| points_at(&variable, None, Some(found)))
        });
    points.chain(others).collect()
}

fn points_at(variable: &str, service: Option<ServiceName>, found: Option<Found>) -> PointsAt {
    let value = found.as_ref().map_or("", |found| found.value.as_str());
    PointsAt {
        variable: variable.to_owned(),
        service,
        scheme: value
            .split_once("://")
            .map(|(scheme, _)| scheme.trim().to_ascii_lowercase()),
        target: target(value),
        changed_since_start: found.as_ref().is_some_and(|found| found.is_newer),
        place: found.and_then(|found| found.place),
    }
}

/// Returns the variable of the port that belongs to a variable of a host: `DB_PORT` for `DB_HOST`.
fn port_beside(variable: &str) -> Option<String> {
    const SERVERS: [&str; 11] = [
        "DB", "DATABASE", "PG", "POSTGRES", "SQL", "MARIA", "MONGO", "REDIS", "RABBIT", "AMQP",
        "ELASTIC",
    ];
    let server = variable.strip_suffix("HOST")?;
    let is_server = SERVERS.iter().any(|word| server.contains(word));
    is_server.then(|| format!("{server}PORT"))
}

/// Returns the variables that the stack file, the env files and the `.env` files of the folder set,
/// and those of the base whose names mark them as addresses.
fn names(it: &Look, files: &Files<'_>) -> BTreeSet<String> {
    const ENDINGS: [&str; 4] = ["_URL", "_URI", "_DSN", "_ADDR"];
    let given = it.spec.env_files.iter().map(|file| file.path.clone());
    let of_files = given.chain(env::dotenv_files(&it.spec)).filter_map(|file| {
        let text = files.text(&file)?;
        env::understand(text.as_bytes(), &file, &Env::new())
    });
    let names_of = |env: &Env| -> Vec<String> {
        let names = env.iter().filter_map(|(name, _)| name.to_str());
        names.map(str::to_owned).collect()
    };
    let of_base = names_of(&it.variables).into_iter();
    let of_base = of_base.filter(|name| ENDINGS.iter().any(|ending| name.ends_with(ending)));
    it.spec
        .env
        .keys()
        .cloned()
        .chain(of_files.flat_map(|env| names_of(&env)))
        .chain(of_base)
        .collect()
}

/// Returns the variable that sends requests to this machine through a proxy.
pub(super) fn proxy(environment: &Env) -> Option<String> {
    let value = |wanted: &str| {
        let mut all = environment.iter();
        let is_it = |name: &OsStr| name.eq_ignore_ascii_case(wanted);
        let found = all.find(|(name, value)| is_it(name) && !value.is_empty())?;
        Some((found.0.to_str()?, found.1.to_str()?))
    };
    let exempt = value("NO_PROXY").map_or("", |(_, hosts)| hosts);
    let is_exempt = exempt
        .split(',')
        .map(|host| host.trim().trim_start_matches('.'))
        .any(|host| host == "*" || crate::diagnose::is_local(host));
    let set = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];
    let (name, _) = set.into_iter().find_map(value)?;
    (!is_exempt).then(|| name.to_owned())
}

fn is_proxy(variable: &str) -> bool {
    variable.to_ascii_uppercase().ends_with("_PROXY")
}

/// Finds the value of a variable. The environment has priority over the files of the frontend, as
/// in Vite.
fn find(it: &Look, texts: &Files<'_>, variable: &str) -> Option<Found> {
    let spec = &it.spec;
    if let Some(template) = spec.env.get(variable) {
        return Some(Found {
            value: template.render(&spec.name, &*it.ports),
            place: in_stack_file(it, variable),
            is_newer: false,
        });
    }
    let mut files = spec.env_files.iter().rev().map(|file| file.path.as_path());
    if let Some(found) = files.find_map(|file| in_file(it, texts, file, variable)) {
        return Some(found);
    }
    if let Some(value) = it.variables.get(variable) {
        return Some(Found {
            value: value.to_string_lossy().into_owned(),
            place: None,
            is_newer: false,
        });
    }
    let mut files = env::dotenv_files(spec).into_iter();
    files.find_map(|file| in_file(it, texts, &file, variable))
}

fn in_file(it: &Look, texts: &Files<'_>, file: &Path, variable: &str) -> Option<Found> {
    let text = texts.text(file)?;
    let all = env::understand(text.as_bytes(), file, &it.variables)?;
    let line = last_line(&text, variable)?;
    let value = all.get(variable)?;
    let written = fs::metadata(file).and_then(|file| file.modified()).ok();
    let place = Place {
        file: file.to_owned(),
        line,
    };
    Some(Found {
        value: value.to_string_lossy().into_owned(),
        place: Some(place),
        is_newer: written
            .zip(it.started)
            .is_some_and(|(written, started)| written > started),
    })
}

/// Returns the last line that sets a variable, counted from 1.
fn last_line(text: &str, variable: &str) -> Option<usize> {
    let sets = |line: &str| {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        let rest = line.strip_prefix(variable);
        rest.is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().rposition(|line| sets(line)).map(|at| at + 1)
}

/// Returns the line of the stack file that sets a variable of this service.
fn in_stack_file(it: &Look, variable: &str) -> Option<Place> {
    let text = it.stack_text.as_ref()?;
    let header = format!("[service.{}", it.spec.name);
    let mut in_service = false;
    let line = text.lines().position(|line| {
        let line = line.trim_start();
        if line.starts_with('[') {
            in_service = line
                .strip_prefix(&header)
                .is_some_and(|rest| rest.starts_with([']', '.']));
        }
        let sets = line.match_indices(variable).any(|(at, _)| {
            let after = line[at + variable.len()..].trim_start_matches(['"', '\'']);
            let before = line[..at].chars().next_back();
            let is_whole = before.is_none_or(|c| !c.is_alphanumeric() && c != '_');
            is_whole && after.trim_start().starts_with('=')
        });
        in_service && sets && !line.starts_with("env_points_at")
    });
    line.map(|at| Place {
        file: it.stack.file.clone(),
        line: at + 1,
    })
}

/// Returns the host and the port of a URL or of `host:port`.
fn target(value: &str) -> Option<(String, u16)> {
    let value = value.trim();
    if let Ok(url) = Url::parse(value)
        && let Some(host) = url.host_str()
    {
        let port = url.port_or_known_default().or(default_port(url.scheme()))?;
        return Some((host.trim_matches(['[', ']']).to_owned(), port));
    }
    let address = value.strip_prefix("//").unwrap_or(value);
    let address = address.split('/').next()?;
    let (host, port) = address.rsplit_once(':')?;
    let host = host.trim_matches(['[', ']']);
    (!host.is_empty()).then_some((host.to_owned(), port.parse().ok()?))
}

/// Returns the default port of a scheme.
fn default_port(scheme: &str) -> Option<u16> {
    // `postgresql+psycopg` and `mongodb+srv` mean the same servers.
    let (scheme, _) = scheme.split_once('+').unwrap_or((scheme, ""));
    match scheme {
        "redis" => Some(6379),
        "nats" => Some(4222),
        _ => {
            let mut known = Protocol::ALL.into_iter();
            let spoken = known.find(|protocol| protocol.schemes().contains(&scheme));
            spoken.map(Protocol::port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_in_a_value() {
        for (value, expected) in [
            ("http://localhost:8001/api", Some(("localhost", 8001))),
            ("https://api.example.com", Some(("api.example.com", 443))),
            ("ws://127.0.0.1:8001", Some(("127.0.0.1", 8001))),
            ("http://[::1]:8001", Some(("::1", 8001))),
            ("postgres://u:p@127.0.0.1/app", Some(("127.0.0.1", 5432))),
            ("localhost:8001/x", Some(("localhost", 8001))),
            ("//localhost:8001", Some(("localhost", 8001))),
            ("/api", None),
            ("", None),
            ("8001", None),
        ] {
            let expected = expected.map(|(host, port)| (host.to_owned(), port));
            assert_eq!(target(value), expected, "{value}");
        }
    }

    #[test]
    fn the_port_of_a_server_is_beside_its_host() {
        assert_eq!(port_beside("DB_HOST").as_deref(), Some("DB_PORT"));
        assert_eq!(port_beside("PGHOST").as_deref(), Some("PGPORT"));
        assert_eq!(port_beside("REDIS_HOST").as_deref(), Some("REDIS_PORT"));
        assert_eq!(port_beside("HOST"), None);
        assert_eq!(port_beside("VITE_DEV_HOST"), None);
    }

    #[test]
    fn a_proxy_counts_unless_this_machine_is_exempt() {
        let set = |variables: &[(&str, &str)]| {
            let all: Env = variables.iter().copied().collect();
            proxy(&all)
        };
        let http = ("http_proxy", "http://proxy:3128");
        assert_eq!(set(&[http]).as_deref(), Some("http_proxy"));
        assert_eq!(set(&[http, ("NO_PROXY", "example.com, localhost")]), None);
        assert_eq!(set(&[("HTTP_PROXY", "")]), None);
    }

    #[test]
    fn the_last_line_that_sets_a_variable_counts() {
        let text = "# A=0\nA=1\nexport A = 2\nAB=3\n A=4\nB=A=5\n";
        assert_eq!(last_line(text, "A"), Some(5));
        assert_eq!(last_line(text, "AB"), Some(4));
        assert_eq!(last_line(text, "C"), None);
    }
}
