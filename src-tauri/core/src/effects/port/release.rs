//! Frees a port and verifies that it is free.

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::task::JoinSet;

use super::{
    claim::ClaimRequest,
    holder::{Occupant, Occupants, marked, occupants},
    leftover::Leftovers,
    rules::{Policy, Requester, Spared, decide, protection},
};
use crate::{
    effects::{container::Engine, process::end},
    env::Env,
    model::{
        container::Publisher,
        facts::{Holder, PortFault, Protected},
    },
    platform::socket::{self, Breadth, Refusal},
    stack::Port,
};

/// The grace period of a holder before it is killed.
const GRACE: Duration = Duration::from_secs(1);
/// The maximum number of rounds in which holders are stopped. A holder that comes back more often
/// is left alone.
const ROUNDS: usize = 3;
/// How long the kernel may take to release a port after its last holder has exited.
const SETTLE: Duration = Duration::from_millis(500);
/// The longest pause between two checks of a port.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);
/// The time limit for the kernel to release a port after its last holder has exited.
const ENGINE: Duration = Duration::from_secs(2);
/// The grace period of a container before it is killed, as in the `docker` command.
const CONTAINER_GRACE: Duration = Duration::from_secs(10);
/// The time limit for resolving a `host`.
const RESOLVE: Duration = Duration::from_secs(2);

/// The addresses on which a service may listen.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    port: Port,
    all: Vec<IpAddr>,
}

impl Addresses {
    /// Returns the two loopback addresses and those of `host`. A host without an address adds none:
    /// the service itself reports that fault.
    pub(super) async fn new(port: Port, host: Option<&str>) -> Self {
        let mut all = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        let host = host.map(|host| host.trim_start_matches('[').trim_end_matches(']'));
        match host {
            None | Some("" | "localhost") => {}
            Some(host) => match host.parse::<IpAddr>() {
                Ok(address) => all.push(address),
                Err(_) => all.extend(resolve(host).await),
            },
        }
        let mut seen = BTreeSet::new();
        all.retain(|address| seen.insert(*address));
        Self { port, all }
    }
}

/// Returns whether the loopback addresses of a port can be bound.
#[must_use]
pub fn is_free(port: Port) -> bool {
    let all = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    bind_all(&Addresses { port, all }).is_ok()
}

