//! Finds the processes that listen on a port, with the facts that the rules need.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System, Uid, UpdateKind};

use super::{
    release::{is_free, publisher},
    rules::is_named,
};
use crate::{
    effects::process::{self, ProcessTable, Program},
    env::Env,
    fs::redact,
    model::{
        container::Publisher,
        facts::{Holder, Mark, Process},
    },
    platform::{
        host, process as platform,
        socket::{self, Breadth},
    },
    stack::Port,
};

/// Returns the processes that listen on a port, on any address. If several related processes share
/// a socket (a server and its workers), the ancestor comes first. Processes that the operating
/// system hides (another user's) are left out.
///
/// # Errors
///
/// The operating system does not list listening sockets.
pub async fn holders(port: Port) -> io::Result<Vec<Holder>> {
    Ok(listeners(port).await?.holders)
}

/// The listeners on a port that the operating system reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listeners {
    /// The known processes; see [`holders`].
    pub holders: Vec<Holder>,
    /// Sockets whose processes the operating system hides from this user.
    pub hidden: Vec<Hidden>,
    /// The container that publishes the port.
    pub container: Option<Publisher>,
}

/// A listening socket whose process is hidden from this user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// Its address; `None` if only the port is known to be in use.
    pub address: Option<SocketAddr>,
    /// The user who opened it.
    pub user: Option<String>,
}

/// Returns every listener on a port, on any address, including those hidden from this user.
///
/// # Errors
///
/// The operating system does not list listening sockets at all.
pub async fn listeners(port: Port) -> io::Result<Listeners> {
    let occupants = occupants(port, None, Breadth::Family).await?;
    let is_proxy = |occupant: &Occupant| is_named(occupant, process::CONTAINER_PROXIES);
    let may_be_published = occupants.known.iter().any(is_proxy) || !occupants.unknown.is_empty();
    let hidden = occupants.unknown.into_iter().map(|unknown| Hidden {
        address: Some(unknown.address),
        user: unknown.user,
    });
    let mut listeners = Listeners {
        container: None,
        hidden: hidden.collect(),
        holders: occupants
            .known
            .into_iter()
            .map(|occupant| occupant.holder)
            .collect(),
    };
    if listeners == Listeners::default() && !is_free(port) {
        listeners.hidden.push(Hidden {
            address: None,
            user: None,
        });
    }
    if may_be_published || !listeners.hidden.is_empty() {
        listeners.container = publisher(port, Env::of_this_process()).await;
    }
    Ok(listeners)
}

/// The listeners on a port.
#[derive(Debug, Default)]
pub(super) struct Occupants {
    /// The known processes, ancestors first.
    pub(super) known: Vec<Occupant>,
    /// Sockets whose processes the operating system hides.
    pub(super) unknown: Vec<Unknown>,
}

impl Occupants {
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty() && self.unknown.is_empty()
    }

    /// Returns the addresses of all listeners.
    pub(super) fn addresses(&self) -> Vec<IpAddr> {
        let known = self
            .known
            .iter()
            .flat_map(|occupant| &occupant.holder.addresses);
        let unknown = self.unknown.iter().map(|unknown| &unknown.address);
        known.chain(unknown).map(SocketAddr::ip).collect()
    }
}

/// A listening socket without a known process.
#[derive(Clone, Debug)]
pub(super) struct Unknown {
    pub(super) address: SocketAddr,
    /// Whether the current user opened it.
    pub(super) own: bool,
    /// The user who opened it, if the operating system reports it.
    pub(super) user: Option<String>,
}

/// A holder, with the facts that the rules need.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent fact that the rules need"
)]
pub(super) struct Occupant {
    pub(super) holder: Holder,
    /// Whether another holder of the port is its ancestor.
    pub(super) descends: bool,
    /// Whether it runs as another or an unknown user.
    pub(super) foreign: bool,
    /// Whether it belongs to the operating system.
    pub(super) system: bool,
    /// Whether its parent has exited and it has no terminal.
    pub(super) orphan: bool,
    /// Whether it runs in a container or a sandbox, in another PID namespace.
    pub(super) contained: bool,
    /// Its program.
    pub(super) program: Program,
    /// The path of its program.
    pub(super) exe: Option<PathBuf>,
    /// Its parent, for messages.
    pub(super) parent: Option<String>,
}

/// Returns the listeners on a port whose address conflicts with one of `wanted`, or all of them.
pub(super) async fn occupants(
    port: Port,
    wanted: Option<Vec<IpAddr>>,
    breadth: Breadth,
) -> io::Result<Occupants> {
    tokio::task::spawn_blocking(move || find_occupants(port, wanted.as_deref(), breadth))
        .await
        .map_err(io::Error::other)?
}

