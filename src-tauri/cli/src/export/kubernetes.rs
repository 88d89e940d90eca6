//! Manifests for a cluster: a deployment and a service for each service of the stack, a job for a task.

use std::collections::BTreeMap;

use pilotlight::stack::{Command, Container, ContainerSource, Probe, Protocol, Service};
use serde_json::{Value, json};

use super::{
    compose::split,
    plan::{Part, Plan, host_name, image_of, mark, place, ports, spell, variables},
    yaml,
};

pub(super) fn text(plan: &mut Plan<'_>) -> String {
    let parts = std::mem::take(&mut plan.parts);
    let manifests = parts.iter().flat_map(|part| manifests(plan, part));
    let manifests: Vec<String> = manifests
        .map(|manifest| yaml::document(&manifest))
        .collect();
    manifests.join("---\n")
}

/// What every object of a part has in its metadata, and the manifests so far.
struct Manifests<'a> {
    name: &'a str,
    labels: Value,
    found: Vec<Value>,
}

impl Manifests<'_> {
    /// Adds an object with the name of the part; `body` is its field after the metadata.
    fn add(&mut self, version: &str, kind: &str, body: (&str, Value)) {
        self.add_named(self.name, version, kind, body);
    }

    fn add_named(&mut self, name: &str, version: &str, kind: &str, body: (&str, Value)) {
        let metadata = json!({ "name": name, "labels": self.labels });
        let mut object = json!({ "apiVersion": version, "kind": kind, "metadata": metadata });
        object[body.0] = body.1;
        self.found.push(object);
    }
}

fn manifests(plan: &mut Plan<'_>, part: &Part<'_>) -> Vec<Value> {
    let (service, name) = (part.service, &part.name);
    let Some(image) = image(plan, part) else {
        return Vec::new();
    };
    let labels = json!({
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/part-of": host_name(&plan.stack.name),
    });
    let mut manifests = Manifests {
        name,
        labels: labels.clone(),
        found: Vec::new(),
    };
    let mut container = container(plan, part, &mut manifests);
    container["image"] = image.into();
    let (volumes, mounts, claims) = volumes(plan, part);
    container["volumeMounts"] = mounts.into();
    for claim in claims {
        let size = json!({ "requests": { "storage": "1Gi" } });
        let spec = json!({ "accessModes": ["ReadWriteOnce"], "resources": size });
        manifests.add_named(&claim, "v1", "PersistentVolumeClaim", ("spec", spec));
    }
    let mut pod = json!({
        "containers": [container],
        "terminationGracePeriodSeconds": service.stop.timeout.as_secs(),
        "volumes": volumes,
    });
    let metadata = json!({ "labels": labels });
    if service.task.is_some() {
        pod["restartPolicy"] = "Never".into();
        let template = json!({ "template": { "metadata": metadata, "spec": pod } });
        manifests.add("batch/v1", "Job", ("spec", template));
        return manifests.found;
    }
    let selector = json!({ "app.kubernetes.io/name": name });
    let deployment = json!({
        "replicas": 1,
        "selector": { "matchLabels": selector },
        "template": { "metadata": metadata, "spec": pod },
    });
    manifests.add("apps/v1", "Deployment", ("spec", deployment));
    let served = ports(service).into_iter().map(
        |(_, port)| json!({ "name": format!("port-{port}"), "port": port, "targetPort": port }),
    );
    let served: Vec<Value> = served.collect();
    if !served.is_empty() {
        let spec = json!({ "selector": selector, "ports": served });
        manifests.add("v1", "Service", ("spec", spec));
    }
    manifests.found
}

