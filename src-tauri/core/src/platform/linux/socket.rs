//! TCP sockets: tests whether a port can be bound, and lists listeners.
//!
//! The other operating systems have the same items: [`Bound`], [`Refusal`], [`bind`],
//! [`Listening`], [`Breadth`], [`listening`], [`all_listening`], [`connections`], [`accepts`],
//! [`is_connecting`] and [`is_system`].

mod diagnostics;
mod owner;
mod table;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    net::SocketAddr,
    os::fd::OwnedFd,
};

use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, socket_with, sockopt};

use crate::model::facts::Process;
pub(crate) use crate::platform::{
    types::{Breadth, Listening, Refusal},
    unix::socket::is_connecting,
};

/// A bound port without a listener. Dropping it frees the port at once.
#[derive(Debug)]
pub(crate) struct Bound {
    _socket: OwnedFd,
}

/// Binds `address` as a server that is about to start there does, without listening: no client can
/// connect meanwhile. It succeeds exactly if such a server's `bind` and `listen` would: a listener
/// that would accept connections to `address`, even on a wildcard address, is [`Refusal::InUse`];
/// connections in `TIME_WAIT` of an earlier server are not.
///
/// On Linux (and with `SO_REUSEADDR`, as here) `bind` alone is sufficient: the kernel refuses it
/// when a listener of the same port has the same address or either one is a wildcard, and when any
/// other socket there was bound without `SO_REUSEADDR` (socket(7), ip(7)).
pub(crate) fn bind(address: SocketAddr) -> Result<Bound, Refusal> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = socket_with(
        family,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        Some(ipproto::TCP),
    )?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    rustix::net::bind(&socket, &address)?;
    Ok(Bound { _socket: socket })
}

/// Returns the listeners on this port, on any address: one entry for each socket. Connections are
/// not included.
///
/// Takes some milliseconds for a thousand processes, several times as long for
/// [`Breadth::Everyone`], and microseconds if nothing listens. Blocking.
pub(crate) fn listening(port: u16, breadth: Breadth) -> io::Result<Vec<Listening>> {
    find(Some(port), breadth)
}

/// Returns all listeners, each socket with all processes that hold it. Takes some milliseconds for
/// a thousand processes. Blocking.
pub(crate) fn all_listening() -> io::Result<Vec<Listening>> {
    find(None, Breadth::Everyone)
}

/// Returns the remote port of every established connection of these processes. Blocks for some
/// milliseconds.
pub(crate) fn connections(processes: &BTreeSet<Process>) -> io::Result<Vec<u16>> {
    let established: BTreeMap<u64, u16> = table::established()?.into_iter().collect();
    let held = processes.iter().flat_map(|process| {
        let links = fs::read_dir(format!("/proc/{}/fd", process.pid));
        links.into_iter().flatten().filter_map(|link| {
            let target = fs::read_link(link.ok()?.path()).ok()?;
            let inode = target
                .to_str()?
                .strip_prefix("socket:[")?
                .strip_suffix(']')?;
            inode.parse::<u64>().ok()
        })
    });
    // A socket that several processes share is one connection.
    let held: BTreeSet<u64> = held.collect();
    let ports = held.iter().filter_map(|inode| established.get(inode));
    Ok(ports.copied().collect())
}

thread_local! {
    /// Created on first use and kept; `None` if the system refuses it.
    static DIAGNOSTICS: Option<OwnedFd> = diagnostics::open().ok();
}

/// Returns whether the system would accept a connection to `address`; `None` if a query costs more
/// than a connection. Takes some microseconds.
pub(crate) fn accepts(address: SocketAddr) -> Option<bool> {
    let answer = DIAGNOSTICS.with(|netlink| Some(diagnostics::accepts(netlink.as_ref()?, address)));
    match answer? {
        Ok(accepts) => Some(accepts),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(false),
        Err(_) => None,
    }
}

fn find(port: Option<u16>, breadth: Breadth) -> io::Result<Vec<Listening>> {
    let sockets = diagnostics::listeners(port).or_else(|_| table::listeners(port))?;
    if sockets.is_empty() {
        return Ok(Vec::new());
    }
    let inodes = sockets.iter().map(|socket| socket.inode).collect();
    let mut owners: BTreeMap<u64, Vec<Process>> = owner::of(&inodes, breadth)?;
    let user = rustix::process::geteuid().as_raw();
    let listening = sockets.into_iter().map(|socket| Listening {
        address: SocketAddr::new(socket.address.ip().to_canonical(), socket.address.port()),
        own: socket.user == user,
        user: socket.user.to_string().parse().ok(),
        processes: owners.remove(&socket.inode).unwrap_or_default(),
    });
    Ok(listening.collect())
}

