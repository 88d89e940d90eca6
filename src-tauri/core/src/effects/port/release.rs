//! A port is made free, and seen to be.

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::task::JoinSet;

use super::{
    holder::{Suspect, Tenants, marked, tenants},
    leftover::Leftovers,
    rules::{ActiveRuns, Asker, Policy, Spared, decide, protection},
};
use crate::{
    effects::process::end,
    model::facts::{Holder, PortFault, Protected},
    platform::socket::{self, Breadth, Refusal},
    stack::{Mode, Port, PortConflict},
};

/// What a holder has between the polite signal and the kill.
const GRACE: Duration = Duration::from_secs(1);
/// Holders are ended so many times; who comes back more often is left alone.
const ROUNDS: usize = 3;
/// What the kernel has to give a port back after its last holder is gone.
const SETTLE: Duration = Duration::from_millis(500);
/// The pauses between two looks at a port grow up to this.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);
/// The name of a `host` has to be resolved within this.
const RESOLVE: Duration = Duration::from_secs(2);

/// Where a service may want to listen.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    port: Port,
    all: Vec<IpAddr>,
}

impl Addresses {
    /// The two loopback addresses, and those of `host`. A host that has no address adds none: the
    /// service itself will say so.
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

/// Binds all of them for a moment. An address that this machine does not have is passed over.
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
    /// What it means if nobody listens there.
    fn without_listener(self) -> PortFault {
        let message = self.error.to_string();
        if self.excluded {
            PortFault::Excluded { message }
        } else {
            PortFault::Lingering { message }
        }
    }
}

/// Ends whoever keeps a service from these addresses, if that is allowed, until they can be bound.
/// Whom it ended.
pub(super) async fn make_free(
    addresses: &Addresses,
    policy: Policy,
    asker: &Asker,
    leftovers: Option<&Leftovers>,
) -> Result<Vec<Holder>, PortFault> {
    let mut ended = Vec::<Holder>::new();
    for round in 0..=ROUNDS {
        let Some(tenants) = obstacle(addresses).await? else {
            return Ok(ended);
        };
        let (tenants, spared) = judge(tenants, policy, asker, leftovers).await;
        let spared = spared?;
        let stays = |suspect: &&Suspect| is_among(&ended, suspect);
        if let Some(suspect) = tenants.suspects.iter().find(stays) {
            return Err(taken(suspect, None));
        }
        if let Some(suspect) = tenants.suspects.first().filter(|_| round == ROUNDS) {
            let by = suspect.parent.clone();
            return Err(taken(suspect, Some(Protected::Respawned { by })));
        }
        end_all(&tenants.suspects, &spared).await;
        let holders = tenants.suspects.into_iter().map(|suspect| suspect.holder);
        ended.extend(holders.inspect(|holder| {
            let (port, pid, name) = (addresses.port, holder.process.pid, &holder.name);
            tracing::info!(%port, pid, name, "ended the holder of a port");
        }));
        is_free_within(addresses, SETTLE).await;
    }
    Ok(ended)
}

/// Returns the processes to spare if the holders of a port may be ended, or the reason why they may
/// not. Reads the facts that the rules need.
async fn judge(
    tenants: Tenants,
    policy: Policy,
    asker: &Asker,
    leftovers: Option<&Leftovers>,
) -> (Tenants, Result<Spared, PortFault>) {
    let (asker, leftovers) = (asker.clone(), leftovers.cloned());
    let judged = tokio::task::spawn_blocking(move || {
        let spared = Spared::read(&asker, leftovers.as_ref());
        let spared = spared.map_err(|error| untold(&error));
        let allowed = spared.and_then(|spared| decide(&tenants, &spared, policy).map(|()| spared));
        (tenants, allowed)
    });
    let lost = |error| (Tenants::default(), Err(untold(&io::Error::other(error))));
    judged.await.unwrap_or_else(lost)
}

/// Who stands in the way; `None` if nobody does, or nobody any more.
async fn obstacle(addresses: &Addresses) -> Result<Option<Tenants>, PortFault> {
    let Err(refused) = bind_all(addresses) else {
        return Ok(None);
    };
    let wanted = Some(refused.addresses);
    let found = tenants(addresses.port, wanted, Breadth::Everyone).await;
    let found = found.map_err(|error| untold(&error))?;
    if found.unknown.is_empty() && !found.suspects.is_empty() {
        return Ok(Some(found));
    }
    // Nobody, or nobody with a name: it may have left while it was looked for.
    match bind_all(addresses) {
        Ok(()) => Ok(None),
        Err(_) if !found.is_empty() => Ok(Some(found)),
        Err(refused) => Err(refused.without_listener()),
    }
}

