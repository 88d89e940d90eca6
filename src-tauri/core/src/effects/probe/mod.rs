//! Probes: is it there, and is it well?
//!
//! A [`Prober`] asks once; a [`Watch`] asks again and again, from the start of a service on. Every
//! way in which an answer fails to come or to please is a [`ProbeFaultKind`] of its own, since that
//! is what a diagnosis goes by.

pub(in crate::effects) mod address;
mod connection;
mod expectation;
pub(in crate::effects) mod http;
mod log;
pub(in crate::effects) mod redis;
mod schedule;
mod tls;
pub(in crate::effects) mod websocket;

use std::{
    ffi::OsString,
    future::Future,
    path::PathBuf,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use tokio::time::{Instant, timeout_at};

use self::{
    address::{Endpoint, RedisAddress, WebAddress, shown},
    connection::{Stream, connect},
    http::{Answer, Look},
    redis::Depth,
    tls::Tls,
    websocket::{Handshake, accepted},
};
pub use self::{
    log::Lines,
    schedule::{Pulse, Round, Schedule, Watch},
};
use crate::{
    effects::process::{HelperFault, run_helper},
    model::facts::{ProbeFault, ProbeFaultKind},
    stack::{Command, HttpRequest, Probe},
};

/// What one probe may take at most, so that no stack file counts beyond the end of the clock.
pub(in crate::effects) const LONGEST: Duration = Duration::from_hours(24);
/// What the question may take at most whether TLS is spoken where HTTP was expected.
const TLS_QUESTION: Duration = Duration::from_millis(300);

/// Asks services whether they are there and well. Cheap to clone, and to be shared: all watches of
/// one prober keep to one budget while their services start.
///
/// Every probe makes a connection of its own and closes it. No proxy is ever asked, whatever the
/// environment says, and no redirect is followed.
#[derive(Clone, Debug, Default)]
pub struct Prober(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    tls: Tls,
    /// The watches whose service is not yet ready: together they keep to a budget.
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

/// An open connection, secured or not.
type Line = Box<dyn Stream>;

/// Where the command of a probe runs.
#[derive(Clone, Default)]
pub struct Context {
    /// Its working directory.
    pub directory: PathBuf,
    /// All of its environment: that of the service. Values are secrets.
    pub environment: Arc<[(OsString, OsString)]>,
}

impl Prober {
    /// Asks once, for `timeout` at most.
    ///
    /// [`Probe::Log`] and [`Probe::Process`] are about a run, not about this moment: here they
    /// pass. A [`Watch`] is what waits for a line.
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
            Probe::WebSocket(url) => self
                .shake_hands(&handshake(url), deadline)
                .await
                .and_then(|answer| accepted(&answer)),
            Probe::Command(command) => run(command, context, timeout).await,
            Probe::Log(_) | Probe::Process => return Ok(()),
        };
        outcome.map_err(|kind| ProbeFault {
            target: target(probe),
            kind,
        })
    }

    /// Sends a request, and takes what comes.
    pub(in crate::effects) async fn fetch(
        &self,
        request: &HttpRequest<String>,
        look: Look,
        deadline: Instant,
    ) -> Result<Answer, ProbeFaultKind> {
        let address = WebAddress::parse(&request.url, "http")?;
        let built = http::build(request, &address)?;
        let stream = self
            .open(&address.endpoint, secured(&address), deadline)
            .await?;
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

    /// Asks to go over to WebSocket, and takes what comes. Says goodbye if that is accepted.
    pub(in crate::effects) async fn shake_hands(
        &self,
        handshake: &Handshake<'_>,
        deadline: Instant,
    ) -> Result<Answer, ProbeFaultKind> {
        let address = WebAddress::parse(handshake.url, "ws")?;
        let stream = self
            .open(&address.endpoint, secured(&address), deadline)
            .await?;
        within(
            deadline,
            true,
            websocket::shake(stream, &address, handshake, deadline),
        )
        .await
    }

    /// Asks a Redis whether it is there, and whether it takes writes.
    pub(in crate::effects) async fn redis(
        &self,
        url: &str,
        depth: Depth,
        deadline: Instant,
    ) -> Result<(), ProbeFaultKind> {
        let address = RedisAddress::parse(url)?;
        let name = address.secure.then_some(address.name);
        let stream = self.open(&address.endpoint, name, deadline).await?;
        within(deadline, true, redis::ask(stream, &address.settings, depth)).await
    }

    /// Returns the queues of a Redis with tasks that wait for a worker, and their number.
    pub(in crate::effects) async fn queues(
        &self,
        url: &str,
        deadline: Instant,
    ) -> Result<Vec<(String, u64)>, ProbeFaultKind> {
        let address = RedisAddress::parse(url)?;
        let name = address.secure.then_some(address.name);
        let stream = self.open(&address.endpoint, name, deadline).await?;
        within(deadline, true, redis::queues(stream, &address.settings)).await
    }

    /// Whether somebody there shakes hands for TLS.
    async fn speaks_tls(&self, address: &WebAddress) -> bool {
        let name = Some(address.name.clone());
        let deadline = Instant::now() + TLS_QUESTION;
        self.open(&address.endpoint, name, deadline).await.is_ok()
    }

    /// Connects, and secures the connection where there is a `name` that the server must prove.
    async fn open(
        &self,
        endpoint: &Endpoint,
        name: Option<String>,
        deadline: Instant,
    ) -> Result<Line, ProbeFaultKind> {
        let stream = within(deadline, false, connect(endpoint)).await?;
        Ok(match name {
            Some(name) => {
                // Large, and seldom needed.
                let secured = Box::pin(self.0.tls.secure(stream, name));
                Box::new(within(deadline, true, secured).await?)
            }
            None => Box::new(stream),
        })
    }
}

/// What a probe asks, as a person reads it.
pub(in crate::effects) fn target(probe: &Probe<String>) -> String {
    match probe {
        Probe::Tcp(address) => format!("connection to {address}"),
        Probe::Http(request) => format!("{} {}", request.method, shown(&request.url)),
        Probe::Redis(url) => format!("PING {}", shown(url)),
        Probe::WebSocket(url) => format!("WebSocket {}", shown(url)),
        Probe::Command(command) => format!("`{command}`"),
        Probe::Log(pattern) => format!("a line that matches `{pattern}`"),
        Probe::Process => "the process".to_owned(),
    }
}

fn handshake(url: &str) -> Handshake<'_> {
    Handshake {
        url,
        protocol: None,
        headers: &[],
    }
}

fn secured(address: &WebAddress) -> Option<String> {
    address.secure.then(|| address.name.clone())
}

async fn tcp(address: &str, deadline: Instant) -> Result<(), ProbeFaultKind> {
    let endpoint = Endpoint::parse(address)?;
    within(deadline, false, connection::reach(&endpoint)).await?;
    Ok(())
}

/// Runs a command to its end, which must be code 0.
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
