//! How a store is started on this computer: it listens already, its program is installed, a
//! container engine is there, or nobody can.

use super::{Wanted, table::Store};
use crate::{
    detect::listing::{Host, System},
    draft::{
        Because, CommandLine, DraftService, Http, Kind, Needed, Probe, Ready, Said, Stop, plain,
    },
    stack::{Need, PortConflict, Restart},
};

/// The services that a store is: itself, and a job that makes a database in it.
pub(super) struct Started {
    pub(super) services: Vec<DraftService>,
}

/// Where programs keep what the store holds, from the folder of the stack file.
const DATA: &str = ".data";

pub(super) fn start(wanted: &Wanted, name: &str, stack: &str, host: &Host) -> Started {
    let mut service = DraftService::new(name, Kind::Store, wanted.because.clone());
    let port = wanted.port();
    let because = match wanted.address.as_ref().and_then(|address| address.port) {
        Some(_) => wanted.address_because.clone(),
        None => Because::known(format!("the usual port of {}", wanted.store.title)),
    };
    service.port = Some(Said::new(port, because));
    let mut started = Started {
        services: Vec::new(),
    };
    if let Some(who) = listener(wanted.store, host, port) {
        external(
            &mut service,
            wanted,
            &format!("{who} listens on {port} already"),
        );
        started.services.push(service);
        return started;
    }
    let job = match way(wanted.store, host) {
        Way::Program => program(&mut service, wanted),
        Way::Own => own_data(&mut service, wanted),
        Way::Container(engine) if can_be_contained(wanted) => {
            container(&mut service, wanted, engine, &format!("{stack}-{name}"));
            None
        }
        Way::Container(_) | Way::Nobody => {
            let why = if wanted.has_password() {
                "with a login that only you know: start it yourself"
            } else {
                "nothing on this computer can start it: do it yourself"
            };
            external(&mut service, wanted, why);
            None
        }
    };
    started.services.push(service);
    started.services.extend(job);
    started
}

/// Who listens on the port of a store, if it may be the store.
fn listener(store: &Store, host: &Host, port: u16) -> Option<String> {
    let Some(name) = host.listening.get(&port)? else {
        return Some("somebody".to_owned());
    };
    let lower = name.to_ascii_lowercase();
    // A container's port is held by its engine, a forwarded one by ssh or kubectl.
    let mut fits = [
        store.name,
        "docker",
        "podman",
        "rootlessport",
        "slirp",
        "pasta",
        "conmon",
        "containerd",
        "colima",
        "lima",
        "orbstack",
        "wslrelay",
        "com.docke",
        "vpnkit",
        "ssh",
        "kubectl",
    ]
    .into_iter();
    let others: &[&str] = match store.name {
        "redis" => &["valkey", "keydb", "dragonfly"],
        "postgres" => &["postmaster"],
        "mysql" => &["mysqld", "mariadb"],
        "mongodb" => &["mongod"],
        "rabbitmq" => &["beam"],
        "kafka" | "elasticsearch" => &["java"],
        _ => &[],
    };
    let is_it =
        fits.any(|part| lower.contains(part)) || others.iter().any(|part| lower.contains(part));
    is_it.then(|| format!("`{name}`"))
}

