//! Services in containers, on a real engine that the tests start themselves.
#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "the engine is a program of the tests, not a service"
)]

mod engine;
mod registry;
#[path = "../support/mod.rs"]
mod support;

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use engine::{docker, variables};
use pilotlight::{
    control::{Control as _, Outcome, Up},
    effects::log::{Query, Reader, Runs, ServiceLogs},
    env::Env,
    model::{
        facts::Exit,
        finding::Code,
        view::{Light, PhaseName, ServiceView},
    },
};
use pilotlight_test_service::free_port;
use registry::Registry;
use support::{Bench, eventually, findings, kill, within};

async fn up(bench: &Bench) -> Outcome {
    let up = Up {
        file: bench.file(),
        services: Vec::new(),
        environment: variables(),
    };
    within("up", bench.handle().up(up)).await
}

async fn must_up(bench: &Bench) {
    assert_eq!(up(bench).await, Outcome::Done);
}

/// Returns the displayed lines of the latest run of a service.
fn lines(bench: &Bench, service: &str) -> Vec<String> {
    let stack = bench.home.stack_id(&bench.file());
    let logs = ServiceLogs::of(bench.home.logs(), &stack, &service.into());
    let query = Query {
        runs: Runs::Latest,
        ..Query::default()
    };
    let reader = Reader::open(&logs, query).expect("a log");
    reader.map(|line| line.expect("a line").text).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stack_of_containers_and_programs_starts_in_order_and_keeps_its_data() {
    let port = free_port();
    let bench = Bench::with(&format!(
        r#"
[service.db]
compose = "db"
ready = "postgres"

[service.cache]
container = {{ image = "local/redis:7" }}
port = {port}

[service.web]
command = "sh -c 'echo db {{db.port}} {{db.port.5432}} cache {{cache.port}}; sleep 600'"
needs = ["db", "cache"]
"#
    ))
    .await;
    let compose = "services:\n  db:\n    image: local/postgres:15\n    ports: [\"127.0.0.1::5432\"]\n    volumes: [\"data:/data\"]\nvolumes:\n  data:\n";
    fs::write(bench.path("compose.yaml"), compose).unwrap();
    must_up(&bench).await;

    let db = bench.service("db");
    let container = db.container.clone().expect("a container");
    let published = container.ports[0].port;
    assert_eq!(db.port, Some(published), "the engine has chosen it");
    assert_eq!(container.image, "local/postgres:15");
    assert_eq!(db.pid, None);
    let expected = format!("db {published} {published} cache {port}");
    assert_eq!(lines(&bench, "web"), [expected]);
    let cache = bench
        .service("cache")
        .container
        .clone()
        .expect("a container");
    let label = "{{index .Config.Labels \"dev.pilotlight.service\"}}";
    assert_eq!(docker(&["inspect", "-f", label, &cache.id]), "cache");
    let said = lines(&bench, "db");
    let accepts = "database system is ready to accept connections";
    assert!(said.iter().any(|line| line.contains(accepts)), "{said:#?}");
    assert!(
        !said[0].starts_with("20") || !said[0].contains('T'),
        "{}",
        said[0]
    );

    assert_eq!(bench.down().await, Outcome::Done);
    let state = docker(&["inspect", "-f", "{{.State.Running}}", &container.id]);
    assert_eq!(state, "false", "compose has created it, and keeps it");
    let left = docker(&["ps", "-a", "-q", "--no-trunc"]);
    assert!(!left.contains(&cache.id), "ours is removed");

    // The second start reuses the container, and shows only its output since then.
    must_up(&bench).await;
    let again = bench.service("db").container.clone().expect("a container");
    assert_eq!(again.id, container.id);
    let times = || {
        let said = lines(&bench, "db");
        said.iter().filter(|line| line.contains(accepts)).count()
    };
    eventually("the line", || times() > 0).await;
    assert_eq!(times(), 1);
    assert_eq!(bench.down().await, Outcome::Done);
    docker(&["rm", "-f", "-v", &container.id]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_line_is_lost_or_doubled_when_the_daemon_and_its_follower_are_killed() {
    let mut bench = Bench::with(
        r#"
[service.flood]
container = { image = "local/busybox:1", args = ["sh", "-c", "i=0; while :; do i=$((i+1)); echo line $i; done"] }
ready = { log = "line" }
stop = { timeout = "0s" }
"#,
    )
    .await;
    must_up(&bench).await;
    let run = bench.service("flood").run.expect("a run");
    let path = bench.log_path("flood", run);
    let grows_beyond = |size: u64| {
        let path = path.clone();
        move || path.metadata().is_ok_and(|found| found.len() > size)
    };
    eventually("a flood", grows_beyond(100_000)).await;
    bench.vanish().await;
    let followers = bench.marked();
    assert_eq!(followers.len(), 1, "one process follows the log");
    kill(followers[0]);
    let size = path.metadata().unwrap().len();

    bench.start().await;
    eventually("the flood continues", grows_beyond(size + 100_000)).await;
    let adopted = bench.until_phase("flood", PhaseName::Ready).await;
    assert!(adopted.adopted);
    // Only the follower is killed.
    let followers = bench.marked();
    assert_eq!(followers.len(), 1);
    kill(followers[0]);
    let size = path.metadata().unwrap().len();
    eventually("the flood continues", grows_beyond(size + 100_000)).await;
    assert_eq!(bench.down().await, Outcome::Done);

    let said = lines(&bench, "flood");
    let expected: Vec<String> = (1..=said.len())
        .map(|number| format!("line {number}"))
        .collect();
    let differs = said
        .iter()
        .zip(&expected)
        .position(|(said, expected)| said != expected);
    assert_eq!(differs, None, "of {} lines", said.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_another_program_removes_is_started_again() {
    let bench = Bench::with(
        "[service.cache]\ncontainer = { image = \"local/busybox:1\", args = \"sleep 600\" }\n",
    )
    .await;
    must_up(&bench).await;
    let first = bench
        .service("cache")
        .container
        .clone()
        .expect("a container");
    docker(&["rm", "-f", &first.id]);
    let again = bench
        .until("cache", |service| {
            let other = service
                .container
                .as_ref()
                .is_some_and(|it| it.id != first.id);
            other && service.phase == PhaseName::Ready
        })
        .await;
    assert_eq!(again.restarts, 1);
    assert_eq!(bench.down().await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pull_shows_its_progress_and_can_be_cancelled() {
    let registry = Registry::start();
    let stack = format!(
        "[service.web]\ncontainer = {{ image = \"{}\" }}\n",
        registry.image
    );
    let bench = Bench::with(&stack).await;
    let shows = |service: &ServiceView| {
        let note = service.note.as_deref().unwrap_or_default();
        note.contains(": 0 of 1 layers, ") && note.ends_with(" MB")
    };
    // A stop cancels it.
    let ((), outcome) = tokio::join!(
        async {
            bench.until("web", shows).await;
            assert_eq!(bench.down().await, Outcome::Done);
        },
        up(&bench)
    );
    assert!(matches!(outcome, Outcome::Overruled(_)), "{outcome:?}");
    assert!(!registry.is_pulled());
    // The next start gets the rest.
    tokio::join!(
        async {
            bench.until("web", shows).await;
            registry.send_all();
        },
        must_up(&bench)
    );
    assert!(registry.is_pulled());
    assert_eq!(bench.service("web").note, None);
    assert_eq!(bench.down().await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_exits_has_its_code_and_complete_output() {
    let bench = Bench::with(
        "[service.job]\ncontainer = { image = \"local/busybox:1\", args = [\"sh\", \"-c\", \"echo one; echo Error: two >&2; exit 3\"] }\nready = { log = \"never\" }\nrestart = \"never\"\n",
    )
    .await;
    assert_eq!(findings(&up(&bench).await), [Code::StartupError]);
    let job = bench.service("job");
    assert_eq!(job.last_exit, Some(Exit::Code(3)));
    let finding = job.finding.as_ref().expect("a finding");
    let shown = format!("{} {:?}", finding.title, finding.evidence);
    assert!(shown.contains("Error: two"), "{shown}");
    let mut said = lines(&bench, "job");
    said.sort_unstable();
    assert_eq!(said, ["Error: two", "one"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_of_another_container_is_reported_with_that_container() {
    let port = free_port();
    let container = docker(&[
        "run",
        "-d",
        "-p",
        &format!("127.0.0.1:{port}:80"),
        "--label",
        "com.docker.compose.project=shop",
        "--label",
        "com.docker.compose.project.working_dir=/srv/shop",
        "local/busybox:1",
        "sleep",
        "600",
    ]);
    let name = docker(&["inspect", "-f", "{{.Name}}", &container]);
    let by = format!(
        "the container {} (local/busybox:1) of the compose project shop in /srv/shop",
        &name[1..]
    );
    let compose = format!(
        "services:\n  web:\n    image: local/busybox:1\n    command: sleep 600\n    ports: [\"127.0.0.1:{port}:80\"]\n"
    );
    for stack in [
        format!(
            "[service.web]\ncontainer = {{ image = \"local/busybox:1\", args = \"sleep 600\", ports = [80] }}\nport = {port}\n"
        ),
        "[service.web]\ncompose = \"web\"\n".to_owned(),
        format!("[service.web]\ncommand = \"sleep 600\"\nport = {port}\n"),
    ] {
        let bench = Bench::with(&stack).await;
        fs::write(bench.path("compose.yaml"), &compose).unwrap();
        assert_eq!(findings(&up(&bench).await), [Code::PortTaken], "{stack}");
        let finding = bench.service("web").finding.clone().expect("a finding");
        let title = finding.title.to_string();
        assert!(title.contains(&by), "{title}");
        bench.down().await;
    }
    docker(&["rm", "-f", &container]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_health_check_is_shown_with_its_output() {
    let bench = Bench::with("[service.web]\ncompose = \"web\"\nstart_timeout = \"5s\"\n").await;
    let compose = "services:\n  web:\n    image: local/busybox:1\n    command: sleep 600\n    healthcheck:\n      test: [\"CMD\", \"sh\", \"-c\", \"echo queue is full; exit 1\"]\n      interval: 1s\n      retries: 1\n";
    fs::write(bench.path("compose.yaml"), compose).unwrap();
    assert_eq!(findings(&up(&bench).await), [Code::ContainerUnhealthy]);
    let web = bench.service("web");
    assert_eq!(web.light, Light::Red);
    let finding = web.finding.clone().expect("a finding");
    let shown = format!("{} {:?}", finding.title, finding.evidence);
    assert!(shown.contains("queue is full"), "{shown}");
    assert_eq!(bench.down().await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_reason_why_an_engine_cannot_start_a_container_has_its_code() {
    let image = |image: &str, more: &str| {
        format!("[service.web]\ncontainer = {{ image = \"{image}\"{more} }}\nrestart = \"never\"\n")
    };
    let mount = ", volumes = [\"./missing:/data\"]";
    let cases = [
        (image("localhost:1/none:1", ""), Code::ImageMissing),
        (image("local/busybox:1", mount), Code::MountMissing),
        (
            image("local/busybox:1", ", args = \"nothing-like-it\""),
            Code::ContainerRefused,
        ),
        (
            "[service.web]\ncompose = \"other\"\n".to_owned(),
            Code::ContainerRefused,
        ),
    ];
    for (stack, code) in cases {
        let bench = Bench::with(&stack).await;
        fs::write(
            bench.path("compose.yaml"),
            "services:\n  web:\n    image: x\n",
        )
        .unwrap();
        let outcome = up(&bench).await;
        assert_eq!(findings(&outcome), [code], "{outcome:#?}");
        bench.down().await;
    }
    let bench = Bench::with(&image("local/busybox:1", "")).await;
    let mut environment = variables();
    environment.set("DOCKER_HOST", "unix:///nowhere/docker.sock");
    let (file, services) = (bench.file(), Vec::new());
    let up = Up {
        file,
        services,
        environment,
    };
    let outcome = tokio::time::timeout(Duration::from_mins(1), bench.handle().up(up)).await;
    assert_eq!(findings(&outcome.expect("an answer")), [Code::EngineDown]);
}

/// Writes a docker context named `far`, and returns the variables of a user of it.
fn with_context(bench: &Bench, host: &str) -> Env {
    let hash = registry::name_of(b"far").replace("sha256:", "");
    let meta = bench.path("docker").join("contexts/meta").join(hash);
    fs::create_dir_all(&meta).expect("a folder");
    let text = format!(r#"{{"Name":"far","Endpoints":{{"docker":{{"Host":"{host}"}}}}}}"#);
    fs::write(meta.join("meta.json"), text).expect("a context");
    let mut environment = variables();
    environment.remove("DOCKER_HOST");
    environment.set("DOCKER_CONFIG", bench.path("docker"));
    environment
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_of_a_remote_engine_are_reached_at_its_host() {
    let port = free_port();
    let bench = Bench::with(&format!(
        r#"
docker_context = "far"

[service.cache]
container = {{ image = "local/redis:7", ports = [6379] }}
port = {port}
ready = "redis"

[service.chosen]
container = {{ image = "local/redis:7", ports = [6379], args = "--port 6379" }}

[service.web]
command = "sh -c 'echo {{cache.host}} {{cache.port}} {{chosen.host}}; sleep 600'"
needs = ["cache", "chosen"]
"#
    ))
    .await;
    let environment = with_context(&bench, &format!("tcp://{}", engine::far()));
    let (file, services) = (bench.file(), Vec::new());
    let up = Up {
        file,
        services,
        environment,
    };
    assert_eq!(within("up", bench.handle().up(up)).await, Outcome::Done);
    let said = lines(&bench, "web");
    assert_eq!(said, [format!("127.0.0.2 {port} 127.0.0.2")]);
    let cache = bench
        .service("cache")
        .container
        .clone()
        .expect("a container");
    // The loopback address of that machine would not be reached from here.
    let bound = "{{range .HostConfig.PortBindings}}{{(index . 0).HostIp}}{{end}}";
    assert_eq!(docker(&["inspect", "-f", bound, &cache.id]), "0.0.0.0");
    assert_eq!(bench.down().await, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_behind_ssh_is_reached_with_the_docker_command() {
    let bench = Bench::with(
        r#"
docker_context = "far"

[service.job]
container = { image = "local/busybox:1", args = ["sh", "-c", "echo one; sleep 600"] }
ready = { log = "one" }
"#,
    )
    .await;
    let mut environment = with_context(&bench, "ssh://me@far.invalid");
    // The engine of the tests answers instead of that of the other machine.
    let engine = variables();
    let engine = engine.get("DOCKER_HOST").and_then(|host| host.to_str());
    let script = format!(
        "#!/bin/sh\nunset DOCKER_CONTEXT DOCKER_CONFIG\nexec docker --host {} system dial-stdio\n",
        engine.expect("an address")
    );
    let folder = bench.path("bin");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("ssh"), script).unwrap();
    fs::set_permissions(folder.join("ssh"), PermissionsExt::from_mode(0o755)).unwrap();
    let path = environment.get("PATH").unwrap_or_default().to_owned();
    let folders = [folder].into_iter().chain(std::env::split_paths(&path));
    environment.set("PATH", std::env::join_paths(folders).unwrap());
    let (file, services) = (bench.file(), Vec::new());
    let up = Up {
        file,
        services,
        environment,
    };
    assert_eq!(within("up", bench.handle().up(up)).await, Outcome::Done);
    assert_eq!(lines(&bench, "job"), ["one"]);
    let job = bench.service("job").container.clone().expect("a container");
    assert_eq!(job.engine, "ssh://me@far.invalid");
    assert_eq!(bench.down().await, Outcome::Done);
    let left = docker(&["ps", "-a", "-q", "--no-trunc"]);
    assert!(!left.contains(&job.id), "it is removed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_containers_start_and_their_usage_is_known() {
    let names: Vec<String> = (1..=20).map(|number| format!("part-{number}")).collect();
    let services = names.iter().map(|name| {
        format!(
            "[service.{name}]\ncontainer = {{ image = \"local/busybox:1\", args = \"sleep 600\" }}\n\
             start_timeout = \"5m\"\nstop = {{ timeout = \"0s\" }}\n"
        )
    });
    let bench = Bench::with(&services.collect::<String>()).await;
    let up = Up {
        file: bench.file(),
        services: Vec::new(),
        environment: variables(),
    };
    assert_eq!(bench.handle().up(up).await, Outcome::Done);
    // On a busy machine, an engine may answer too late for one look.
    let is_known = async {
        loop {
            let measured = bench.handle().usage().await;
            let parts = &measured.stacks[0].services;
            assert_eq!(parts.len(), names.len());
            let known = parts
                .iter()
                .filter(|part| part.memory_bytes.is_some_and(|bytes| bytes > 0));
            if known.count() == names.len() {
                return;
            }
        }
    };
    within("the usage of all", is_known).await;
    assert_eq!(bench.down().await, Outcome::Done);
}
