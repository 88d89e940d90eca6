//! Checks against real servers (FastAPI under uvicorn, Node, Redis), against sockets that violate a
//! protocol, and in comparison with a real browser.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "the harness of a test may panic, and starts servers"
)]

#[path = "checks/chromium.rs"]
mod chromium;
#[path = "checks/node.rs"]
mod node;
#[path = "checks/protocol.rs"]
mod protocol;
#[path = "checks/redis.rs"]
mod redis;
#[path = "checks/service.rs"]
mod service;
#[path = "checks/starlette.rs"]
mod starlette;
#[path = "checks/websocket.rs"]
mod websocket;

use std::{
    collections::BTreeMap,
    env,
    future::Future,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use pilotlight::{
    diagnose::evidence::check::{
        CheckAnswer, CheckFault, CheckNote, CheckOutcome, CorsFault, CorsRule, Stage,
    },
    effects::{
        check::{self, Checked},
        probe::{Context, Prober},
    },
    model::facts::ProbeFaultKind,
    stack::{Body, Check, CheckAction, HttpRequest},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// Much longer than anything here takes. A test that reaches it has failed.
const DEADLINE: Duration = Duration::from_mins(1);
/// The origin of all requests.
const PAGE: &str = "http://localhost:5173";

/// A server process, which is killed at the end of the test.
struct Program {
    child: Child,
    port: u16,
}

impl Program {
    /// Starts it and waits until it prints its address: `running on http://127.0.0.1:8000`.
    fn start(command: &mut Command) -> Self {
        let (reader, writer) = std::io::pipe().unwrap();
        command
            .stdin(Stdio::null())
            .stdout(writer.try_clone().unwrap())
            .stderr(writer);
        let child = command.spawn().unwrap();
        // Only the child may hold the writing end, or the read never ends.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut lines = BufReader::new(reader).lines();
        let mut said = Vec::new();
        let port = loop {
            let Some(line) = lines.next() else {
                panic!("it ended: {said:#?}");
            };
            let line = line.unwrap();
            let port = line
                .split_once("running on http://127.0.0.1:")
                .map(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next());
            if let Some(port) = port.flatten() {
                break port.parse().unwrap();
            }
            said.push(line);
        };
        // Its later output must be read, or it would block.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, port }
    }

    /// Starts FastAPI under uvicorn, with this `WebSocket` library (`none`: without one).
    fn starlette(websockets: &str) -> Self {
        let app = here().join("app.py");
        Self::start(Command::new(python()).arg("-u").arg(app).arg(websockets))
    }

    fn node() -> Self {
        Self::start(Command::new("node").arg(here().join("server.mjs")))
    }

    fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the interpreter of the example, which has FastAPI.
fn python() -> PathBuf {
    let given = env::var_os("PILOTLIGHT_TEST_PYTHON").map(PathBuf::from);
    let python = given.unwrap_or_else(|| root().join("examples/nexus/backend/.venv/bin/python"));
    assert!(
        python.exists(),
        "the example is not set up: run `cargo xtask setup`"
    );
    python
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn here() -> PathBuf {
    root().join("tests/checks")
}

/// Starts a server that answers each request with the result of `answer` for its head.
struct Server {
    port: u16,
    _tasks: JoinSet<()>,
}

impl Server {
    async fn start<F, S>(serve: F) -> Self
    where
        F: Fn(TcpStream, String) -> S + Clone + Send + 'static,
        S: Future<Output = ()> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let serve = serve.clone();
                connections.spawn(async move {
                    let head = read_request(&mut stream).await;
                    serve(stream, head).await;
                });
            }
        });
        Self {
            port,
            _tasks: tasks,
        }
    }

    /// Answers with these bytes and closes the connection properly.
    async fn saying(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |mut stream, _| {
            let answer = answer.clone();
            async move {
                // The client may have disconnected.
                let _ = stream.write_all(&answer).await;
                let _ = stream.shutdown().await;
                let _ = stream.read(&mut [0]).await;
            }
        })
        .await
    }

    fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }
}

/// Reads a request with its body, and returns its head.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    let _ = stream.read_exact(&mut body).await;
    head
}

fn request(method: &str, url: impl Into<String>) -> HttpRequest<String> {
    HttpRequest::new(method, &url.into())
}

/// Returns a check with a JSON body, which needs a preflight.
fn with_json(method: &str, url: String) -> HttpRequest<String> {
    HttpRequest {
        body: Some(Body::Json(json!({"user_id": "demo"}))),
        ..request(method, url)
    }
}

fn http(request: HttpRequest<String>) -> Check<String> {
    Check {
        name: "a check".into(),
        action: CheckAction::Http(Box::new(request)),
        origin: None,
        credentials: false,
        save: BTreeMap::new(),
        timeout: DEADLINE,
        every: None,
    }
}

/// Runs the check as the page.
fn from_page(request: HttpRequest<String>) -> Check<String> {
    Check {
        origin: Some(PAGE.into()),
        ..http(request)
    }
}

fn with_cookies(request: HttpRequest<String>) -> Check<String> {
    Check {
        credentials: true,
        ..from_page(request)
    }
}

async fn ask(check: &Check<String>) -> CheckAnswer {
    let checked: Checked = check::check(
        &Prober::default(),
        check,
        &Context::default(),
        &check::Saved::default(),
    )
    .await;
    checked.answer
}

async fn fault(check: &Check<String>) -> CheckFault {
    let answer = ask(check).await;
    match answer.outcome {
        CheckOutcome::Failed(fault) => fault,
        _ => panic!("it passed: {answer:#?}"),
    }
}

async fn cors(check: &Check<String>) -> CorsFault {
    match fault(check).await {
        CheckFault::Cors(fault) => *fault,
        other => panic!("{other:#?}"),
    }
}

/// Returns the stages of the recorded exchange.
fn stages(answer: &CheckAnswer) -> Vec<Stage> {
    let stages = answer.exchanges.iter().map(|exchange| exchange.stage);
    stages.collect()
}
