//! `pilotlight export`, whose files are given to the tools that they are for.

use std::{
    fs,
    process::{Command, Output},
};

use pilotlight_test_service::free_port;
use serde_json::{Value, json};

use crate::{
    engine::{docker, variables},
    stage::{Stage, until},
};

/// A stack with most keys of a service. The value of `TOKEN` is a secret.
fn stage(port: u16) -> Stage {
    let stage = Stage::new(&format!(
        r#"
[service.cache]
container = {{ image = "local/redis:7", ports = [6379], volumes = ["data:/data"] }}
port = {port}
ready = "redis"

[service.Web_App]
command = ["sh", "-c", "echo \"store $STORE token $TOKEN price $PRICE\"; exec sleep 600"]
directory = "web"
needs = "cache"
restart = "always"
watch = ["**/*.py"]
memory = "64 MiB"
check = [{{ command = "true", name = "works" }}]

[service.Web_App.env]
STORE = "redis://localhost:{{cache.port}}/0"
TOKEN = "Bearer ${{TOKEN}}"
PRICE = "5$ or 100%"
VITE_API = "http://localhost:{port}/"

[service.other]
command = "other-program --listen {{port}}"
port = {other}
external = false
"#,
        other = free_port(),
    ));
    fs::create_dir(stage.folder.path().join("web")).unwrap();
    stage.write("web/Dockerfile", "FROM local/busybox:1\nCMD [\"sh\", \"-c\", \"echo \\\"store $STORE token $TOKEN price $PRICE\\\"; exec sleep 600\"]\n");
    stage
}

/// Exports the service `Web_App` and its dependencies into the folder `out`, and returns the notes.
fn export(stage: &Stage, format: &str) -> String {
    let mut command = stage.command(&["export", format, "Web_App", "--output", "out"]);
    let output = command.env("TOKEN", "hunter2-0123456789").output().unwrap();
    let notes = succeeded(&output);
    for file in fs::read_dir(stage.folder.path().join("out")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!text.contains("hunter2"), "a secret is exported: {text}");
        assert!(!text.contains("other-program"), "{text}");
    }
    notes
}

/// Returns the output of a program, which must have succeeded.
fn succeeded(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let written = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{}: {written}", output.status);
    written
}

#[test]
fn compose_starts_an_exported_stack() {
    let stage = stage(free_port());
    let notes = export(&stage, "compose");
    assert!(
        notes.contains("Web_App: left out: `check`, `watch`"),
        "{notes}"
    );
    assert!(
        notes.contains("Web_App: is built from its Dockerfile"),
        "{notes}"
    );

    // Its paths are relative to the folder of the stack file.
    let file = stage.folder.path().join("compose.pilotlight.yaml");
    fs::rename(
        stage.folder.path().join("out/compose.pilotlight.yaml"),
        &file,
    )
    .unwrap();
    let project = format!("export{}", std::process::id());
    let compose = |words: &[&str]| {
        let mut command = Command::new("docker-compose");
        command.args(["-p", &project, "-f"]).arg(&file).args(words);
        command.env("DOCKER_HOST", variables().get("DOCKER_HOST").unwrap());
        command.env("TOKEN", "of-compose");
        succeeded(&command.output().unwrap())
    };
    let read = compose(&["config"]);
    assert!(read.contains("condition: service_healthy"), "{read}");
    compose(&["up", "-d"]);
    let said = || docker(&["logs", &format!("{project}_web-app_1")]);
    until("the line", || !said().is_empty());
    assert_eq!(
        said(),
        "store redis://cache:6379/0 token Bearer of-compose price 5$ or 100%"
    );
    let web = format!("{project}_web-app_1");
    let limit = docker(&[
        "inspect",
        "-f",
        "{{.HostConfig.Memory}} {{.HostConfig.RestartPolicy.Name}}",
        &web,
    ]);
    assert_eq!(limit, format!("{} always", 64 << 20));
    compose(&["down", "--volumes", "--timeout", "1"]);
}

#[test]
fn services_of_a_compose_file_stay_in_it() {
    let stage = Stage::new(
        r#"
[service.store]
compose = "db"
port = 5432

[service.web]
command = "python3 web.py"
needs = "store"
env = { DATABASE = "postgres://localhost:{store.port}/app" }
"#,
    );
    stage.write(
        "compose.yaml",
        "services:\n  db:\n    image: local/busybox:1\n    command: sleep 600\n",
    );
    let (text, notes) = stage.expect(&["export", "compose"], 0);
    assert!(
        text.contains("docker compose -f ./compose.yaml -f FILE up"),
        "{text}"
    );
    assert!(
        notes.contains("web: runs in python:3, which does not have the packages of the project"),
        "{notes}"
    );
    stage.write("more.yaml", &text);
    let folder = stage.folder.path();
    let mut command = Command::new("docker-compose");
    command
        .args(["-f", "compose.yaml", "-f", "more.yaml", "config"])
        .current_dir(folder);
    let read = succeeded(&command.output().unwrap());
    assert!(read.contains("postgres://db:5432/app"), "{read}");
    assert!(read.contains("condition: service_started"), "{read}");
}