enum Way {
    Program,
    Own,
    Container(&'static str),
    Nobody,
}

/// The simplest way that is there. A database wants a folder of its own, so a container is simpler.
fn way(store: &Store, host: &Host) -> Way {
    let has = |program: &str| host.has(program);
    let unix = host.system != System::Windows;
    let engine = host.engine().map(Way::Container);
    match store.name {
        "redis" if has("redis-server") => Way::Program,
        "nats" if has("nats-server") => Way::Program,
        "memcached" if has("memcached") => Way::Program,
        "ollama" if has("ollama") => Way::Program,
        "minio" if has("minio") => Way::Program,
        "postgres" if engine.is_none() && unix && has("postgres") && has("initdb") => Way::Own,
        "mongodb" if engine.is_none() && unix && has("mongod") => Way::Own,
        _ => engine.unwrap_or(Way::Nobody),
    }
}

fn external(service: &mut DraftService, wanted: &Wanted, why: &str) {
    service.external = Some(Because::known(why));
    // With a password, PING is refused; that it listens has to do.
    if wanted.store.name == "redis" && !wanted.has_password() {
        service.ready = Some(ready(Probe::Redis("redis://127.0.0.1:{port}/0".to_owned())));
    }
}

fn ready(probe: Probe) -> Said<Ready> {
    let ready = Ready {
        probes: vec![probe],
        ..Ready::default()
    };
    Said::new(ready, Because::default())
}

/// Its own program, with what it needs.
fn program(service: &mut DraftService, wanted: &Wanted) -> Option<DraftService> {
    let installed = |program: &str| Because::known(format!("`{program}` is installed"));
    let words: &[&str] = match wanted.store.name {
        // In memory only: nothing is left in the folder of the project.
        "redis" => &[
            "redis-server",
            "--port",
            "{port}",
            "--save",
            "",
            "--appendonly",
            "no",
        ],
        "nats" => &["nats-server", "-p", "{port}"],
        "memcached" => &["memcached", "-l", "127.0.0.1", "-p", "{port}"],
        "ollama" => &["ollama", "serve"],
        _ => &[
            "minio",
            "server",
            ".data/minio",
            "--address",
            "127.0.0.1:{port}",
        ],
    };
    let because = installed(words[0]);
    service.command = Some(Said::new(
        CommandLine::words(words.iter().copied()),
        because.clone(),
    ));
    holds_data(service);
    match wanted.store.name {
        "redis" => {
            service.ready = Some(ready(Probe::Redis("redis://127.0.0.1:{port}/0".to_owned())));
        }
        "ollama" => {
            let said = Said::new("127.0.0.1:{port}".to_owned(), because);
            service.env.push(("OLLAMA_HOST".to_owned(), said));
            service.ready = Some(ready(http("/api/version")));
        }
        "minio" => {
            service.ready = Some(ready(http("/minio/health/live")));
            env_files(service, wanted);
        }
        _ => {}
    }
    None
}

fn http(path: &str) -> Probe {
    Probe::Http(Http {
        url: path.to_owned(),
        ..Http::default()
    })
}

/// What somebody else's store holds may be dear: it is never ended for its port.
fn holds_data(service: &mut DraftService) {
    let because = Because::known("what another one holds may be dear");
    service.port_conflict = Some(Said::new(PortConflict::Fail, because));
}

fn env_files(service: &mut DraftService, wanted: &Wanted) {
    for file in &wanted.env_files {
        let because = Because::file(file.clone(), "its login");
        service.env_file.push(Said::new(plain(file), because));
    }
}

/// A database in a folder of the project, made at the first start, where every password is right.
fn own_data(service: &mut DraftService, wanted: &Wanted) -> Option<DraftService> {
    let user = wanted.user().unwrap_or("postgres");
    let folder = format!("{DATA}/{}", service.name);
    let line = if wanted.store.name == "postgres" {
        format!(
            "test -f {folder}/PG_VERSION || initdb -D {folder} -U {user} --auth=trust -E UTF8; \
             exec postgres -D {folder} -p {{port}} -h localhost -k ''"
        )
    } else {
        format!(
            "mkdir -p {folder} && exec mongod --dbpath {folder} --port {{port}} --bind_ip 127.0.0.1"
        )
    };
    let because = Because::known(format!(
        "installed; its data goes to {folder}, which is nothing for git"
    ));
    service.command = Some(Said::new(CommandLine::Shell(line), because));
    holds_data(service);
    if wanted.store.name != "postgres" {
        return None;
    }
    // SIGTERM waits for every client to leave.
    let stop = Stop {
        signal: Some(crate::stack::Signal::Interrupt),
        ..Stop::default()
    };
    service.stop = Some(Said::new(
        stop,
        Because::known("ends its connections first"),
    ));
    let database = wanted.database().filter(|database| *database != user)?;
    let because = Because {
        text: format!("makes the database `{database}`, once"),
        ..wanted.address_because.clone()
    };
    let mut job = DraftService::new(
        format!("{}-database", service.name),
        Kind::Job,
        because.clone(),
    );
    let login = format!("-h localhost -p {{{}.port}} -U {user}", service.name);
    let line = format!("psql {login} -d {database} -c 'select 1' || createdb {login} {database}");
    job.command = Some(Said::new(CommandLine::Shell(line), because));
    job.restart = Some(Said::new(Restart::Never, Because::default()));
    let need = Needed {
        service: service.name.clone(),
        until: Need::Ready,
    };
    job.needs.push(Said::new(need, Because::default()));
    Some(job)
}

/// Whether a container can have the login that the project uses. Some let every password in; others
/// must be told theirs, which is not written into a stack file.
fn can_be_contained(wanted: &Wanted) -> bool {
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

fn container(service: &mut DraftService, wanted: &Wanted, engine: &str, name: &str) {
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
