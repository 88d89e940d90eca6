//! A service gets its port.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    leftover::Leftovers,
    release::{Addresses, bind_all, make_free},
    rules::{Asker, Policy},
};
use crate::{
    model::facts::{Claimed, Mark, PortFault, Protected},
    stack::{Mode, Port, PortConflict},
};

/// `port_conflict = "next"` looks at so many ports after the declared one.
const NEXT: u16 = 100;

/// What a service asks for.
#[derive(Clone, Debug)]
pub struct ClaimRequest {
    /// The run that the port is for.
    pub mark: Mark,
    /// The port that the stack file declares.
    pub port: Port,
    /// An address besides the two loopback ones: the service's `host`.
    pub host: Option<String>,
    /// What the stack file says about a port that is held.
    pub conflict: PortConflict,
    /// The mode of the stack.
    pub mode: Mode,
    /// Identifies leftovers of the stack.
    pub leftovers: Leftovers,
    /// Ports that other services declare: not given as the next one.
    pub reserved: BTreeSet<Port>,
    /// On whose behalf.
    pub asker: Asker,
}

/// The ports that a daemon gives to its services. Clones are the same one.
///
/// Between a claim and the moment when the service listens nothing in the operating system holds
/// the port. So what one service was given is remembered here and not given to another, until the
/// first is no longer among [`Asker::running`].
#[derive(Clone, Debug, Default)]
pub struct Ports {
    given: Arc<Mutex<BTreeMap<Port, Given>>>,
}

#[derive(Debug)]
struct Given {
    mark: Mark,
    /// Whether the claim is still under way.
    claiming: bool,
}

impl Ports {
    /// Gets a port ready for a service that is started next: the declared one, or with
    /// `port_conflict = "next"` one of the hundred after it. Whoever holds it is ended if the rules
    /// and the stack file allow that, which takes a second and a bit where the holder does not
    /// listen. A port that is free costs some microseconds.
    ///
    /// # Errors
    ///
    /// Who holds the port and why they were left alone; or what else keeps the port.
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
        let reservation = reservation.map_err(|mark| given_to(mark, &request.asker))?;
        let addresses = Addresses::new(port, request.host.as_deref()).await;
        let policy = Policy {
            mode: request.mode,
            conflict: request.conflict,
        };
        let leftovers = Some(&request.leftovers);
        let ended = make_free(&addresses, policy, &request.asker, leftovers).await?;
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

    /// Fails with the service that has the port. What was given to a run that is over counts no more.
    fn reserve(&self, port: Port, request: &ClaimRequest) -> Result<Reservation<'_>, Mark> {
        let mut given = self.lock();
        let lives = |given: &&Given| given.claiming || request.asker.running.contains(&given.mark);
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

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Port, Given>> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn given_to(mark: Mark, asker: &Asker) -> PortFault {
    PortFault::Taken {
        holder: None,
        protected: Some(Protected::RunningService(asker.running.neighbour(mark))),
    }
}

/// A port while it is claimed; given back unless it is kept, if the claim is given up too.
struct Reservation<'a> {
    ports: &'a Ports,
    port: Port,
    mark: Mark,
}

impl Reservation<'_> {
    fn keep(self) {
        let mut given = self.ports.lock();
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
        let mut given = self.ports.lock();
        let is_own = |given: &Given| given.mark == self.mark && given.claiming;
        if given.get(&self.port).is_some_and(is_own) {
            given.remove(&self.port);
        }
    }
}
