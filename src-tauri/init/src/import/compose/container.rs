//! A service that is only an image: `docker run` in the foreground.

use super::{
    Project, env_files, environment,
    health::{self, Inside},
    hosts::From,
    ports::ports,
    words,
};
use crate::{
    detect::join,
    draft::{Because, CommandLine, DraftService, Kind, Needed, Probe, Ready, Said, Stop, plain},
    import::{page::Page, text::Text, tree::Node, units},
};
use pilotlight::stack::Need;

/// An engine gives a container ten seconds to stop.
const STOPPING: &str = "15s";
/// An image may have to be fetched first.
const STARTING: &str = "10m";

/// What images are known for.
struct Image {
    /// What stands in the last part of its name.
    names: &'static [&'static str],
    port: u16,
    /// The programs that serve the same without a container.
    programs: &'static [&'static str],
    probe: Known,
}

enum Known {
    Redis,
    Http(&'static str),
    /// Run in the container.
    Command(&'static [&'static str]),
    Port,
}

const IMAGES: [Image; 14] = [
    Image {
        names: &["redis", "valkey", "keydb", "dragonfly", "redis-stack"],
        port: 6379,
        programs: &["redis-server", "valkey-server"],
        probe: Known::Redis,
    },
    Image {
        names: &[
            "postgres",
            "postgresql",
            "postgis",
            "pgvector",
            "timescaledb",
        ],
        port: 5432,
        programs: &["postgres"],
        // By TCP: while the image sets up its data, it serves a Unix socket only.
        probe: Known::Command(&["pg_isready", "-h", "127.0.0.1"]),
    },
    Image {
        names: &["mysql"],
        port: 3306,
        programs: &["mysqld"],
        probe: Known::Command(&["mysqladmin", "ping", "-h", "127.0.0.1"]),
    },
    Image {
        names: &["mariadb"],
        port: 3306,
        programs: &["mariadbd", "mysqld"],
        probe: Known::Command(&["mariadb-admin", "ping", "-h", "127.0.0.1"]),
    },
    Image {
        names: &["mongo", "mongodb"],
        port: 27017,
        programs: &["mongod"],
        probe: Known::Command(&["mongosh", "--quiet", "--eval", "db.runCommand('ping').ok"]),
    },
    Image {
        names: &["rabbitmq"],
        port: 5672,
        programs: &["beam.smp"],
        probe: Known::Command(&["rabbitmq-diagnostics", "-q", "ping"]),
    },
    Image {
        names: &["elasticsearch", "opensearch"],
        port: 9200,
        programs: &["java"],
        probe: Known::Http("/"),
    },
    Image {
        names: &["minio"],
        port: 9000,
        programs: &["minio"],
        probe: Known::Http("/minio/health/live"),
    },
    Image {
        names: &["ollama"],
        port: 11434,
        programs: &["ollama"],
        probe: Known::Http("/"),
    },
    Image {
        names: &["nats"],
        port: 4222,
        programs: &["nats-server"],
        probe: Known::Port,
    },
    Image {
        names: &["kafka", "cp-kafka", "redpanda"],
        port: 9092,
        programs: &["java", "redpanda"],
        probe: Known::Port,
    },
    Image {
        names: &["memcached"],
        port: 11211,
        programs: &["memcached"],
        probe: Known::Port,
    },
    Image {
        names: &["nginx", "httpd", "caddy"],
        port: 80,
        programs: &["nginx", "httpd", "caddy"],
        probe: Known::Port,
    },
    Image {
        names: &["mailhog", "mailpit"],
        port: 8025,
        programs: &["mailpit"],
        probe: Known::Http("/"),
    },
];

/// Of the name of an image: `pgvector` of `docker.io/pgvector/pgvector:pg16`.
fn known(node: &Node) -> Option<&'static Image> {
    let image = Text::interpolated(node.get("image")?.text()?).likely();
    let image = image.split('@').next()?;
    let last = image.rsplit('/').next()?;
    let name = last.split(':').next()?;
    IMAGES.iter().find(|it| it.names.contains(&name))
}

/// The port that an image is known to listen on.
pub(super) fn known_port(node: &Node) -> Option<u16> {
    if node.get("build").is_some() {
        return None;
    }
    known(node).map(|image| image.port)
}

