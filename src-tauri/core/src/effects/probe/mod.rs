//! Probes: tests whether a service is ready and healthy.
//!
//! A [`Prober`] probes once, a [`ProbeLoop`] repeatedly from the start of a service. Every way in
//! which a response can fail is a separate [`ProbeFaultKind`], which diagnoses depend on.

pub(in crate::effects) mod address;
mod connection;
mod expectation;
pub(in crate::effects) mod http;
mod log;
pub(in crate::effects) mod redis;
mod schedule;
mod server;
mod tls;
pub(in crate::effects) mod websocket;

use std::{
    future::Future,
    path::PathBuf,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use tokio::{
    io::AsyncReadExt as _,
    time::{Instant, timeout, timeout_at},
};

use self::{
    address::{Address, Endpoint, HTTP, WEBSOCKET, shown},
    connection::{Stream, connect},
    http::{Answer, Look},
    redis::Depth,
    tls::Tls,
    websocket::{Handshake, accepted},
};
pub use self::{
    log::Lines,
    schedule::{ProbeLoop, Pulse, Round, Schedule},
};
use crate::{
    effects::{
        container::{self, Contained},
        process::{HelperFault, run_helper},
    },
    env::Env,
    model::facts::{ProbeFault, ProbeFaultKind},
    stack::{Command, HttpRequest, Probe, Protocol},
};

/// The maximum duration of a probe, so that no stack file overflows the clock.
pub(in crate::effects) const LONGEST: Duration = Duration::from_hours(24);
/// How long a connection to a published port must stay open.
const STAYS_OPEN: Duration = Duration::from_millis(50);
/// The time limit for testing whether a server speaks TLS instead of HTTP.
const TLS_QUESTION: Duration = Duration::from_millis(300);

/// Probes services. Cheap to clone; clones share a budget for services that are starting.
///
/// Every probe opens its own connection. Proxy settings are ignored and redirects are not followed.
#[derive(Clone, Debug, Default)]
pub struct Prober(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    tls: Tls,
    /// The number of probe loops whose service is not ready yet. They share a budget.
    waiting: AtomicUsize,
    /// The origin from which the start times of rounds are counted.
    began: Instant,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            tls: Tls::default(),
            waiting: AtomicUsize::default(),
            began: Instant::now(),
        }
    }
}

/// An open connection, encrypted or not.
type Line = Box<dyn Stream>;

/// The context of a probe's command.
#[derive(Clone, Default)]
pub struct Context {
    /// Its working directory.
    pub directory: PathBuf,
    /// The complete environment of the service.
    pub environment: Env,
    /// Its container, if it runs in one.
    pub container: Option<container::Cell>,
}

impl Prober {
    /// Probes once, for at most `timeout`.
    ///
    /// [`Probe::Log`] and [`Probe::Process`] concern a whole run and pass here. A [`ProbeLoop`]
    /// waits for log lines.
    pub async fn probe(
        &self,
        probe: &Probe<String>,
        context: &Context,
        timeout: Duration,
    ) -> Result<(), ProbeFault> {
        let timeout = timeout.min(LONGEST);
        let deadline = Instant::now() + timeout;
        let outcome = match probe {
            Probe::Tcp(address) => tcp(address, deadline).await,
            Probe::Http(request) => self
                .fetch(request, Look::Brief, deadline)
                .await
                .and_then(|answer| answer.judge(&request.expect)),
            Probe::Redis(url) => self.redis(url, Depth::Ping, deadline).await,
            Probe::Server(protocol, url) => self.server(*protocol, url, deadline).await,
            Probe::WebSocket(url) => self
                .shake_hands(&handshake(url), deadline)
                .await
                .and_then(|answer| accepted(&answer)),
            Probe::Command(command) => run(command, context, timeout).await,
            Probe::Published(address) => published(address, deadline).await,
            Probe::Container => Contained::probe(context.container.as_ref()),
            Probe::Log(_) | Probe::Process => return Ok(()),
        };
        outcome.map_err(|kind| ProbeFault {
            target: target(probe),
            kind,
        })
    }

    /// Sends a request and returns the response.
    pub(in crate::effects) async fn fetch(
        &self,
        request: &HttpRequest<String>,
        look: Look,
        deadline: Instant,
    ) -> Result<Answer, ProbeFaultKind> {
        let address = Address::web(&request.url, HTTP)?;
        let built = http::build(request, &address)?;
        let stream = self.open(&address, deadline).await?;
        let exchange = http::exchange(stream, built, &request.expect, look, deadline);
        match within(deadline, true, exchange).await {
            Ok((answer, ..)) => Ok(answer),
            Err(ProbeFaultKind::Empty | ProbeFaultKind::Reset)
                if look == Look::Close
                    && !address.secure
                    && Box::pin(self.speaks_tls(&address)).await =>
            {
                Err(ProbeFaultKind::Protocol(http::SPEAKS_TLS.into()))
            }
            Err(kind) => Err(kind),
        }
    }

