//! A compose file. The services of other compose files stay in those: compose reads several together.

use std::path::{Path, PathBuf};

use pilotlight::stack::{Command, Container, ContainerSource, Need, Restart, Signal, StopMethod};
use serde_json::{Map, Value, json};

use super::{
    plan::{Part, Plan, base, image_of, ports, spell},
    yaml,
};

/// The folder of a project in its container.
const FOLDER: &str = "/app";

pub(super) fn text(plan: &mut Plan<'_>) -> String {
    let parts = std::mem::take(&mut plan.parts);
    let files = compose_files(&parts);
    let folder = files
        .first()
        .and_then(|file| file.parent())
        .unwrap_or(plan.stack.directory())
        .to_owned();
    let mut services = Map::new();
    let mut volumes = Map::new();
    for part in &parts {
        if let Some(service) = service(plan, part, &parts, &folder, &mut volumes) {
            services.insert(part.name.clone(), service);
        }
    }
    let mut text = yaml::document(&json!({ "services": services, "volumes": volumes }));
    if !files.is_empty() {
        let files = files
            .iter()
            .map(|file| format!("-f {} ", Plan::relative(file, &folder)));
        let files: String = files.collect();
        text.insert_str(0, &format!("# Add this file to the compose files of the stack:\n# docker compose {files}-f FILE up\n"));
    }
    text
}

/// Returns the compose files of the services.
fn compose_files(parts: &[Part<'_>]) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for part in parts {
        let Some(Container {
            source: ContainerSource::Compose { files, .. },
            ..
        }) = part.service.container.as_deref()
        else {
            continue;
        };
        let directory = &part.service.directory;
        let usual = [
            "compose.yaml",
            "compose.yml",
            "docker-compose.yml",
            "docker-compose.yaml",
        ]
        .map(|name| directory.join(name));
        let usual = usual
            .into_iter()
            .find(|file| file.exists())
            .unwrap_or_else(|| directory.join("compose.yaml"));
        let files = if files.is_empty() {
            vec![usual]
        } else {
            files.clone()
        };
        found.extend(
            files
                .into_iter()
                .filter(|file| !found.contains(file))
                .collect::<Vec<_>>(),
        );
    }
    found
}