pub(super) fn fill(
    service: &mut DraftService,
    node: &Node,
    project: &Project<'_>,
    page: &mut Page,
) {
    let image = known(node);
    let has_data = image.is_some_and(|image| !matches!(image.port, 80));
    service.kind = if has_data { Kind::Store } else { Kind::Backend };
    let published = ports(node, &project.known);
    let main = published.iter().find(|port| port.is_one());
    let line = node.get("image").map_or(node.line, |node| node.line);
    let because = page.because(
        line,
        format!(
            "the image {}",
            node.get("image").map_or_else(String::new, Node::shown)
        ),
    );
    service.port = match main {
        Some(port) => port
            .outside
            .map(|outside| page.because(port.line, "ports").says(outside)),
        None => project.hosts.only_port(&service.name).map(|port| {
            let text = "the port of the image, which only its network sees in compose";
            Said::new(port, page.because(line, text))
        }),
    };
    let here = &project.listing.host;
    let listener = service
        .port
        .as_ref()
        .and_then(|port| here.listening.get(&port.value));
    let serves_already = image.is_some_and(|image| {
        let name = listener.and_then(Option::as_deref);
        name.is_some_and(|name| image.programs.contains(&name))
    });
    let Some(engine) = here.engine().filter(|_| !serves_already) else {
        let why = if serves_already {
            "it listens already, outside of a container"
        } else {
            "an image, and no container engine answers here: start it yourself"
        };
        external(service, image, &because, why);
        return;
    };
    let name = node
        .get("container_name")
        .and_then(Node::scalar)
        .unwrap_or_else(|| format!("{}-{}", project.name, service.name));
    variables(service, node, project, page, From::Container);
    let mut run: Vec<String> = ["run", "--rm", "--name", &name].map(str::to_owned).to_vec();
    run.insert(0, engine.to_owned());
    publish(&mut run, node, project, main.map(|port| port.line));
    if service
        .env
        .iter()
        .any(|(_, said)| said.value.contains("host.docker.internal"))
    {
        run.push("--add-host=host.docker.internal:host-gateway".to_owned());
    }
    for (_, name, _) in environment(node) {
        run.extend(["-e".to_owned(), plain(&name)]);
    }
    for file in env_files(node, page) {
        run.extend([
            "--env-file".to_owned(),
            file.value.trim_end_matches('?').to_owned(),
        ]);
        service.env_file.push(file);
    }
    mounts(&mut run, node, project, page);
    options(&mut run, node);
    let fill = |text: &str| {
        Text::interpolated(text)
            .knowing(&project.known)
            .in_stack_file()
    };
    let (entry, command) = program(node, project);
    if let Some(entry) = entry {
        run.extend(["--entrypoint".to_owned(), entry]);
    }
    let image_name = node.get("image").and_then(Node::scalar);
    run.push(fill(&image_name.unwrap_or_default()));
    run.extend(command.iter().cloned());
    service.command = Some(because.says(CommandLine::Words(run)));
    service.start_timeout =
        Some(Because::known("the image may have to be fetched first").says(STARTING.to_owned()));
    service.stop = Some(Because::known("as its engine stops it").says(Stop {
        signal: None,
        command: Some(vec![engine.to_owned(), "stop".to_owned(), plain(&name)]),
        timeout: Some(STOPPING.to_owned()),
    }));
    let inside = Inside::Container {
        engine,
        name: &name,
    };
    readiness(service, node, &inside, project, page);
    if service.ready.is_none() {
        service.ready = usual(image, &inside, &command, because);
    }
}

/// What its healthcheck says, and how long it may take.
fn readiness(
    service: &mut DraftService,
    node: &Node,
    inside: &Inside<'_>,
    project: &Project<'_>,
    page: &mut Page,
) {
    service.ready = health::ready(service, node, inside, project, page);
    let start = node.at(&["healthcheck", "start_period"]);
    if let Some(start) = start.and_then(Node::scalar)
        && let Some(start) = units::duration(&start).filter(|it| units::seconds(it) > 600.0)
    {
        service.start_timeout = Some(because_of(node, page).says(start));
    }
}