/// A listening socket, as the kernel reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Socket {
    address: SocketAddr,
    user: u32,
    inode: u64,
}

/// Returns whether a process belongs to the operating system, so that stopping it would affect more
/// than its port: the first process, and system services of systemd. If the daemon is such a
/// service itself, its own unit does not count.
pub(crate) fn is_system(pid: u32) -> bool {
    pid == 1 || unit(&pid.to_string()).is_some_and(|unit| Some(unit) != self::unit("self"))
}

/// Returns the systemd system service of a process (cgroups(7), systemd.special(7)).
fn unit(process: &str) -> Option<String> {
    let groups = fs::read_to_string(format!("/proc/{process}/cgroup")).ok()?;
    unit_of(&groups).map(str::to_owned)
}

fn unit_of(groups: &str) -> Option<&str> {
    groups.lines().find_map(|line| {
        let (_, path) = line.splitn(3, ':').nth(2)?.split_once("/system.slice/")?;
        path.split('/').next()
    })
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn own() -> Process {
        let pid = std::process::id();
        Process {
            pid,
            started: crate::platform::process::started(pid).unwrap(),
        }
    }

    #[test]
    fn a_listener_is_found_with_its_process() {
        for address in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let address = listener.local_addr().unwrap();
            let found = listening(address.port(), Breadth::Family).unwrap();
            assert_eq!(found.len(), 1, "{address}");
            assert_eq!((found[0].address, found[0].own), (address, true));
            // A child of another test that has not yet executed its program has the socket too.
            assert!(found[0].processes.contains(&own()), "{found:?}");
        }
    }

    #[test]
    fn all_sockets_of_a_process_are_found_at_once() {
        let four = TcpListener::bind("127.0.0.1:0").unwrap();
        let six = TcpListener::bind("[::1]:0").unwrap();
        let found = all_listening().unwrap();
        for listener in [four, six] {
            let address = listener.local_addr().unwrap();
            let mut own = found
                .iter()
                .filter(|socket| socket.processes.contains(&own()));
            assert!(own.any(|socket| socket.address == address), "{address}");
        }
    }

    #[test]
    fn a_connection_is_not_a_listener() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let port = client.local_addr().unwrap().port();
        assert_eq!(listening(port, Breadth::Everyone).unwrap(), []);
    }

    #[test]
    fn the_connections_of_a_process_are_listed_by_remote_port() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let _clients = [(); 2].map(|()| TcpStream::connect(address).unwrap());
        let found = connections(&BTreeSet::from([own()])).unwrap();
        let there = found.iter().filter(|port| **port == address.port());
        assert_eq!(there.count(), 2, "{found:?}");
    }

    #[test]
    fn a_free_port_can_be_bound_again_and_again() {
        let port = bound_port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        for _ in 0..3 {
            drop(bind(address).unwrap());
        }
    }

    #[test]
    fn a_listener_on_a_wildcard_address_blocks_the_port() {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let refused = bind(SocketAddr::from(([127, 0, 0, 1], port)));
        assert!(matches!(refused, Err(Refusal::InUse(_))), "{refused:?}");
    }

    #[test]
    fn an_address_of_another_machine_is_absent() {
        let refused = bind(SocketAddr::from(([192, 0, 2, 1], 0)));
        assert!(matches!(refused, Err(Refusal::Absent)), "{refused:?}");
    }

    #[test]
    fn a_system_service_is_recognized_by_its_control_group() {
        let unified = "0::/system.slice/ssh.service\n";
        let legacy = "4:memory:/user.slice\n1:name=systemd:/system.slice/docker-1f.scope/x\n";
        assert_eq!(unit_of(unified), Some("ssh.service"));
        assert_eq!(unit_of(legacy), Some("docker-1f.scope"));
        let session = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope\n";
        assert_eq!(unit_of(session), None);
        assert_eq!(unit_of("0::/\n"), None);
    }

    #[test]
    fn the_first_process_belongs_to_the_system_and_this_one_does_not() {
        assert!(is_system(1));
        assert!(!is_system(std::process::id()));
    }

    fn bound_port() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    }
}