fn find_occupants(
    port: Port,
    wanted: Option<&[IpAddr]>,
    breadth: Breadth,
) -> io::Result<Occupants> {
    let mut addresses = BTreeMap::<Process, BTreeSet<SocketAddr>>::new();
    let mut unknown = Vec::new();
    for socket in socket::listening(port.number(), breadth)? {
        let listens = socket.address.ip();
        if wanted.is_some_and(|wanted| !wanted.iter().any(|&ip| is_in_the_way(listens, ip))) {
            continue;
        }
        if socket.processes.is_empty() {
            unknown.push(Unknown {
                address: socket.address,
                own: socket.own,
                user: socket.user.as_ref().and_then(host::user_name),
            });
        }
        for process in socket.processes {
            addresses.entry(process).or_default().insert(socket.address);
        }
    }
    let mut details = Details::new()?;
    let mut occupants = Occupants::default();
    for unknown in unknown {
        let address = unknown.address;
        match (!unknown.own)
            .then(|| details.docker_proxy(address))
            .flatten()
        {
            Some(process) => drop(addresses.entry(process).or_default().insert(address)),
            None => occupants.unknown.push(unknown),
        }
    }
    occupants.known = details.known(addresses);
    Ok(occupants)
}

/// Returns whether a listener at `listens` keeps a server from `wanted`. A listener on `::` counts
/// for IPv4 too, since most accept both.
fn is_in_the_way(listens: IpAddr, wanted: IpAddr) -> bool {
    let (listens, wanted) = (listens.to_canonical(), wanted.to_canonical());
    let takes_both = |ip: IpAddr| ip.is_unspecified() && ip.is_ipv6();
    listens == wanted
        || takes_both(listens)
        || takes_both(wanted)
        || listens.is_ipv4() == wanted.is_ipv4()
            && (listens.is_unspecified() || wanted.is_unspecified())
}

/// Returns the processes with this mark.
pub(super) async fn marked(mark: Mark) -> io::Result<Vec<Occupant>> {
    let table = ProcessTable::since(0).scan().await?;
    let marked = table.marked().filter(|(_, carried)| **carried == mark);
    let marked = marked.map(|(process, _)| (process, BTreeSet::new()));
    let marked: BTreeMap<_, _> = marked.collect();
    tokio::task::spawn_blocking(move || Ok(Details::new()?.known(marked)))
        .await
        .map_err(io::Error::other)?
}

/// Returns the processes of a run, parents before their children, each with its parent if that belongs
/// to the run.
///
/// # Errors
///
/// The operating system does not list its processes.
pub async fn processes_of(mark: Mark) -> io::Result<Vec<(Holder, Option<u32>)>> {
    let run = marked(mark).await?;
    let of_run = tokio::task::spawn_blocking(move || {
        let pids: BTreeSet<u32> = run.iter().map(|it| it.holder.process.pid).collect();
        let related = run.into_iter().map(|it| {
            let parent = ancestors(it.holder.process.pid).next();
            (it.holder, parent.filter(|parent| pids.contains(parent)))
        });
        Ok(related.collect())
    });
    of_run.await.map_err(io::Error::other)?
}

/// Returns the PIDs of the ancestors of a process, its parent first.
fn ancestors(pid: u32) -> impl Iterator<Item = u32> {
    let lineage = platform::lineage(pid).unwrap_or_default();
    lineage.into_iter().skip(1).map(|process| process.pid)
}

/// The process details read so far.
struct Details {
    system: System,
}