/// What starts in the container, if not what its image says, and the arguments.
fn program(node: &Node, project: &Project<'_>) -> (Option<String>, Vec<String>) {
    let words_of = |key: &str| {
        let said = node.get(key);
        said.map_or_else(Vec::new, |said| words(said, &project.known))
    };
    let mut entry = words_of("entrypoint").into_iter();
    let first = entry.next();
    (first, entry.chain(words_of("command")).collect())
}

fn because_of(node: &Node, page: &Page) -> Because {
    let line = node.get("healthcheck").map_or(node.line, |node| node.line);
    page.because(line, "healthcheck")
}

/// Somebody else starts it.
fn external(service: &mut DraftService, image: Option<&Image>, because: &Because, why: &str) {
    service.external = Some(Because {
        text: why.to_owned(),
        ..because.clone()
    });
    service.env.clear();
    if let Some(Image {
        probe: Known::Redis,
        ..
    }) = image
    {
        service.ready = Some(because.says(Ready {
            probes: vec![Probe::Redis("redis://localhost:{port}/0".to_owned())],
            ..Ready::default()
        }));
    } else if service.port.is_none() {
        service.external = None;
    }
}

/// What tells of a known image that it is ready. That its port is open says little: the engine opens
/// it at once.
fn usual(
    image: Option<&Image>,
    inside: &Inside<'_>,
    command: &[String],
    because: Because,
) -> Option<Said<Ready>> {
    let probe = match &image?.probe {
        Known::Redis => {
            let mut words = command.iter().skip_while(|word| *word != "--requirepass");
            let password = words
                .nth(1)
                .map_or_else(String::new, |it| format!(":{it}@"));
            Probe::Redis(format!("redis://{password}localhost:{{port}}/0"))
        }
        Known::Http(path) => Probe::Http(crate::draft::Http {
            url: (*path).to_owned(),
            ..crate::draft::Http::default()
        }),
        Known::Command(words) => Probe::Command(inside.command(words.iter().map(|it| plain(it)))),
        Known::Port => return None,
    };
    let text = format!(
        "how {} is asked",
        because.text.trim_start_matches("the image ")
    );
    let because = Because { text, ..because };
    Some(because.says(Ready {
        probes: vec![probe],
        ..Ready::default()
    }))
}

/// The ports that others on this computer see.
fn publish(run: &mut Vec<String>, node: &Node, project: &Project<'_>, main: Option<usize>) {
    let published = ports(node, &project.known);
    let mut is_named = false;
    for port in &published {
        let argument = match (port.inside, Some(port.line) == main && !is_named) {
            (Some(inside), true) if port.is_one() => {
                is_named = true;
                let host = port
                    .host
                    .as_ref()
                    .map_or(String::new(), |it| format!("{it}:"));
                format!("{host}{{port}}:{inside}")
            }
            _ => plain(&port.argument),
        };
        run.extend(["-p".to_owned(), argument]);
    }
    if !is_named && let Some(port) = exposed(node).or_else(|| known_port(node)) {
        run.extend(["-p".to_owned(), format!("127.0.0.1:{{port}}:{port}")]);
    }
}

fn exposed(node: &Node) -> Option<u16> {
    node.get("expose")?.list().iter().find_map(Node::port)
}

/// The variables of a service, with addresses that hold on this computer.
pub(super) fn variables(
    service: &mut DraftService,
    node: &Node,
    project: &Project<'_>,
    page: &mut Page,
    from: From,
) {
    let name = service.name.clone();
    let dot_env = join(page.folder(), ".env");
    for (line, variable, value) in environment(node) {
        let because = page.because(line, "environment");
        let Some(value) = value.as_ref().and_then(Node::scalar) else {
            // It is handed on from whoever starts the stack, or from `.env`.
            if project.known.contains_key(&variable) {
                from_dot_env(service, &dot_env, &because, &variable);
            } else if from == From::Container {
                let value = format!("${{{variable}:-}}");
                service.env.push((variable, because.says(value)));
            }
            continue;
        };
        let text = Text::interpolated(&value).knowing(&project.known);
        if text.only_variable() == Some(&variable) && project.known.contains_key(&variable) {
            from_dot_env(service, &dot_env, &because, &variable);
            continue;
        }
        let secrets: Vec<&str> = text
            .variables()
            .filter(|name| project.known.contains_key(*name))
            .collect();
        if !secrets.is_empty() {
            let what = format!("{name}: {variable} from .env");
            let why = format!(
                "compose fills in {} from .env; the stack file has the value that is there now",
                secrets.join(" and ")
            );
            page.leave_out(line, what, &why);
        }
        let (value, used) = project.hosts.in_text(&variable, &text, from);
        for other in used.into_iter().filter(|other| *other != name) {
            let because = page.because(line, format!("{variable} is its address"));
            service.needs.push(because.says(Needed {
                service: other,
                until: Need::Ready,
            }));
        }
        service.env.push((variable, because.says(value)));
    }
}

