//! The example: a real Redis, a real FastAPI under uvicorn, a real Vite.
//!
//! `cargo xtask test` sets it up. It uses the ports of its stack file, so only one of these tests can run
//! on a machine, and no other program may use the ports.
#![cfg(unix)]
#![expect(clippy::disallowed_methods, reason = "the command runs as for a user")]
#![expect(clippy::unwrap_used, reason = "a panic names the place of a failure")]

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_mins(1);
const PORTS: [u16; 3] = [6379, 8001, 5173];

/// The example, run by a daemon with a separate home. It is stopped on drop.
struct Nexus {
    home: TempDir,
}

impl Nexus {
    fn up() -> Self {
        for port in PORTS {
            let free = TcpListener::bind(("127.0.0.1", port));
            assert!(
                free.is_ok(),
                "port {port} is taken: the example cannot be tried"
            );
        }
        let python = example().join("backend/.venv/bin/python");
        assert!(
            python.exists(),
            "the example is not set up: run `cargo xtask setup`"
        );
        let nexus = Self {
            home: TempDir::new().unwrap(),
        };
        nexus.expect(&["up", "--detach"]);
        nexus
    }

    fn run(&self, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_pilotlight"))
            .arg("--file")
            .arg(example().join("pilotlight.toml"))
            .args(words)
            .env("PILOTLIGHT_HOME", self.home.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn expect(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "{words:?}: {}",
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    fn services(&self) -> Vec<Value> {
        let status: Value = serde_json::from_str(&self.expect(&["status", "--json"])).unwrap();
        status["stacks"][0]["services"].as_array().unwrap().clone()
    }

    fn service(&self, name: &str) -> Value {
        self.services()
            .into_iter()
            .find(|service| service["name"] == name)
            .unwrap()
    }

    fn lights(&self) -> Vec<String> {
        let light = |service: Value| service["light"].as_str().unwrap().to_owned();
        self.services().into_iter().map(light).collect()
    }

    /// Waits until a condition is true.
    fn until(&self, what: &str, so: impl Fn(&Self) -> bool) {
        let began = pilotlight::host::clock::now().instant;
        while !so(self) {
            let waited = Instant::duration_since(&pilotlight::host::clock::now().instant, began);
            assert!(waited < DEADLINE, "no {what}: {:#?}", self.services());
            std::thread::yield_now();
        }
    }
}

impl Drop for Nexus {
    fn drop(&mut self) {
        self.run(&["down"]);
    }
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples/nexus")
        .canonicalize()
        .unwrap()
}

/// Sends a request as the page does, and returns the status, the head and the body of the answer.
fn request(method: &str, port: u16, path: &str, body: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(("localhost", port)).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: http://localhost:5173\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase(), body.to_owned())
}

/// Returns the processes that run one of the example's programs.
fn marked(home: &Path) -> Vec<String> {
    let mark = home.as_os_str().as_encoded_bytes();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        let is_service = environment
            .split(|byte| *byte == 0)
            .any(|it| it.starts_with(b"PILOTLIGHT_SERVICE=nexus"));
        let is_ours = environment.windows(mark.len()).any(|window| window == mark);
        if is_service && is_ours {
            found.push(entry.path().display().to_string());
        }
    }
    found
}

#[test]
fn the_example_starts_chats_survives_a_killed_redis_and_stops_without_a_trace() {
    let nexus = Nexus::up();
    nexus.until("green light", |nexus| {
        nexus.lights() == ["green", "green", "green"]
    });
    let started: Vec<String> = nexus
        .services()
        .iter()
        .map(|it| it["started"].as_str().unwrap().to_owned())
        .collect();
    assert!(
        started.is_sorted(),
        "redis, then the backend, then the frontend: {started:?}"
    );

    let (status, head, body) = request("POST", 8001, "/v1/sessions/", r#"{"user_id":"ada"}"#);
    assert_eq!(status, 201, "{body}");
    assert!(
        head.contains("access-control-allow-origin: http://localhost:5173"),
        "{head}"
    );
    let session: Value = serde_json::from_str(&body).unwrap();
    let id = session["id"].as_str().unwrap();
    let said =
        format!(r#"{{"session_id":"{id}","messages":[{{"role":"user","content":"hello"}}]}}"#);
    let (status, _, body) = request("POST", 8001, "/v1/chat/completions", &said);
    assert_eq!(status, 200, "{body}");
    let (status, _, history) = request("GET", 8001, &format!("/v1/sessions/{id}/history"), "");
    assert_eq!(status, 200);
    assert!(history.contains("hello"), "{history}");
    let (status, _, page) = request("GET", 5173, "/", "");
    assert_eq!(status, 200);
    assert!(page.contains("<div id=\"root\">"), "{page}");

    let redis = nexus.service("redis")["pid"].as_i64().unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(redis).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    nexus.until("other redis", |nexus| {
        let service = nexus.service("redis");
        service["phase"] == "ready" && service["pid"] != redis
    });
    let (status, ..) = request("POST", 8001, "/v1/sessions/", r#"{"user_id":"ada"}"#);
    assert_eq!(status, 201, "the backend finds the new Redis");
    assert_eq!(nexus.service("redis")["restarts"], 1);

    nexus.expect(&["down"]);
    assert_eq!(marked(nexus.home.path()), [""; 0]);
    for port in PORTS {
        assert!(
            TcpListener::bind(("127.0.0.1", port)).is_ok(),
            "port {port} is still in use"
        );
    }
}