fn service(
    plan: &mut Plan<'_>,
    part: &Part<'_>,
    all: &[Part<'_>],
    folder: &Path,
    volumes: &mut Map<String, Value>,
) -> Option<Value> {
    let service = part.service;
    let mut table = match service
        .container
        .as_deref()
        .map(|container| &container.source)
    {
        Some(ContainerSource::Compose { .. }) => return None,
        Some(ContainerSource::Image {
            image,
            volumes: mounts,
            args,
            ..
        }) => {
            let mounts = mounts.iter().map(|mount| {
                let (from, to) = split(mount);
                if Path::new(from).is_absolute() {
                    return format!("{}:{to}", Plan::relative(Path::new(from), folder));
                }
                volumes.insert(from.to_owned(), json!({ "driver": "local" }));
                mount.clone()
            });
            let args = args.iter().map(|arg| arg.render(&service.name, plan));
            let args: Vec<_> = args.map(|arg| spelled(&arg)).collect();
            json!({ "image": spelled(image), "volumes": mounts.collect::<Vec<_>>(), "command": args })
        }
        None => native(plan, part, folder)?,
    };
    let host = service.host.as_deref().unwrap_or("127.0.0.1");
    let published = ports(service)
        .into_iter()
        .map(|(outside, inside)| format!("{host}:{outside}:{inside}"));
    let env = part
        .env
        .iter()
        .map(|(name, value)| (name.clone(), spelled(value).into()));
    let env_files = service.env_files.iter().map(|file| {
        if file.optional && !file.path.exists() {
            plan.note(
                service,
                &format!("left out: {}, which does not exist", file.path.display()),
            );
            return Value::Null;
        }
        Plan::relative(&file.path, folder).into()
    });
    let env_files: Vec<Value> = env_files.filter(|file| !file.is_null()).collect();
    let needs = service.needs.iter().filter_map(|(name, need)| {
        let other = all.iter().find(|part| part.service.name == *name)?;
        let condition = match need {
            Need::Completed => "service_completed_successfully",
            Need::Ready if !other.tests.is_empty() && !is_of_compose(other) => "service_healthy",
            Need::Ready | Need::Started => "service_started",
        };
        Some((other.name.clone(), json!({ "condition": condition })))
    });
    let needs: Map<_, _> = needs.collect();
    let health = (!part.tests.is_empty()).then(|| {
        json!({
            "test": ["CMD-SHELL", spelled(&part.tests.join(" && "))],
            "interval": duration(service.ready.every),
            "timeout": duration(service.ready.timeout),
            "retries": service.ready.failures,
            "start_period": duration(service.start_timeout),
        })
    });
    let (signal, grace) = match &service.stop.graceful {
        StopMethod::Signal(Signal::Terminate) => (None, service.stop.timeout),
        StopMethod::Signal(signal) => (Some(signal.name()), service.stop.timeout),
        StopMethod::Command(_) => {
            plan.note(service, "left out: `stop.command`");
            (None, service.stop.timeout)
        }
    };
    let restart = match (service.restart, service.max_restarts) {
        _ if service.task.is_some() => "no".to_owned(),
        (Restart::Never, _) => "no".to_owned(),
        (Restart::Always, _) => "always".to_owned(),
        (Restart::OnFailure, None) => "on-failure".to_owned(),
        (Restart::OnFailure, Some(most)) => format!("on-failure:{most}"),
    };
    let more = json!({
        "ports": published.collect::<Vec<_>>(),
        "environment": env.collect::<Map<_, _>>(),
        "env_file": env_files,
        "depends_on": needs,
        "healthcheck": health,
        "restart": restart,
        "stop_signal": signal,
        "stop_grace_period": duration(grace),
        "mem_limit": service.memory.map(|memory| memory.bytes),
    });
    if let (Value::Object(table), Value::Object(more)) = (&mut table, more) {
        table.extend(more);
    }
    Some(table)
}

/// Returns whether a service is one of another compose file, which may have no health check.
fn is_of_compose(part: &Part<'_>) -> bool {
    let source = part.service.container.as_deref().map(|it| &it.source);
    matches!(source, Some(ContainerSource::Compose { .. }))
}

/// Returns the table of a service that runs a program of the project.
fn native(plan: &mut Plan<'_>, part: &Part<'_>, folder: &Path) -> Option<Value> {
    let (service, command) = (part.service, part.command.as_ref()?);
    let directory = Plan::relative(&service.directory, folder);
    if service.directory.join("Dockerfile").exists() {
        plan.note(
            service,
            "is built from its Dockerfile, and runs the command of that",
        );
        return Some(json!({ "build": directory }));
    }
    let Some((image, is_language)) = image_of(command) else {
        plan.note(
            service,
            "needs a Dockerfile: no image is known for its program",
        );
        return Some(json!({ "build": directory }));
    };
    if is_language {
        let note = format!("runs in {image}, which does not have the packages of the project");
        plan.note(service, &note);
    }
    let words = match command {
        Command::Shell(line) => vec!["sh".to_owned(), "-c".to_owned(), line.clone()],
        Command::Argv(words) => words.clone(),
    };
    let words = words.iter().enumerate().map(|(index, word)| match index {
        // An interpreter of this machine is not in the image.
        0 if word.contains("venv") || Path::new(word).is_absolute() => spelled(base(word)),
        _ => spelled(word),
    });
    Some(json!({
        "image": image,
        "command": words.collect::<Vec<_>>(),
        "working_dir": FOLDER,
        "volumes": [format!("{directory}:{FOLDER}")],
    }))
}

/// Splits a volume into its source and the rest.
pub(super) fn split(volume: &str) -> (&str, &str) {
    let drive = volume
        .get(1..3)
        .filter(|start| *start == ":\\")
        .map_or(0, str::len);
    let colon = volume[drive..].find(':').map(|at| drive + at);
    colon.map_or((volume, ""), |at| (&volume[..at], &volume[at + 1..]))
}

fn spelled(text: &str) -> String {
    spell(
        text,
        |part| part.replace('$', "$$"),
        |name| format!("${{{name}}}"),
    )
}

/// Returns a duration as compose and Go read it.
fn duration(time: std::time::Duration) -> String {
    match (time.as_secs(), time.subsec_millis()) {
        (seconds, 0) => format!("{seconds}s"),
        (0, millis) => format!("{millis}ms"),
        (seconds, millis) => format!("{seconds}s{millis}ms"),
    }
}