/// Without knowing who listens, and who is to be spared, nobody is ended.
fn untold(error: &io::Error) -> PortFault {
    PortFault::Lingering {
        message: format!("it is in use, and by whom is not told: {error}"),
    }
}

fn is_among(ended: &[Holder], suspect: &Suspect) -> bool {
    let process = suspect.holder.process;
    ended.iter().any(|holder| holder.process == process)
}

fn taken(suspect: &Suspect, protected: Option<Protected>) -> PortFault {
    PortFault::Taken {
        holder: Some(Box::new(suspect.holder.clone())),
        protected,
    }
}

/// A server ends its workers itself, in its own order, so it is asked first; what it leaves of
/// them comes next. Of a leftover service the whole marked tree goes.
async fn end_all(suspects: &[Suspect], spared: &Spared) {
    let (workers, servers): (Vec<_>, Vec<_>) =
        suspects.iter().partition(|suspect| suspect.descends);
    end_each(servers).await;
    end_each(workers).await;
    let marks: BTreeSet<_> = suspects
        .iter()
        .filter_map(|suspect| suspect.holder.mark.clone())
        .collect();
    for mark in marks {
        let tree = marked(mark).await.unwrap_or_default();
        let may_end = |suspect: &&Suspect| {
            protection(suspect, spared).is_none() && !suspect.program.outlives()
        };
        end_each(tree.iter().filter(may_end)).await;
    }
}

/// Ends all of them at once.
async fn end_each(suspects: impl IntoIterator<Item = &Suspect>) {
    let mut ends: JoinSet<_> = suspects
        .into_iter()
        .map(|suspect| end(suspect.holder.process, GRACE))
        .collect();
    while let Some(end) = ends.join_next().await {
        if let Ok(ended) = end
            && !ended.is_gone()
        {
            tracing::warn!(?ended, "the holder of a port is still there");
        }
    }
}

/// Stops the processes that listen on a port, on any address, at the user's request: under the same
/// rules as a claim of a stack in development. Returns the stopped processes, ancestors first.
///
/// # Errors
///
/// The process that holds the port and why it was not stopped; or what else keeps the port.
pub async fn free(port: Port, asker: &Asker) -> Result<Vec<Holder>, PortFault> {
    make_free(&in_use(port).await, Policy::ASKED, asker, None).await
}

/// Checks whether [`free`] would be allowed to stop the processes that listen on a port. Stops none.
///
/// # Errors
///
/// The same as [`free`].
pub async fn may_free(port: Port, asker: &Asker) -> Result<(), PortFault> {
    let Some(tenants) = obstacle(&in_use(port).await).await? else {
        return Ok(());
    };
    let (_, allowed) = judge(tenants, Policy::ASKED, asker, None).await;
    allowed.map(drop)
}

/// Returns the addresses of a port that matter to a user who wants it free.
async fn in_use(port: Port) -> Addresses {
    let mut addresses = Addresses::new(port, None).await;
    if bind_all(&addresses).is_ok() {
        let elsewhere = tenants(port, None, Breadth::Family)
            .await
            .unwrap_or_default();
        addresses.all = elsewhere.addresses();
    }
    addresses
}

/// Returns whether a port can be bound on both loopback addresses.
pub(super) fn can_be_bound(port: Port) -> bool {
    let all = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    bind_all(&Addresses { port, all }).is_ok()
}

/// A service that may be started.
#[derive(Clone, Debug)]
pub struct Claimant {
    /// Identifies leftovers of its stack.
    pub leftovers: Leftovers,
    /// The service's `host`.
    pub host: Option<String>,
    /// What the stack file says about a port that is held.
    pub conflict: PortConflict,
    /// The mode of the stack.
    pub mode: Mode,
    /// What a daemon runs.
    pub running: ActiveRuns,
}

/// What would keep a service from its port, were it started now. Nobody is ended to find out: a
/// holder whom the start would end is [`PortFault::Taken`] without a reason to leave them alone.
pub async fn foresee(port: Port, claimant: &Claimant) -> Option<PortFault> {
    let addresses = Addresses::new(port, claimant.host.as_deref()).await;
    let tenants = match obstacle(&addresses).await {
        Ok(tenants) => tenants?,
        Err(fault) => return Some(fault),
    };
    let asker = Asker::with(claimant.running.clone());
    let policy = Policy {
        mode: claimant.mode,
        conflict: claimant.conflict,
    };
    let (tenants, allowed) = judge(tenants, policy, &asker, Some(&claimant.leftovers)).await;
    match allowed {
        Ok(_) => tenants.suspects.first().map(|suspect| taken(suspect, None)),
        Err(fault) => Some(fault),
    }
}

/// Whether a port can be bound, on the two loopback addresses and on `host`, now or within so
/// long: for the end of a stop. The operating system has no event for it; the pauses between two
/// looks begin at a millisecond.
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
