//! Who listens where: the sockets of each service's whole tree, and strangers on its port.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

use super::{Case, Standing, daemon};
use crate::{
    diagnose::evidence::{
        OtherDaemon,
        log::{LogErrorKind, LogEvidence},
    },
    effects::{
        port,
        process::{ProcessScan, ProcessTable, Tree},
    },
    model::facts::{Holder, Process},
    platform::socket::{self, Listening},
    stack::{Port, ServiceName},
};

/// All that listens, and whose it is.
#[derive(Default)]
pub(super) struct Sockets {
    all: Vec<Listening>,
    members: BTreeMap<ServiceName, BTreeSet<Process>>,
    strangers: BTreeMap<ServiceName, Vec<Holder>>,
    other_daemon: Option<OtherDaemon>,
}

impl Sockets {
    /// Where everybody listens.
    pub(super) fn all(&self) -> Vec<SocketAddr> {
        sorted(self.all.iter().map(|socket| socket.address))
    }

    /// Where the tree of a service listens.
    pub(super) fn of(&self, service: &ServiceName) -> Vec<SocketAddr> {
        let Some(members) = self.members.get(service) else {
            return Vec::new();
        };
        let own = |socket: &&Listening| {
            let mut processes = socket.processes.iter();
            processes.any(|process| members.contains(process))
        };
        let own = self.all.iter().filter(own);
        sorted(own.map(|socket| socket.address))
    }

    /// A daemon with other settings that runs services of this very stack.
    pub(super) fn other_daemon(&self) -> Option<OtherDaemon> {
        self.other_daemon.clone()
    }

    /// Who else listens on the port of a service.
    pub(super) fn strangers(&self, service: &ServiceName) -> Vec<Holder> {
        self.strangers.get(service).cloned().unwrap_or_default()
    }
}

fn sorted(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let sorted: BTreeSet<SocketAddr> = addresses.collect();
    sorted.into_iter().collect()
}

/// Looks at all sockets once, for all services.
pub(super) async fn look(case: &Case, processes: &ProcessTable, deadline: Instant) -> Sockets {
    let looking = async {
        let listening = tokio::task::spawn_blocking(socket::all_listening);
        let (listening, table) = tokio::join!(listening, processes.take());
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
        sockets.other_daemon = daemon::other(case, &table);
        for standing in &case.services {
            let members = members(case, standing, &table);
            sockets.members.insert(standing.spec.name.clone(), members);
        }
    }
    let mut asked = Vec::new();
    for standing in &case.services {
        let name = &standing.spec.name;
        let members = sockets.members.get(name);
        if let Some(port) = standing.known.port
            && is_held_by_others(&sockets.all, port, members)
        {
            asked.push(async move { (name.clone(), strangers(port, members).await) });
        }
    }
    let strangers = timeout_at(deadline, join_all(asked)).await;
    sockets.strangers = strangers.unwrap_or_default().into_iter().collect();
    sockets
}

/// Who of the processes is of this service: of the tree that the daemon knows, or of one that a lost
/// daemon has left.
fn members(case: &Case, standing: &Standing, table: &ProcessScan) -> BTreeSet<Process> {
    let mut members: BTreeSet<Process> = match &standing.tree {
        Some(tree) => tree.members(table).into_iter().collect(),
        None => BTreeSet::new(),
    };
    let marks: BTreeSet<_> = table
        .marked_by_service(&case.id, &standing.spec.name)
        .map(|(_, mark)| mark.clone())
        .collect();
    for mark in marks {
        members.extend(Tree::remains(mark, []).members(table));
    }
    members
}

fn is_held_by_others(all: &[Listening], port: Port, members: Option<&BTreeSet<Process>>) -> bool {
    let is_member = |process: &Process| members.is_some_and(|members| members.contains(process));
    let mut there = all
        .iter()
        .filter(|socket| socket.address.port() == port.number());
    there.any(|socket| !socket.processes.iter().any(is_member))
}

async fn strangers(port: Port, members: Option<&BTreeSet<Process>>) -> Vec<Holder> {
    let mut holders = port::holders(port).await.unwrap_or_default();
    holders.retain(|holder| members.is_none_or(|members| !members.contains(&holder.process)));
    holders
}

/// Who holds the port that a log says is taken, where that is not the declared one: one list for each
/// of the logs.
pub(super) async fn named(logs: &[LogEvidence], sockets: &Sockets) -> Vec<Vec<Holder>> {
    let asked = logs.iter().map(|log| async {
        let error = log.last_error.as_ref()?;
        let LogErrorKind::AddressInUse { port: Some(port) } = error.kind else {
            return None;
        };
        let is_there = |address: &SocketAddr| address.port() == port.number();
        let mut known = sockets.strangers.values().flatten();
        let mut all = sockets.all.iter();
        let is_known = known.any(|holder| holder.addresses.iter().any(is_there));
        if is_known || !all.any(|socket| is_there(&socket.address)) {
            return None;
        }
        port::holders(port).await.ok()
    });
    let found = join_all(asked).await.into_iter();
    found.map(Option::unwrap_or_default).collect()
}
