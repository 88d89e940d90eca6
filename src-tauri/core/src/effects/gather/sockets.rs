//! Listening sockets: those of each service's processes, and those of other processes on its port.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

use super::{RunContext, daemon, subject::Scene};
use crate::{
    diagnose::{
        evidence::{OtherDaemon, PointsAt, ServiceEvidence},
        is_local,
    },
    effects::{
        port,
        process::{ProcessScan, ProcessTable, Tree},
    },
    model::facts::{Holder, Process},
    platform::socket::{self, Listening},
    stack::{Port, ServiceName},
};

/// The listening sockets of the machine, and the services that they belong to.
#[derive(Default)]
pub(super) struct Sockets {
    all: Vec<Listening>,
    /// The processes of each service.
    members: BTreeMap<ServiceName, BTreeSet<Process>>,
    strangers: BTreeMap<ServiceName, Vec<Holder>>,
    other_daemon: Option<OtherDaemon>,
}

impl Sockets {
    /// Returns every address that a process listens on.
    pub(super) fn all(&self) -> Vec<SocketAddr> {
        sorted(self.all.iter().map(|socket| socket.address))
    }

    /// Adds the addresses on which a service listens, and the other listeners on its port.
    pub(super) fn describe(&self, is: &mut ServiceEvidence) {
        is.listens = self.of(&is.name);
        is.holders = self.strangers.get(&is.name).cloned().unwrap_or_default();
    }

    fn of(&self, service: &ServiceName) -> Vec<SocketAddr> {
        let members = self.members(service);
        let own = |socket: &&Listening| {
            let mut processes = socket.processes.iter();
            processes.any(|process| members.contains(process))
        };
        let own = self.all.iter().filter(own);
        sorted(own.map(|socket| socket.address))
    }

    /// Returns the processes of a service.
    pub(super) fn members(&self, service: &ServiceName) -> &BTreeSet<Process> {
        static NONE: BTreeSet<Process> = BTreeSet::new();
        self.members.get(service).unwrap_or(&NONE)
    }

    /// Returns the daemon with other settings that runs services of the same stack.
    pub(super) fn other_daemon(&self) -> Option<OtherDaemon> {
        self.other_daemon.clone()
    }

    /// Returns whether a process listens on this port, on any address.
    pub(super) fn is_open(&self, port: u16) -> bool {
        self.all.iter().any(|socket| socket.address.port() == port)
    }

    /// Returns whether an address in a variable is one of this machine without a listener.
    pub(super) fn is_closed(&self, it: &PointsAt) -> bool {
        let target = it.target.as_ref();
        target.is_some_and(|(host, port)| is_local(host) && !self.is_open(*port))
    }

    /// Returns whether a process that is not part of this service listens on the port.
    pub(super) fn is_held_by_others(&self, port: u16, service: &ServiceName) -> bool {
        let members = self.members(service);
        let mut there = self
            .all
            .iter()
            .filter(|socket| socket.address.port() == port);
        there.any(|socket| !socket.processes.iter().any(|it| members.contains(it)))
    }
}

fn sorted(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let sorted: BTreeSet<SocketAddr> = addresses.collect();
    sorted.into_iter().collect()
}

/// Lists all sockets once, for all services.
pub(super) async fn look(
    scene: &Scene,
    runs: &[RunContext],
    services: &[ServiceEvidence],
    processes: &ProcessTable,
    deadline: Instant,
) -> Sockets {
    let looking = async {
        let listening = tokio::task::spawn_blocking(socket::all_listening);
        let (listening, table) = tokio::join!(listening, processes.scan());
        (listening.ok()?.ok(), table.ok()).into()
    };
    let looked: Option<(Option<Vec<Listening>>, _)> =
        timeout_at(deadline, looking).await.ok().flatten();
    let (all, table) = looked.unwrap_or_default();
    let mut sockets = Sockets {
        all: all.unwrap_or_default(),
        ..Sockets::default()
    };
    if let Some(table) = table {
        sockets.other_daemon = daemon::other(scene, &table);
        for run in runs {
            let members = members(scene, run, &table);
            sockets.members.insert(run.spec.name.clone(), members);
        }
    }
    let asked = services.iter().filter_map(|is| {
        let port = is.port?;
        sockets
            .is_held_by_others(port.number(), &is.name)
            .then(|| strangers(port, &is.name, sockets.members(&is.name)))
    });
    let strangers = timeout_at(deadline, join_all(asked)).await;
    sockets.strangers = strangers.unwrap_or_default().into_iter().collect();
    sockets
}

/// Returns the processes of a service: those that the daemon knows, and those left by a lost
/// daemon.
fn members(scene: &Scene, run: &RunContext, table: &ProcessScan) -> BTreeSet<Process> {
    let mut members: BTreeSet<Process> = match &run.tree {
        Some(tree) => tree.members(table).into_iter().collect(),
        None => BTreeSet::new(),
    };
    let marks: BTreeSet<_> = table
        .marked_by_service(&scene.id, &run.spec.name)
        .map(|(_, mark)| mark.clone())
        .collect();
    for mark in marks {
        members.extend(Tree::remains(mark, []).members(table));
    }
    members
}

async fn strangers(
    port: Port,
    service: &ServiceName,
    members: &BTreeSet<Process>,
) -> (ServiceName, Vec<Holder>) {
    let mut holders = port::holders(port).await.unwrap_or_default();
    holders.retain(|holder| !members.contains(&holder.process));
    (service.clone(), holders)
}
