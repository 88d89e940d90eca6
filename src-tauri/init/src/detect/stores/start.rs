//! How a store is started on this computer: it listens already, its program is installed, a
//! container engine is there, or nobody can.

use super::{
    Wanted,
    container::{can_be_contained, container},
    table::Store,
};
use crate::{
    detect::listing::{Host, System},
    draft::{
        Because, CommandLine, DraftService, Http, Kind, Needed, Probe, Ready, Said, Stop, plain,
    },
};
use pilotlight::stack::{Need, PortConflict, Restart};

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

pub(super) fn http(path: &str) -> Probe {
    Probe::Http(Http {
        url: path.to_owned(),
        ..Http::default()
    })
}

/// What somebody else's store holds may be dear: it is never ended for its port.
pub(super) fn holds_data(service: &mut DraftService) {
    let because = Because::known("what another one holds may be dear");
    service.port_conflict = Some(Said::new(PortConflict::Fail, because));
}

pub(super) fn env_files(service: &mut DraftService, wanted: &Wanted) {
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
        signal: Some(pilotlight::stack::Signal::Interrupt),
        ..Stop::default()
    };
    service.stop = Some(Said::new(
        stop,
        Because::known("ends its connections first"),
    ));
    // It listens before it accepts connections, and refuses them until it has read its data.
    let is_ready = ["pg_isready", "-q", "-h", "localhost", "-p", "{port}"];
    let is_ready = Ready {
        every: Some("10s".to_owned()),
        ..ready(Probe::Command(is_ready.map(str::to_owned).to_vec())).value
    };
    service.ready = Some(Said::new(is_ready, Because::default()));
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