/// Returns the name of the image of a part; `None` if only a compose file has it.
fn image(plan: &mut Plan<'_>, part: &Part<'_>) -> Option<String> {
    let (service, name) = (part.service, &part.name);
    let container = service.container.as_deref();
    let image = match container.map(|container| &container.source) {
        Some(ContainerSource::Compose { .. }) => {
            let note = format!(
                "is left out: its compose file has its image (`kompose convert`); the others expect \
                 it at the host {name}"
            );
            plan.note(service, &note);
            return None;
        }
        Some(ContainerSource::Image { image, .. }) => {
            for variable in variables(image) {
                let note = format!("write the value of {variable} into its image");
                plan.note(service, &note);
            }
            spelled(image)
        }
        None if let Some((image, false)) = part.command.as_ref().and_then(image_of) => {
            image.to_owned()
        }
        None => {
            let image = format!("{}-{name}:latest", host_name(&plan.stack.name));
            let directory = Plan::relative(&service.directory, plan.stack.directory());
            let note = format!("needs its image: `docker build -t {image} {directory}`");
            plan.note(service, &note);
            image
        }
    };
    Some(image)
}

/// Returns the container of a part without its image and volumes, and adds its config map.
fn container(plan: &mut Plan<'_>, part: &Part<'_>, manifests: &mut Manifests<'_>) -> Value {
    let (service, name) = (part.service, &part.name);
    let (env, config, secrets) = environment(part);
    let mut sources = Vec::new();
    if !config.is_empty() {
        manifests.add("v1", "ConfigMap", ("data", json!(config)));
        sources.push(json!({ "configMapRef": { "name": name } }));
    }
    let mut needs = |secret: &str, from: &str| {
        let note =
            format!("needs the secret {secret}: `kubectl create secret generic {secret} {from}`");
        plan.note(service, &note);
    };
    let literals = secrets
        .iter()
        .map(|variable| format!("--from-literal={variable}=…"));
    if !secrets.is_empty() {
        needs(name, &literals.collect::<Vec<_>>().join(" "));
    }
    for (index, file) in service.env_files.iter().enumerate() {
        let secret = format!("{name}-env-{}", index + 1);
        needs(&secret, &format!("--from-env-file={}", file.path.display()));
        sources.push(json!({ "secretRef": { "name": secret, "optional": file.optional } }));
    }
    let probe = probe(plan, part);
    let ready = json!({
        "periodSeconds": service.ready.every.as_secs().max(1),
        "timeoutSeconds": service.ready.timeout.as_secs().max(1),
        "failureThreshold": service.ready.failures,
    });
    let start =
        json!({ "periodSeconds": 1, "failureThreshold": service.start_timeout.as_secs().max(1) });
    let listens = ports(service)
        .into_iter()
        .map(|(_, port)| json!({ "containerPort": port }));
    let (command, args) = words(plan, part);
    let memory = service.memory.map(|memory| memory.bytes.to_string());
    json!({
        "name": name,
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "args": args,
        "env": env,
        "envFrom": sources,
        "ports": listens.collect::<Vec<_>>(),
        "readinessProbe": probe.as_ref().map(|probe| joined(probe, &ready)),
        "startupProbe": probe.as_ref().map(|probe| joined(probe, &start)),
        "resources": { "limits": { "memory": memory } },
    })
}

fn joined(probe: &Value, times: &Value) -> Value {
    let tables = [probe, times].into_iter().filter_map(Value::as_object);
    Value::Object(
        tables
            .flatten()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    )
}

/// Returns the variables of a container, those of a config map, and those that a secret must have.
fn environment(part: &Part<'_>) -> (Vec<Value>, BTreeMap<String, String>, Vec<String>) {
    let (mut env, mut config, mut secrets) = (Vec::new(), BTreeMap::new(), Vec::new());
    for (name, value) in &part.env {
        let named = variables(value);
        if named.is_empty() {
            config.insert(name.clone(), value.clone());
            continue;
        }
        // The value of a variable may name that of the secret alone, or have more around it.
        let whole = value == &mark(name);
        let source = |variable: &str| {
            let is_other = part.env.contains_key(variable) && !whole;
            format!("{variable}{}", if is_other { "_SECRET" } else { "" })
        };
        for variable in named.into_iter().map(str::to_owned) {
            if !secrets.contains(&variable) {
                let key = json!({ "name": part.name, "key": variable });
                let from = json!({ "secretKeyRef": key });
                env.push(json!({ "name": source(&variable), "valueFrom": from }));
                secrets.push(variable);
            }
        }
        if !whole {
            let value = spell(value, literal, |name| format!("$({})", source(name)));
            env.push(json!({ "name": name, "value": value }));
        }
    }
    (env, config, secrets)
}