#[test]
fn systemd_accepts_the_exported_units() {
    let stage = stage(free_port());
    export(&stage, "systemd");
    let out = stage.folder.path().join("out");
    let units = ["test.target", "test-cache.service", "test-web-app.service"];
    let mut command = Command::new("systemd-analyze");
    command.args(["--user", "--man=no", "verify"]);
    command.args(units.map(|unit| out.join(unit)));
    command.env("XDG_RUNTIME_DIR", stage.folder.path());
    let said = succeeded(&command.output().unwrap());
    // Other units of this machine may have faults of their own.
    assert!(
        !said.contains("test-") && !said.contains("test.target"),
        "{said}"
    );
    let web = fs::read_to_string(out.join("test-web-app.service")).unwrap();
    for line in [
        "After=test-cache.service",
        "Restart=always",
        "MemoryMax=67108864",
        "Environment=\"PRICE=5$ or 100%%\"",
        "ExecStart=/usr/bin/env \"TOKEN=Bearer ${TOKEN}\" sh -c \"echo \\\"store $$STORE token $$TOKEN price $$PRICE\\\"; exec sleep 600\"",
    ] {
        assert!(web.lines().any(|found| found == line), "{line}\n{web}");
    }
    let cache = fs::read_to_string(out.join("test-cache.service")).unwrap();
    assert!(
        cache.contains("ExecStartPost=/bin/sh -c \"until redis-cli"),
        "{cache}"
    );
}

#[test]
fn a_shell_runs_the_lines_of_an_exported_procfile() {
    let stage = stage(free_port());
    let notes = export(&stage, "procfile");
    assert!(
        notes.contains("Web_App: left out: `check`, `watch`, `memory`, `restart`, `needs`"),
        "{notes}"
    );
    let text = fs::read_to_string(stage.folder.path().join("out/Procfile")).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Web_App: "))
        .unwrap();
    let line = line.replace("exec sleep 600", "pwd");
    let mut shell = Command::new("sh");
    shell.args(["-c", &line]).current_dir(stage.folder.path());
    let said = succeeded(&shell.env("TOKEN", "of-shell").output().unwrap());
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("store redis://localhost:"), "{said}");
    assert!(
        lines[0].ends_with("token Bearer of-shell price 5$ or 100%"),
        "{said}"
    );
    assert!(lines[1].ends_with("/web"), "{said}");
}

#[test]
fn exported_manifests_are_well_formed() {
    let stage = stage(free_port());
    let notes = export(&stage, "kubernetes");
    assert!(
        notes.contains("Web_App: needs its image: `docker build -t test-web-app:latest ./web`"),
        "{notes}"
    );
    // The library of docker-compose.
    let read =
        "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    let mut python = Command::new("/usr/bin/python3");
    let file = stage.folder.path().join("out/kubernetes.yaml");
    let manifests = succeeded(&python.args(["-c", read]).arg(file).output().unwrap());
    let manifests: Vec<Value> = serde_json::from_str(&manifests).unwrap();
    let kinds = |name: &str| {
        let named = manifests.iter().filter(|it| it["metadata"]["name"] == name);
        named
            .map(|it| {
                (
                    it["apiVersion"].as_str().unwrap(),
                    it["kind"].as_str().unwrap(),
                )
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(
        kinds("cache"),
        [("apps/v1", "Deployment"), ("v1", "Service")]
    );
    assert_eq!(
        kinds("web-app"),
        [("v1", "ConfigMap"), ("apps/v1", "Deployment")]
    );
    assert_eq!(kinds("cache-data"), [("v1", "PersistentVolumeClaim")]);
    let find = |name: &str, kind: &str| {
        let found = manifests
            .iter()
            .find(|it| it["metadata"]["name"] == name && it["kind"] == kind);
        found.unwrap().clone()
    };
    for name in ["cache", "web-app"] {
        let spec = &find(name, "Deployment")["spec"];
        let labels = &spec["template"]["metadata"]["labels"];
        let selector = &spec["selector"]["matchLabels"]["app.kubernetes.io/name"];
        assert_eq!(labels["app.kubernetes.io/name"], *selector);
    }
    let cache = &find("cache", "Deployment")["spec"]["template"]["spec"]["containers"][0];
    let test = json!(["sh", "-c", "redis-cli -e -u redis://localhost:6379 ping"]);
    assert_eq!(cache["readinessProbe"]["exec"]["command"], test);
    assert_eq!(
        cache["volumeMounts"][0],
        json!({ "name": "cache-data", "mountPath": "/data" })
    );
    assert_eq!(find("cache", "Service")["spec"]["ports"][0]["port"], 6379);
    let web = &find("web-app", "Deployment")["spec"]["template"]["spec"]["containers"][0];
    let secret = json!({ "name": "TOKEN_SECRET", "valueFrom": { "secretKeyRef": { "name": "web-app", "key": "TOKEN" } } });
    assert_eq!(web["env"][0], secret);
    assert_eq!(
        web["env"][1],
        json!({ "name": "TOKEN", "value": "Bearer $(TOKEN_SECRET)" })
    );
    let config = &find("web-app", "ConfigMap")["data"];
    assert_eq!(config["STORE"], "redis://cache:6379/0");
    assert_eq!(config["PRICE"], "5$ or 100%");
}

#[test]
fn an_export_overwrites_no_file() {
    let stage = stage(free_port());
    export(&stage, "procfile");
    let words = ["export", "procfile", "--output", "out"];
    let (_, told) = stage.expect(&words, 1);
    assert!(told.contains("exists; it is not overwritten"), "{told}");
}
