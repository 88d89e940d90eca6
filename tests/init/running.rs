//! `init --running` learns the stack from processes that were started by hand.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use pilotlight::host::clock;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;

use crate::place::{Place, free_ports, get, repository};

/// A shell and its processes, which are killed with it.
struct Shell(Child);

impl Shell {
    fn start(place: &Place, line: &str) -> Self {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", line])
            .current_dir(place.folder())
            .env_remove("REDIS_URL")
            .env_remove("DATABASE_URL")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        Self(shell.spawn().unwrap())
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let group = Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap();
        kill_process_group(group, Signal::KILL).unwrap();
        self.0.wait().unwrap();
    }
}

fn until(what: &str, is_met: impl Fn() -> bool) {
    let began = clock::now().instant;
    while !is_met() {
        let waited = Instant::duration_since(&clock::now().instant, began);
        assert!(waited < Duration::from_mins(2), "{what}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn is_open(port: u16) -> bool {
    TcpStream::connect(("localhost", port)).is_ok()
}

/// Makes the backend open its connection to Redis.
fn create_session(port: u16) -> String {
    let mut stream = TcpStream::connect(("localhost", port)).unwrap();
    let body = r#"{"user_id":"demo"}"#;
    write!(
        stream,
        "POST /v1/sessions/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn service<'a>(draft: &'a Value, name: &str) -> &'a Value {
    let services = draft["draft"]["services"].as_array().unwrap();
    let found = services.iter().find(|service| service["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {services:#?}"))
}

fn words(service: &Value) -> String {
    let words = service["command"]["value"]["words"].as_array().unwrap();
    let words: Vec<&str> = words.iter().map(|word| word.as_str().unwrap()).collect();
    words.join(" ")
}

fn needs(service: &Value) -> Vec<&str> {
    let needs = service["needs"].as_array().unwrap().iter();
    needs
        .map(|need| need["value"]["service"].as_str().unwrap())
        .collect()
}

#[test]
fn processes_started_by_hand_become_equivalent_services() {
    let place = Place::new();
    let [redis, backend, frontend] = free_ports();
    let ports = [(6379, redis), (8001, backend), (5173, frontend)];
    let nexus = repository().join("examples/nexus");
    place.copy(&nexus, &ports);
    place.link(&nexus.join("backend/.venv"), "backend/.venv");
    place.link(
        &nexus.join("frontend/node_modules"),
        "frontend/node_modules",
    );
    place.write("jobs.py", "import time\nwhile True:\n    time.sleep(1)\n");
    let shells = [
        Shell::start(
            &place,
            &format!(
                "redis-server --port {redis} --save '' & \
                 API_TOKEN=not-for-the-file backend/.venv/bin/python jobs.py & \
                 cd backend; export REDIS_URL=redis://127.0.0.1:{redis}/0 LOG_LEVEL=debug; \
                 .venv/bin/python -m uvicorn main:app --port {backend} & wait"
            ),
        ),
        Shell::start(
            &place,
            &format!("cd frontend; npm run dev -- --port {frontend}; true"),
        ),
    ];
    for port in [redis, backend, frontend] {
        until("a process is not listening", || is_open(port));
    }
    let created = create_session(backend);
    assert!(created.starts_with("HTTP/1.1 201"), "{created}");
    let (draft, _) = place.expect(&["init", "--running", "--json"], 0);
    let text = place.read("pilotlight.toml");
    let draft: Value = serde_json::from_str(&draft).unwrap();
    let services = draft["draft"]["services"].as_array().unwrap();
    assert_eq!(services.len(), 4, "{text}");
    let named = |name: &str| service(&draft, name);
    let port = |name: &str| named(name)["port"]["value"].as_u64();
    assert_eq!(words(named("redis")), "redis-server --port {port}");
    assert_eq!(words(named("jobs")), "backend/.venv/bin/python jobs.py");
    assert_eq!(
        words(named("backend")),
        ".venv/bin/python -m uvicorn main:app --port {port}"
    );
    assert_eq!(words(named("frontend")), "npm run dev -- --port {port}");
    assert_eq!(port("redis"), Some(redis.into()));
    assert_eq!(port("backend"), Some(backend.into()));
    assert_eq!(port("frontend"), Some(frontend.into()));
    assert_eq!(port("jobs"), None);
    assert!(needs(named("backend")).contains(&"redis"), "{text}");
    assert_eq!(named("backend")["directory"]["value"], "backend");
    assert!(text.contains("redis://127.0.0.1:{redis.port}/0"), "{text}");
    assert!(text.contains("env.LOG_LEVEL = \"debug\""), "{text}");
    assert!(!text.contains("not-for-the-file"), "{text}");
    assert!(text.contains("require.env = [\"API_TOKEN\"]"), "{text}");
    assert!(text.contains("/v1/health"), "{text}");
    drop(shells);
    for port in [redis, backend, frontend] {
        until("a port is still in use", || !is_open(port));
    }
    let mut up = place.command(&["up", "--detach"]);
    let output = up.env("API_TOKEN", "x").output().unwrap();
    assert!(
        output.status.success(),
        "{}\n{text}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(place.until_green().len(), 4);
    assert_eq!(get(backend, "/v1/health").0, 200);
    assert!(get(frontend, "/").1.contains("id=\"root\""));
}

#[test]
fn a_project_without_processes_is_reported() {
    let place = Place::new();
    place.write("Procfile", "web: node server.js --port 39017\n");
    let (_, err) = place.expect(&["init", "--running"], 1);
    assert!(err.contains("no process of the project"), "{err}");
    assert!(!place.folder().join("pilotlight.toml").exists());
}
