//! A complete stack, from `up` to `down`.

use std::fs;

use pilotlight_test_service::free_port;

use super::stage::{Stage, lives, steps, until};

/// A store, an API that needs it, and a worker that needs the API. Each writes its start to a common
/// trace.
fn stack(store: u16, api: u16) -> String {
    let [store_steps, api_steps, worker_steps] = [
        format!("--trace trace --print opening --listen 127.0.0.1:{store}"),
        format!("--trace trace --listen 127.0.0.1:{api}"),
        "--trace trace --print working --child fork".to_owned(),
    ]
    .map(|it| steps(&it));
    format!(
        r#"
[service.store]
{store_steps}
port = {store}
stop = {{ timeout = "300ms" }}

[service.api]
{api_steps}
port = {api}
needs = ["store"]
ready = {{ http = "http://localhost:{{port}}/" }}
stop = {{ timeout = "300ms" }}

[service.worker]
{worker_steps}
needs = ["api"]
ready = {{ log = "^working" }}
stop = {{ timeout = "300ms" }}
"#
    )
}

fn starts_and_stops(home: &str) {
    let (store, api) = (free_port(), free_port());
    let stage = Stage::new(&stack(store, api)).with_home(home);
    stage.expect(&["check"], 0);
    let (_, told) = stage.expect(&["up", "--detach"], 0);
    assert!(told.contains("worker"), "{told}");

    let names = ["store", "api", "worker"];
    let services = names.map(|name| stage.service(name));
    for service in &services {
        assert_eq!(service["phase"], "ready", "{service}");
        assert_eq!(service["light"], "green", "{service}");
    }
    assert_eq!(services[0]["port"], store);
    let pids = names.map(|name| stage.pid(name));
    let trace = fs::read_to_string(stage.path("trace")).unwrap();
    let starts = trace.lines().filter(|line| line.starts_with("start "));
    let order: Vec<u32> = starts
        .map(|line| line.split(' ').nth(1).unwrap().parse().unwrap())
        .collect();
    assert_eq!(order, pids, "{trace}");

    let (log, _) = stage.expect(&["logs", "store"], 0);
    assert!(log.contains("opening"), "{log}");
    let (log, _) = stage.expect(&["logs", "--grep", "^work"], 0);
    assert!(log.contains("working") && !log.contains("opening"), "{log}");

    let held = stage.json(&["port", &api.to_string(), "--json"], 0);
    assert_eq!(held["holders"][0]["pid"], pids[1], "{held}");

    stage.expect(&["restart", "api"], 0);
    let again = stage.pid("api");
    assert_ne!(again, pids[1]);
    assert!(!lives(pids[1]));

    let daemon = stage.daemon().unwrap();
    assert!(lives(daemon));
    stage.expect(&["down"], 0);
    assert_eq!(stage.processes(), [0; 0]);
    for pid in pids.into_iter().chain([again]) {
        assert!(!lives(pid));
    }
    until("the daemon exits with its last stack", || !lives(daemon));
    let (out, _) = stage.expect(&["status"], 0);
    assert!(out.contains("stopped"), "{out}");
}

#[test]
fn a_stack_goes_from_up_to_down() {
    starts_and_stops("home");
}

/// Longer than 260 characters and not ASCII: state, logs and the name of the pipe.
#[test]
fn a_stack_in_a_home_with_a_long_path_starts_and_stops() {
    starts_and_stops(&format!(r"{}\{}", "ü ".repeat(70), "d".repeat(150)));
}

#[test]
fn a_foreground_daemon_answers_other_commands() {
    let stage = Stage::new(&format!(
        "[service.ticker]\n{}\nready = {{ log = \"tick\" }}\nstop = {{ timeout = \"300ms\" }}\n",
        steps("--print tick")
    ));
    let mut up = stage.command(&["up"]).spawn().unwrap();
    let home = stage.home();
    until("a daemon", || home.state().join("keeper.json").exists());
    until("a service", || {
        let status = stage.json(&["status", "--json"], 0);
        status["stacks"][0]["services"][0]["phase"] == "ready"
    });
    stage.expect(&["down"], 0);
    assert_eq!(stage.processes(), [0; 0]);
    until("the exit of the command", || {
        up.try_wait().unwrap().is_some()
    });
}