    /// Requests an upgrade to WebSocket and returns the response. Closes an accepted connection
    /// properly.
    pub(in crate::effects) async fn shake_hands(
        &self,
        handshake: &Handshake<'_>,
        deadline: Instant,
    ) -> Result<Answer, ProbeFaultKind> {
        let address = Address::web(handshake.url, WEBSOCKET)?;
        let stream = self.open(&address, deadline).await?;
        let shake = websocket::shake(stream, &address, handshake, deadline);
        within(deadline, true, shake).await
    }

    /// Tests whether Redis responds, and whether it accepts writes.
    pub(in crate::effects) async fn redis(
        &self,
        url: &str,
        depth: Depth,
        deadline: Instant,
    ) -> Result<(), ProbeFaultKind> {
        let address = Address::redis(url)?;
        let login = address.redis_login()?;
        let stream = self.open(&address, deadline).await?;
        within(deadline, true, redis::check(stream, &login, depth)).await
    }

    /// Tests whether a server accepts a client.
    async fn server(
        &self,
        protocol: Protocol,
        url: &str,
        deadline: Instant,
    ) -> Result<(), ProbeFaultKind> {
        let address = Address::server(protocol, url)?;
        let stream = self.open(&address, deadline).await?;
        let talk = Box::pin(server::check(stream, protocol, &address));
        within(deadline, true, talk).await
    }

    /// Returns the queues of a Redis with tasks that wait for a worker, and their number.
    pub(in crate::effects) async fn queues(
        &self,
        url: &str,
        deadline: Instant,
    ) -> Result<Vec<(String, u64)>, ProbeFaultKind> {
        let address = Address::redis(url)?;
        let login = address.redis_login()?;
        let stream = self.open(&address, deadline).await?;
        within(deadline, true, redis::queues(stream, &login)).await
    }

    /// Returns whether the server accepts a TLS handshake.
    async fn speaks_tls(&self, address: &Address) -> bool {
        let mut secured = address.clone();
        secured.secure = true;
        let deadline = Instant::now() + TLS_QUESTION;
        self.open(&secured, deadline).await.is_ok()
    }

    /// Connects, with TLS if the address requires it.
    async fn open(&self, address: &Address, deadline: Instant) -> Result<Line, ProbeFaultKind> {
        let stream = within(deadline, false, connect(&address.endpoint)).await?;
        if !address.secure {
            return Ok(Box::new(stream));
        }
        // Boxed, since it is large and rarely needed.
        let secured = Box::pin(self.0.tls.secure(stream, address.name.clone()));
        Ok(Box::new(within(deadline, true, secured).await?))
    }
}

/// Describes a probe for messages.
pub(in crate::effects) fn target(probe: &Probe<String>) -> String {
    match probe {
        Probe::Tcp(address) | Probe::Published(address) => format!("connection to {address}"),
        Probe::Http(request) => format!("{} {}", request.method, shown(&request.url)),
        Probe::Redis(url) => format!("PING {}", shown(url)),
        Probe::Server(protocol, url) => format!("{} {}", protocol.title(), shown(url)),
        Probe::WebSocket(url) => format!("WebSocket {}", shown(url)),
        Probe::Command(command) => format!("`{command}`"),
        Probe::Log(pattern) => format!("a line that matches `{pattern}`"),
        Probe::Process => "the process".to_owned(),
        Probe::Container => "the health check of the container".to_owned(),
    }
}

fn handshake(url: &str) -> Handshake<'_> {
    Handshake {
        url,
        protocol: None,
        headers: &[],
    }
}

async fn tcp(address: &str, deadline: Instant) -> Result<(), ProbeFaultKind> {
    let endpoint = Endpoint::parse(address)?;
    within(deadline, false, connection::reach(&endpoint)).await?;
    Ok(())
}

/// Connects to a published port. The proxy of an engine accepts first, and closes the connection if
/// nothing in the container listens.
async fn published(address: &str, deadline: Instant) -> Result<(), ProbeFaultKind> {
    let endpoint = Endpoint::parse(address)?;
    let mut stream = within(deadline, false, connect(&endpoint)).await?;
    match timeout(STAYS_OPEN, stream.read_u8()).await {
        // The server waits for a request or has sent the first bytes.
        Err(_) | Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) => Err(ProbeFaultKind::Refused),
    }
}

/// Runs a command, which must exit with code 0.
pub(in crate::effects) async fn run(
    command: &Command<String>,
    context: &Context,
    timeout: Duration,
) -> Result<(), ProbeFaultKind> {
    match run_helper(command, &context.directory, &context.environment, timeout).await {
        Ok(output) if output.exit.is_success() => Ok(()),
        Ok(output) => Err(ProbeFaultKind::Command {
            exit: output.exit,
            last_line: output.last_line().map(str::to_owned),
        }),
        Err(HelperFault::Launch(fault)) => Err(ProbeFaultKind::Launch(fault)),
        Err(HelperFault::TimedOut { .. }) => Err(ProbeFaultKind::TimedOut { connected: true }),
    }
}

async fn within<T>(
    deadline: Instant,
    connected: bool,
    step: impl Future<Output = Result<T, ProbeFaultKind>>,
) -> Result<T, ProbeFaultKind> {
    timeout_at(deadline, step)
        .await
        .unwrap_or(Err(ProbeFaultKind::TimedOut { connected }))
}
