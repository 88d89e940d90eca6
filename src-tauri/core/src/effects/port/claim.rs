//! Claims the port of a service.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use super::{
    leftover::Leftovers,
    release::{Addresses, bind_all, make_free, taken},
    rules::{Policy, Requester},
};
use crate::{
    model::facts::{Claimed, Mark, PortFault, Protected},
    stack::{self, Mode, Port, PortConflict, Service, Stack},
    sync::lock,
};

/// The number of ports after the declared one that `port_conflict = "next"` tries.
const NEXT: u16 = 100;

/// The claim of a service.
#[derive(Clone, Debug)]
pub struct ClaimRequest {
    /// The run that the port is for.
    pub mark: Mark,
    /// The port that the stack file declares.
    pub port: Port,
    /// An address besides the two loopback ones: the service's `host`.
    pub host: Option<String>,
    /// The `port_conflict` of the stack file.
    pub conflict: PortConflict,
    /// The mode of the stack.
    pub mode: Mode,
    /// Identifies leftovers of the stack.
    pub leftovers: Leftovers,
    /// Ports that other services declare. They are not chosen as the next one.
    pub reserved: BTreeSet<Port>,
    /// The requester, with the processes that it protects.
    pub requester: Requester,
}

impl ClaimRequest {
    /// Returns the request of a run for a port that its service declares.
    #[must_use]
    pub fn new(
        mark: Mark,
        port: Port,
        stack: &Stack,
        service: &Service,
        ports: &impl stack::Ports,
        requester: Requester,
    ) -> Self {
        Self {
            leftovers: Leftovers::of(mark.stack.clone(), stack, service, ports),
            mark,
            port,
            host: service.host.clone(),
            conflict: service.port_conflict,
            mode: stack.mode,
            reserved: BTreeSet::new(),
            requester,
        }
    }

    pub(super) fn policy(&self) -> Policy {
        Policy {
            mode: self.mode,
            conflict: self.conflict,
        }
    }

    /// Returns the request for another port of the service, which is never replaced by the next
    /// free one.
    #[must_use]
    pub fn for_named(self, port: Port) -> Self {
        let conflict = match self.conflict {
            PortConflict::Next => PortConflict::Replace,
            conflict => conflict,
        };
        Self {
            port,
            conflict,
            ..self
        }
    }
}

/// The ports that a daemon has assigned to its services. Clones share them.
///
/// Between a claim and the moment when the service listens, the operating system does not reserve
/// the port. An assigned port is therefore not given to another service until the run is no longer
/// among [`Requester::running`].
#[derive(Clone, Debug, Default)]
pub struct Ports {
    given: Arc<Mutex<BTreeMap<Port, Given>>>,
}

#[derive(Debug)]
struct Given {
    mark: Mark,
    /// Whether the claim is in progress.
    claiming: bool,
}

impl Ports {
    /// Frees a port for a service that starts next: the declared one, or with `port_conflict =
    /// "next"` one of the hundred after it. Stops the holder if the rules and the stack file allow
    /// that, which takes a second if it ignores the signal. A free port costs some microseconds.
    ///
    /// # Errors
    ///
    /// The holder of the port and why it was not stopped, or the operating system's reason.
    pub async fn claim(&self, request: &ClaimRequest) -> Result<Claimed, PortFault> {
        let fault = match self.claim_declared(request).await {
            Ok(claimed) => return Ok(claimed),
            Err(fault) => fault,
        };
        match request.conflict {
            PortConflict::Next => self.claim_next(request).await,
            PortConflict::Replace | PortConflict::Force | PortConflict::Fail => Err(fault),
        }
    }

    async fn claim_declared(&self, request: &ClaimRequest) -> Result<Claimed, PortFault> {
        let port = request.port;
        let reservation = self.reserve(port, request);
        let reservation = reservation.map_err(|mark| given_to(mark, &request.requester))?;
        let addresses = Addresses::new(port, request.host.as_deref()).await;
        let (policy, leftovers) = (request.policy(), Some(&request.leftovers));
        let ended = make_free(&addresses, policy, &request.requester, leftovers).await?;
        reservation.keep();
        Ok(Claimed { port, ended })
    }

    async fn claim_next(&self, request: &ClaimRequest) -> Result<Claimed, PortFault> {
        let declared = request.port.number();
        let after = (declared..=declared.saturating_add(NEXT)).skip(1);
        for port in after.filter_map(Port::new) {
            if request.reserved.contains(&port) {
                continue;
            }
            let Ok(reservation) = self.reserve(port, request) else {
                continue;
            };
            let addresses = Addresses::new(port, request.host.as_deref()).await;
            if bind_all(&addresses).is_ok() {
                reservation.keep();
                return Ok(Claimed {
                    port,
                    ended: Vec::new(),
                });
            }
        }
        Err(PortFault::NoneFree)
    }

    /// Fails with the service that has the port. Assignments to finished runs are ignored.
    fn reserve(&self, port: Port, request: &ClaimRequest) -> Result<Reservation<'_>, Mark> {
        let mut given = lock(&self.given);
        let lives =
            |given: &&Given| given.claiming || request.requester.running.contains(&given.mark);
        if let Some(other) = given.get(&port).filter(lives)
            && (&other.mark.stack, &other.mark.service)
                != (&request.mark.stack, &request.mark.service)
        {
            return Err(other.mark.clone());
        }
        let mark = request.mark.clone();
        given.insert(
            port,
            Given {
                mark: mark.clone(),
                claiming: true,
            },
        );
        Ok(Reservation {
            ports: self,
            port,
            mark,
        })
    }
}

fn given_to(mark: Mark, requester: &Requester) -> PortFault {
    let service = requester.running.neighbour(mark);
    taken(None, Some(Protected::RunningService(service)))
}

/// A port during its claim. Dropping it releases the port unless it was kept.
struct Reservation<'a> {
    ports: &'a Ports,
    port: Port,
    mark: Mark,
}

impl Reservation<'_> {
    fn keep(self) {
        let mut given = lock(&self.ports.given);
        if let Some(given) = given
            .get_mut(&self.port)
            .filter(|given| given.mark == self.mark)
        {
            given.claiming = false;
        }
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        let mut given = lock(&self.ports.given);
        let is_own = |given: &Given| given.mark == self.mark && given.claiming;
        if given.get(&self.port).is_some_and(is_own) {
            given.remove(&self.port);
        }
    }
}