impl Details {
    fn new() -> io::Result<Self> {
        let system = System::new().map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self { system })
    }

    fn read(&mut self, which: ProcessesToUpdate<'_>) {
        let details = ProcessRefreshKind::nothing()
            .without_tasks()
            .with_user(UpdateKind::Always)
            .with_cmd(UpdateKind::Always)
            .with_cwd(UpdateKind::Always)
            .with_exe(UpdateKind::Always);
        self.system
            .refresh_processes_specifics(which, false, details);
    }

    fn process(&mut self, pid: u32) -> Option<&sysinfo::Process> {
        let pid = Pid::from_u32(pid);
        if self.system.process(pid).is_none() {
            self.read(ProcessesToUpdate::Some(&[pid]));
        }
        self.system.process(pid)
    }

    fn known(&mut self, all: BTreeMap<Process, BTreeSet<SocketAddr>>) -> Vec<Occupant> {
        if all.is_empty() {
            return Vec::new();
        }
        let pids: BTreeSet<u32> = all.keys().map(|process| process.pid).collect();
        let mut known: Vec<_> = all
            .into_iter()
            .filter_map(|(process, addresses)| {
                let ancestors: Vec<u32> = ancestors(process.pid).collect();
                let depth = ancestors.iter().filter(|pid| pids.contains(pid)).count();
                let addresses = addresses.into_iter().collect();
                let parent = ancestors.first().copied();
                let occupant = self.occupant(process, addresses, parent, depth > 0)?;
                Some((depth, occupant))
            })
            .collect();
        known.sort_by_key(|(depth, occupant)| (*depth, occupant.holder.process.started));
        known.into_iter().map(|(_, occupant)| occupant).collect()
    }

    /// Returns `None` if the process has exited meanwhile.
    fn occupant(
        &mut self,
        process: Process,
        addresses: Vec<SocketAddr>,
        parent: Option<u32>,
        descends: bool,
    ) -> Option<Occupant> {
        let own = self.process(std::process::id()).and_then(user_of).cloned();
        let parent = parent.filter(|&parent| !platform::adopts(parent, process.pid));
        let orphan = parent.is_none() && !platform::has_terminal(process.pid);
        let parent =
            parent.and_then(|pid| Some(format!("{} (pid {pid})", shown_name(self.process(pid)?))));
        let acts_as = self.process(process.pid)?.user_id().cloned();
        let user_name = acts_as.map(|id| host::user_name(&id).unwrap_or_else(|| id.to_string()));
        let details = self.process(process.pid)?;
        let user = user_of(details);
        let since = UNIX_EPOCH + Duration::from_secs(details.start_time());
        let occupant = Occupant {
            descends,
            foreign: user.is_none() || user != own.as_ref(),
            system: socket::is_system(process.pid),
            orphan,
            contained: platform::is_contained(process.pid),
            parent,
            holder: Holder {
                process,
                name: shown_name(details),
                command_line: command_line(details),
                user: user_name,
                folder: details.cwd().map(Path::to_owned),
                since: Some(since),
                addresses,
                mark: process::mark_of(process),
            },
            program: details.into(),
            exe: details.exe().map(Path::to_owned),
        };
        // All of this was read by PID and holds only if the PID still refers to the same process.
        (process::process(process.pid) == Some(process)).then_some(occupant)
    }

    /// Returns the proxy of a Docker port, found by its arguments: it runs as root, so its sockets
    /// are hidden, but its command line is visible.
    fn docker_proxy(&mut self, address: SocketAddr) -> Option<Process> {
        self.read(ProcessesToUpdate::All);
        let port = address.port().to_string();
        let proxy = self.system.processes().values().find(|process| {
            let argv = process.cmd();
            let serves = |pair: &[_]| pair[0] == *"-host-port" && pair[1] == *port;
            process.name() == "docker-proxy" && argv.windows(2).any(serves)
        })?;
        process::process(proxy.pid().as_u32())
    }
}

/// Returns the user of a process, if its real and effective user are the same.
pub(super) fn user_of(process: &sysinfo::Process) -> Option<&Uid> {
    let user = process.user_id()?;
    let acts_as = process.effective_user_id();
    acts_as
        .is_none_or(|effective| **effective == **user)
        .then_some(user)
}

fn command_line(process: &sysinfo::Process) -> Option<String> {
    let argv: Vec<_> = process
        .cmd()
        .iter()
        .map(|word| word.to_string_lossy())
        .collect();
    (!argv.is_empty()).then(|| redact::command_line(&argv))
}

/// Returns the name that users know: the one by which it was started, or that it has set. The file
/// on disk may have another name (Debian's redis-server is redis-check-rdb).
fn shown_name(process: &sysinfo::Process) -> String {
    let called = process
        .cmd()
        .first()
        .and_then(|word| called_as(&word.to_string_lossy()));
    called
        .or_else(|| Program::from(process).names.into_iter().next())
        .unwrap_or_default()
}

/// Returns the program name in the first word of a command line. Some programs put a title there:
/// `nginx: master process /usr/sbin/nginx`.
fn called_as(word: &str) -> Option<String> {
    let name = if word.contains(": ") || word.contains(" *:") {
        word.split([':', ' ']).next()?
    } else {
        Path::new(word).file_name()?.to_str()?
    };
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_has_the_name_that_users_know() {
        for (word, name) in [
            ("/usr/bin/redis-server", "redis-server"),
            ("redis-server *:6379", "redis-server"),
            ("nginx: master process /usr/sbin/nginx", "nginx"),
            (".venv/bin/python", "python"),
            ("/opt/My App/server", "server"),
        ] {
            assert_eq!(called_as(word).as_deref(), Some(name), "{word}");
        }
        assert_eq!(called_as(""), None);
    }

    #[test]
    fn a_listener_blocks_the_addresses_that_it_uses() {
        for (listens, wanted, expected) in [
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.2", "127.0.0.1", false),
            ("0.0.0.0", "127.0.0.1", true),
            ("0.0.0.0", "::1", false),
            ("::", "127.0.0.1", true),
            ("::", "::1", true),
            ("::1", "127.0.0.1", false),
            ("127.0.0.2", "0.0.0.0", true),
            ("127.0.0.2", "::", true),
            ("::ffff:127.0.0.1", "127.0.0.1", true),
        ] {
            let in_the_way = is_in_the_way(listens.parse().unwrap(), wanted.parse().unwrap());
            assert_eq!(in_the_way, expected, "{listens} {wanted}");
        }
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "it must be a child of this process, not a service"
    )]
    fn the_parent_of_a_process_is_its_first_ancestor() {
        let mut child = std::process::Command::new(pilotlight_test_service::path())
            .spawn()
            .unwrap();
        let own = std::process::id();
        let [of_child, of_own] = [child.id(), own].map(|pid| platform::lineage(pid).unwrap());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(of_child[1..], of_own);
        assert_eq!(of_own[0].pid, own);
    }
}
