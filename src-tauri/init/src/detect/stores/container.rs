//! A store in a container.

use super::{
    Wanted,
    start::{env_files, holds_data, http},
};
use crate::draft::{Because, CommandLine, DraftService, Probe, Ready, Said, Stop};

/// Whether a container can have the login that the project uses. Some let every password in; others
/// must be told theirs, which is not written into a stack file.
pub(super) fn can_be_contained(wanted: &Wanted) -> bool {
    match wanted.store.name {
        "postgres" | "minio" | "ollama" | "nats" => true,
        // It tells its clients to come to this port.
        "kafka" => wanted.port() == wanted.store.port,
        "mysql" => !wanted.has_password() && wanted.user().is_none_or(|user| user == "root"),
        // The login that the image has by itself.
        "rabbitmq" => !wanted.has_password() || wanted.user() == Some("guest"),
        _ => !wanted.has_password(),
    }
}

/// What a store is in a container.
struct Image {
    name: &'static str,
    /// The port inside.
    port: u16,
    options: Vec<String>,
    arguments: &'static [&'static str],
    /// Where its data is kept inside.
    data: Option<&'static str>,
    probe: Option<Probe>,
}

pub(super) fn container(service: &mut DraftService, wanted: &Wanted, engine: &str, name: &str) {
    let exec = |words: &[&str]| {
        let words = [engine, "exec", name]
            .into_iter()
            .chain(words.iter().copied());
        Some(Probe::Command(words.map(str::to_owned).collect()))
    };
    let image = image(wanted, exec);
    let mut words: Vec<String> = ["run", "--rm", "--name", name, "-p"]
        .map(str::to_owned)
        .to_vec();
    words.insert(0, engine.to_owned());
    words.push(format!("127.0.0.1:{{port}}:{}", image.port));
    for option in image.options {
        words.extend(["-e".to_owned(), option]);
    }
    if let Some(data) = image.data {
        words.extend(["-v".to_owned(), format!("{name}:{data}")]);
    }
    words.push(image.name.to_owned());
    words.extend(image.arguments.iter().map(|word| (*word).to_owned()));
    let because = Because::known(format!("in a container of {engine}"));
    service.command = Some(Said::new(CommandLine::Words(words), because));
    holds_data(service);
    if wanted.store.name == "minio" {
        env_files(service, wanted);
    }
    // The engine listens before what is in the container does.
    if let Some(probe) = image.probe {
        let is_command = matches!(probe, Probe::Command(_));
        let ready = Ready {
            probes: vec![probe],
            every: is_command.then(|| "10s".to_owned()),
            timeout: is_command.then(|| "10s".to_owned()),
            failures: None,
        };
        service.ready = Some(Said::new(ready, Because::default()));
    }
    let because = Because::known("the image may have to be fetched first");
    service.start_timeout = Some(Said::new("5m".to_owned(), because));
    let stop = Stop {
        command: Some([engine, "stop", name].map(str::to_owned).to_vec()),
        timeout: Some("20s".to_owned()),
        ..Stop::default()
    };
    service.stop = Some(Said::new(stop, Because::default()));
}

fn image(wanted: &Wanted, exec: impl Fn(&[&str]) -> Option<Probe>) -> Image {
    let plain = |name, port, probe| Image {
        name,
        port,
        options: Vec::new(),
        arguments: &[],
        data: None,
        probe,
    };
    let text = |text: &str| text.to_owned();
    let port = wanted.store.port;
    match wanted.store.name {
        "redis" => plain(
            "redis:8",
            port,
            Some(Probe::Redis("redis://127.0.0.1:{port}/0".to_owned())),
        ),
        "postgres" => {
            let user = wanted.user().unwrap_or("postgres");
            let mut options = vec![text("POSTGRES_HOST_AUTH_METHOD=trust")];
            options.push(format!("POSTGRES_USER={user}"));
            options.extend(wanted.database().map(|name| format!("POSTGRES_DB={name}")));
            Image {
                options,
                data: Some("/var/lib/postgresql/data"),
                // Over TCP: while the database is made, it is there on its socket only.
                ..plain(
                    "postgres:17",
                    port,
                    exec(&["pg_isready", "-q", "-h", "127.0.0.1"]),
                )
            }
        }
        "mysql" => {
            let mut options = vec![text("MYSQL_ALLOW_EMPTY_PASSWORD=yes")];
            options.extend(
                wanted
                    .database()
                    .map(|name| format!("MYSQL_DATABASE={name}")),
            );
            Image {
                options,
                data: Some("/var/lib/mysql"),
                ..plain(
                    "mysql:8.4",
                    port,
                    exec(&["mysqladmin", "ping", "-h", "127.0.0.1", "--silent"]),
                )
            }
        }
        "mongodb" => Image {
            data: Some("/data/db"),
            ..plain(
                "mongo:8",
                port,
                exec(&["mongosh", "--quiet", "--eval", "1"]),
            )
        },
        "rabbitmq" => plain(
            "rabbitmq:4",
            port,
            exec(&["rabbitmq-diagnostics", "-q", "check_port_connectivity"]),
        ),
        "kafka" => plain(
            "apache/kafka:4.0.0",
            port,
            Some(Probe::Log("Kafka Server started".to_owned())),
        ),
        "nats" => plain(
            "nats:2",
            port,
            Some(Probe::Log("Server is ready".to_owned())),
        ),
        "elasticsearch" => Image {
            options: vec![
                text("discovery.type=single-node"),
                text("xpack.security.enabled=false"),
            ],
            ..plain("elasticsearch:8.17.0", port, Some(http("/")))
        },
        "minio" => {
            // By name alone, the value comes from the environment.
            let login = ["MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD"].map(str::to_owned);
            Image {
                options: if wanted.env_files.is_empty() {
                    Vec::new()
                } else {
                    login.to_vec()
                },
                arguments: &["server", "/data"],
                data: Some("/data"),
                ..plain("minio/minio", port, Some(http("/minio/health/live")))
            }
        }
        "ollama" => Image {
            data: Some("/root/.ollama"),
            ..plain("ollama/ollama", port, Some(http("/api/version")))
        },
        _ => plain("memcached:1", port, None),
    }
}