/// Has a variable come from `.env`, so that no secret is written down twice.
fn from_dot_env(service: &mut DraftService, file: &str, because: &Because, variable: &str) {
    let file = format!("{file}?");
    if !service.env_file.iter().any(|said| said.value == file) {
        let because = Because {
            text: format!("{variable} is in it"),
            ..because.clone()
        };
        service.env_file.push(because.says(file));
    }
}

/// Volumes, by the names that compose gives them, so that the data is the same.
fn mounts(run: &mut Vec<String>, node: &Node, project: &Project<'_>, page: &mut Page) {
    for item in node.get("volumes").map_or(&[][..], Node::list) {
        let (source, target, more) = if let Some(text) = item.text() {
            let text = Text::interpolated(text)
                .knowing(&project.known)
                .in_stack_file();
            match text.splitn(3, ':').collect::<Vec<_>>()[..] {
                [target] => (None, target.to_owned(), None),
                [source, target] => (Some(source.to_owned()), target.to_owned(), None),
                [source, target, more] => (
                    Some(source.to_owned()),
                    target.to_owned(),
                    Some(more.to_owned()),
                ),
                _ => continue,
            }
        } else {
            let text = |key: &str| item.get(key).and_then(Node::scalar);
            let Some(target) = text("target") else {
                continue;
            };
            let kind = text("type").unwrap_or_default();
            if kind == "tmpfs" {
                run.extend(["--tmpfs".to_owned(), target]);
                continue;
            }
            let only_read = item.get("read_only").and_then(Node::flag) == Some(true);
            (text("source"), target, only_read.then(|| "ro".to_owned()))
        };
        let source = source.map(|source| {
            if source.starts_with(['.', '/', '~']) {
                let path = page.path(&source).unwrap_or_default();
                if path.starts_with(['/', '~']) {
                    path
                } else {
                    format!("./{path}")
                }
            } else {
                let named = project.volumes.get(&source).cloned();
                named.unwrap_or_else(|| format!("{}_{source}", project.name))
            }
        });
        let parts: Vec<String> = [source, Some(target), more].into_iter().flatten().collect();
        run.extend(["-v".to_owned(), parts.join(":")]);
    }
}

/// What an engine has an option of the same meaning for.
fn options(run: &mut Vec<String>, node: &Node) {
    for (key, option) in [
        ("working_dir", "-w"),
        ("user", "-u"),
        ("hostname", "--hostname"),
        ("platform", "--platform"),
        ("shm_size", "--shm-size"),
        ("network_mode", "--network"),
    ] {
        if let Some(value) = node.get(key).and_then(Node::scalar) {
            run.extend([option.to_owned(), plain(&value)]);
        }
    }
    for (key, option) in [
        ("cap_add", "--cap-add"),
        ("cap_drop", "--cap-drop"),
        ("extra_hosts", "--add-host"),
        ("tmpfs", "--tmpfs"),
    ] {
        for item in node.get(key).map_or(&[][..], Node::one_or_more) {
            if let Some(value) = item.scalar() {
                run.extend([option.to_owned(), plain(&value)]);
            }
        }
    }
    for (key, option) in [("privileged", "--privileged"), ("init", "--init")] {
        if node.get(key).and_then(Node::flag) == Some(true) {
            run.push(option.to_owned());
        }
    }
}