async fn resolve(host: &str) -> Vec<IpAddr> {
    match tokio::time::timeout(RESOLVE, tokio::net::lookup_host((host, 0))).await {
        Ok(Ok(addresses)) => addresses.map(|address| address.ip()).collect(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    }
}

/// Why some addresses of a port cannot be bound.
#[derive(Debug)]
pub(super) struct Refused {
    addresses: Vec<IpAddr>,
    excluded: bool,
    error: io::Error,
}

/// Binds all addresses for a moment. Addresses that this machine does not have are skipped.
pub(super) fn bind_all(addresses: &Addresses) -> Result<(), Refused> {
    let mut refused: Option<Refused> = None;
    for &ip in &addresses.all {
        let (error, excluded) = match socket::bind(SocketAddr::new(ip, addresses.port.number())) {
            Ok(_) | Err(Refusal::Absent) => continue,
            Err(Refusal::InUse(error) | Refusal::Other(error)) => (error, false),
            Err(Refusal::Excluded(error)) => (error, true),
        };
        let refused = refused.get_or_insert(Refused {
            addresses: Vec::new(),
            excluded,
            error,
        });
        refused.addresses.push(ip);
    }
    refused.map_or(Ok(()), Err)
}

impl Refused {
    /// Returns the fault for addresses without a listener.
    fn without_listener(self) -> PortFault {
        let message = self.error.to_string();
        if self.excluded {
            PortFault::Excluded { message }
        } else {
            PortFault::Lingering { message }
        }
    }
}

/// Stops the holders of these addresses, if allowed, until all can be bound. Returns the stopped
/// holders.
pub(super) async fn make_free(
    addresses: &Addresses,
    policy: Policy,
    requester: &Requester,
    leftovers: Option<&Leftovers>,
) -> Result<Vec<Holder>, PortFault> {
    let mut ended = Vec::<Holder>::new();
    for round in 0..=ROUNDS {
        let Some(occupants) = obstacle(addresses).await? else {
            return Ok(ended);
        };
        let (occupants, spared) =
            judge(addresses.port, occupants, policy, requester, leftovers).await;
        let spared = spared?;
        let stays = |occupant: &&Occupant| is_among(&ended, occupant);
        if let Some(occupant) = occupants.known.iter().find(stays) {
            return Err(taken(Some(&occupant.holder), None));
        }
        if let Some(occupant) = occupants.known.first().filter(|_| round == ROUNDS) {
            let by = occupant.parent.clone();
            let protected = Protected::Respawned { by };
            return Err(taken(Some(&occupant.holder), Some(protected)));
        }
        end_all(&occupants.known, &spared).await;
        let holders = occupants.known.into_iter().map(|occupant| occupant.holder);
        ended.extend(holders.inspect(|holder| {
            let (port, pid, name) = (addresses.port, holder.process.pid, &holder.name);
            tracing::info!(%port, pid, name, "stopped the holder of a port");
        }));
        is_free_within(addresses, SETTLE).await;
    }
    Ok(ended)
}

/// Returns the processes to spare if the holders of a port may be stopped, or the reason why they
/// may not. Reads the facts that the rules need.
async fn judge(
    port: Port,
    occupants: Occupants,
    policy: Policy,
    requester: &Requester,
    leftovers: Option<&Leftovers>,
) -> (Occupants, Result<Spared, PortFault>) {
    let variables = requester.variables.clone();
    let (requester, leftovers) = (requester.clone(), leftovers.cloned());
    let judged = tokio::task::spawn_blocking(move || {
        let spared = Spared::read(&requester, leftovers.as_ref());
        let spared = spared.map_err(|error| untold(&error));
        let allowed =
            spared.and_then(|spared| decide(&occupants, &spared, policy).map(|()| spared));
        (occupants, allowed)
    });
    let lost = |error| (Occupants::default(), Err(untold(&io::Error::other(error))));
    let (occupants, allowed) = judged.await.unwrap_or_else(lost);
    match allowed {
        // A proxy that runs as root is hidden from the user.
        Err(PortFault::Taken {
            holder,
            protected: Some(protected),
        }) if holder.is_none() || protected == Protected::ContainerProxy(None) => {
            let protected = match publisher(port, variables).await {
                Some(container) => Protected::ContainerProxy(Some(Box::new(container))),
                None => protected,
            };
            let protected = Some(protected);
            (occupants, Err(PortFault::Taken { holder, protected }))
        }
        allowed => (occupants, allowed),
    }
}

/// Returns the container that publishes a port, if an engine reports it in time.
pub(super) async fn publisher(port: Port, variables: Env) -> Option<Publisher> {
    let engine = Engine::find(&variables, None).await.ok()?;
    let asking = engine.publisher(port);
    tokio::time::timeout(ENGINE, asking).await.ok()?.ok()?
}

/// Returns the current holders; `None` if all addresses can be bound.
async fn obstacle(addresses: &Addresses) -> Result<Option<Occupants>, PortFault> {
    let Err(refused) = bind_all(addresses) else {
        return Ok(None);
    };
    let wanted = Some(refused.addresses);
    let found = occupants(addresses.port, wanted, Breadth::Everyone).await;
    let found = found.map_err(|error| untold(&error))?;
    if found.unknown.is_empty() && !found.known.is_empty() {
        return Ok(Some(found));
    }
    // No holder was found, or only hidden ones: it may have exited in the meantime.
    match bind_all(addresses) {
        Ok(()) => Ok(None),
        Err(_) if !found.is_empty() => Ok(Some(found)),
        Err(refused) => Err(refused.without_listener()),
    }
}

/// Without a list of holders and protected processes, nothing is stopped.
fn untold(error: &io::Error) -> PortFault {
    PortFault::Lingering {
        message: format!("it is in use, and its holder is unknown: {error}"),
    }
}

fn is_among(ended: &[Holder], occupant: &Occupant) -> bool {
    let process = occupant.holder.process;
    ended.iter().any(|holder| holder.process == process)
}

pub(super) fn taken(holder: Option<&Holder>, protected: Option<Protected>) -> PortFault {
    PortFault::Taken {
        holder: holder.cloned().map(Box::new),
        protected,
    }
}

/// Stops holders. A server stops its own workers in its own order, so it is signalled first and its
/// remaining workers next. Of a leftover service, all marked processes are stopped.
async fn end_all(known: &[Occupant], spared: &Spared) {
    let (workers, servers): (Vec<_>, Vec<_>) = known.iter().partition(|occupant| occupant.descends);
    end_each(servers).await;
    end_each(workers).await;
    let marks: BTreeSet<_> = known
        .iter()
        .filter_map(|occupant| occupant.holder.mark.clone())
        .collect();
    for mark in marks {
        let tree = marked(mark).await.unwrap_or_default();
        let may_end = |occupant: &&Occupant| {
            protection(occupant, spared).is_none() && !occupant.program.outlives()
        };
        end_each(tree.iter().filter(may_end)).await;
    }
}

/// Stops all of them concurrently.
async fn end_each(known: impl IntoIterator<Item = &Occupant>) {
    let mut ends: JoinSet<_> = known
        .into_iter()
        .map(|occupant| end(occupant.holder.process, GRACE))
        .collect();
    while let Some(end) = ends.join_next().await {
        if let Ok(ended) = end
            && !ended.is_gone()
        {
            tracing::warn!(?ended, "the holder of a port is still running");
        }
    }
}

/// Stops the processes that listen on a port, on any address, at the user's request: under the same
/// rules as a claim of a stack in development. Returns the stopped processes, ancestors first. Of a
/// container that publishes the port, the container is stopped.
///
/// # Errors
///
/// The process that holds the port and why it was not stopped; or the reason why the port is still
/// in use.
pub async fn free(port: Port, requester: &Requester) -> Result<Vec<Holder>, PortFault> {
    let freed = make_free(&in_use(port).await, Policy::ASKED, requester, None).await;
    let Err(fault) = freed else { return freed };
    let Some(container) = published_by(&fault) else {
        return Err(fault);
    };
    let stopped = match Engine::find(&requester.variables, None).await {
        Ok(engine) => engine.stop(&container.id, None, CONTAINER_GRACE).await,
        Err(missing) => Err(missing),
    };
    if let Err(error) = stopped {
        tracing::warn!(%error, %container, "the container that publishes a port was not stopped");
        return Err(fault);
    }
    make_free(&in_use(port).await, Policy::ASKED, requester, None).await
}

/// Returns the container that holds a port.
fn published_by(fault: &PortFault) -> Option<&Publisher> {
    match fault {
        PortFault::Taken {
            protected: Some(Protected::ContainerProxy(container)),
            ..
        } => container.as_deref(),
        _ => None,
    }
}

/// Checks whether [`free`] would be allowed to stop the processes that listen on a port. Stops none.
///
/// # Errors
///
/// The same as [`free`].
pub async fn may_free(port: Port, requester: &Requester) -> Result<(), PortFault> {
    let Some(occupants) = obstacle(&in_use(port).await).await? else {
        return Ok(());
    };
    let (_, allowed) = judge(port, occupants, Policy::ASKED, requester, None).await;
    match allowed {
        Err(fault) if published_by(&fault).is_none() => Err(fault),
        _ => Ok(()),
    }
}

/// Returns the addresses of a port that matter to a user who wants it free.
async fn in_use(port: Port) -> Addresses {
    let mut addresses = Addresses::new(port, None).await;
    if bind_all(&addresses).is_ok() {
        let elsewhere = occupants(port, None, Breadth::Family)
            .await
            .unwrap_or_default();
        addresses.all = elsewhere.addresses();
    }
    addresses
}

/// Returns the fault that would block a service's port if it were started now. Stops nothing: a
/// holder that the start would stop is [`PortFault::Taken`] without a protection.
pub async fn foresee(request: &ClaimRequest) -> Option<PortFault> {
    let port = request.port;
    let addresses = Addresses::new(port, request.host.as_deref()).await;
    let occupants = match obstacle(&addresses).await {
        Ok(occupants) => occupants?,
        Err(fault) => return Some(fault),
    };
    let (policy, leftovers) = (request.policy(), Some(&request.leftovers));
    let (occupants, allowed) = judge(port, occupants, policy, &request.requester, leftovers).await;
    match allowed {
        Ok(_) => occupants
            .known
            .first()
            .map(|occupant| taken(Some(&occupant.holder), None)),
        Err(fault) => Some(fault),
    }
}

/// Returns whether a port can be bound on the two loopback addresses and on `host`, now or within
/// this time. The operating system has no event for that; the pauses between two checks begin at a
/// millisecond.
pub async fn verify_free(port: Port, host: Option<&str>, within: Duration) -> bool {
    is_free_within(&Addresses::new(port, host).await, within).await
}

async fn is_free_within(addresses: &Addresses, within: Duration) -> bool {
    let free = async {
        let mut pause = Duration::from_millis(1);
        while bind_all(addresses).is_err() {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    };
    tokio::time::timeout(within, free).await.is_ok()
}
