//! Probes against real servers, and against sockets that violate a protocol.
#![expect(
    clippy::unwrap_used,
    reason = "the harness of a test may panic like a test"
)]

#[path = "probes/command.rs"]
mod command;
#[path = "probes/http.rs"]
mod http;
#[cfg(unix)]
#[path = "probes/redis.rs"]
mod redis;
#[cfg(unix)]
#[path = "probes/servers.rs"]
mod servers;
#[path = "probes/tcp.rs"]
mod tcp;
#[path = "probes/tls.rs"]
mod tls;
#[path = "probes/watch.rs"]
mod watch;
#[path = "probes/websocket.rs"]
mod websocket;

use std::{future::Future, time::Duration};

use pilotlight::{
    effects::probe::{Context, Prober},
    model::facts::{ProbeFault, ProbeFaultKind},
    stack::{Expect, HttpRequest, Probe},
};
use pilotlight_test_service::free_port;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};

/// Much longer than anything here takes. A test that reaches it has failed.
const DEADLINE: Duration = Duration::from_mins(1);
/// The timeout for servers that never answer.
const SHORT: Duration = Duration::from_millis(500);

/// A server on its own port, which is stopped with the test.
struct Server {
    port: u16,
    tasks: JoinSet<()>,
}

impl Server {
    /// Serves the connections to `address` one after the other with `serve`.
    async fn start<F, S>(address: &str, serve: F) -> Self
    where
        F: Fn(TcpStream) -> S + Send + 'static,
        S: Future<Output = ()> + Send,
    {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                serve(stream).await;
            }
        });
        Self { port, tasks }
    }

    /// Answers every request with these bytes and closes the connection.
    async fn saying(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start("127.0.0.1", move |mut stream| {
            let answer = answer.clone();
            async move {
                read_head(&mut stream).await;
                stream.write_all(&answer).await.unwrap();
            }
        })
        .await
    }

    /// Accepts connections and sends nothing.
    async fn hung() -> Self {
        Self::start("127.0.0.1", |stream| async move {
            std::future::pending::<()>().await;
            drop(stream);
        })
        .await
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

/// Reads a request up to the empty line or its end.
async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

fn get(url: impl Into<String>) -> HttpRequest<String> {
    HttpRequest::new("GET", &url.into())
}

async fn ask_within(probe: Probe<String>, patience: Duration) -> Result<(), ProbeFault> {
    let prober = Prober::default();
    prober.probe(&probe, &Context::default(), patience).await
}

/// Runs one round and returns the kind of the fault, if any.
async fn ask(probe: Probe<String>) -> Result<(), ProbeFaultKind> {
    ask_within(probe, DEADLINE)
        .await
        .map_err(|fault| fault.kind)
}

async fn ask_http(request: HttpRequest<String>) -> Result<(), ProbeFaultKind> {
    ask(Probe::Http(Box::new(request))).await
}

/// Waits for `condition`, with a long time limit.
async fn soon<T>(condition: impl Future<Output = T>) -> T {
    timeout(DEADLINE, condition).await.expect("it never came")
}