/// Returns the command and the arguments of a container.
fn words(plan: &mut Plan<'_>, part: &Part<'_>) -> (Vec<String>, Vec<String>) {
    let service: &Service = part.service;
    let words: Vec<String> = match (service.container.as_deref(), &part.command) {
        (
            Some(Container {
                source: ContainerSource::Image { args, .. },
                ..
            }),
            _,
        ) => {
            let args = args
                .iter()
                .map(|arg| spelled(&arg.render(&service.name, plan)));
            return (Vec::new(), args.collect());
        }
        // The image says it.
        _ if service.directory.join("Dockerfile").exists() => Vec::new(),
        (_, Some(Command::Argv(words))) => words.clone(),
        (_, Some(Command::Shell(line))) => ["sh", "-c", line].map(str::to_owned).into(),
        (_, None) => Vec::new(),
    };
    (words.iter().map(|word| spelled(word)).collect(), Vec::new())
}

/// Returns the volumes of a pod, where its container mounts them, and the names of the claims for them.
fn volumes(plan: &mut Plan<'_>, part: &Part<'_>) -> (Vec<Value>, Vec<Value>, Vec<String>) {
    let (mut volumes, mut mounts, mut claims) = (Vec::new(), Vec::new(), Vec::new());
    let container = part.service.container.as_deref();
    let Some(ContainerSource::Image {
        volumes: declared, ..
    }) = container.map(|it| &it.source)
    else {
        return (volumes, mounts, claims);
    };
    for volume in declared {
        let (from, to) = split(volume);
        if to.is_empty() || from.contains(['/', '\\']) {
            plan.note(
                part.service,
                &format!("left out: the volume {volume}, a folder of this machine"),
            );
            continue;
        }
        let claim = format!("{}-{}", part.name, host_name(from));
        let (path, mode) = to.split_once(':').unwrap_or((to, ""));
        mounts.push(
            json!({ "name": claim, "mountPath": path, "readOnly": (mode == "ro").then_some(true) }),
        );
        volumes.push(json!({ "name": claim, "persistentVolumeClaim": { "claimName": claim } }));
        claims.push(claim);
    }
    (volumes, mounts, claims)
}

/// Returns the first probe of a service as a probe of its container.
fn probe(plan: &mut Plan<'_>, part: &Part<'_>) -> Option<Value> {
    let service = part.service;
    let mut probes = part
        .probes
        .iter()
        .filter(|probe| !matches!(probe, Probe::Process | Probe::Container));
    let first = probes.next()?;
    if probes.next().is_some() {
        plan.note(service, "has one probe alone: the first one of `ready`");
    }
    let socket = |address: &str| {
        let (_, number) = place(address)?;
        Some(json!({ "tcpSocket": { "port": number } }))
    };
    match first {
        Probe::Tcp(address) | Probe::Published(address) => socket(&format!("tcp://{address}")),
        Probe::WebSocket(url) => socket(url),
        Probe::Server(Protocol::Grpc, url) => Some(json!({ "grpc": { "port": place(url)?.1 } })),
        Probe::Http(request) => {
            let url = url::Url::parse(&request.url).ok()?;
            let headers = request.headers.iter();
            let headers: Vec<Value> = headers
                .map(|(name, value)| json!({ "name": name, "value": spelled(value) }))
                .collect();
            Some(json!({ "httpGet": {
                "path": &url[url::Position::BeforePath..url::Position::AfterQuery],
                "port": url.port_or_known_default(),
                "scheme": url.scheme().to_uppercase(),
                "httpHeaders": headers,
            } }))
        }
        _ => {
            let Some(test) = part.tests.first() else {
                plan.note(service, "left out: `ready`");
                return None;
            };
            Some(json!({ "exec": { "command": ["sh", "-c", spelled(test)] } }))
        }
    }
}

fn spelled(text: &str) -> String {
    spell(text, literal, |name| format!("$({name})"))
}

fn literal(part: &str) -> String {
    part.replace("$(", "$$(")
}
