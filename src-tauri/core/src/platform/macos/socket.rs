//! TCP sockets: bind, who listens.

mod owner;

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::OwnedFd,
};

use rustix::{
    io::{FdFlags, fcntl_setfd},
    net::{AddressFamily, SocketType, ipproto, sockopt},
};

pub(crate) use crate::platform::{
    types::{Breadth, Listening, Refusal},
    unix::socket::is_connecting,
};

/// A port that is bound and on which nobody listens. Dropping it gives the port back at once.
#[derive(Debug)]
pub(crate) struct Bound {
    _sockets: [Option<OwnedFd>; 2],
}

/// Binds `address` the way a server does that starts there next, without listening: nobody can
/// connect meanwhile. A listener that would take connections to `address`, on a wildcard address
/// too, is [`Refusal::InUse`], connections in `TIME_WAIT` that a server left behind are not.
///
/// With `SO_REUSEADDR` the kernel lets a server have `address` beside another's wildcard of the
/// same port, so the wildcard is bound as well.
pub(crate) fn bind(address: SocketAddr) -> Result<Bound, Refusal> {
    let own = bind_alone(address)?;
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let is_all = address.ip() == any || address.port() == 0;
    let all = if is_all {
        None
    } else {
        Some(bind_alone(SocketAddr::new(any, address.port()))?)
    };
    Ok(Bound {
        _sockets: [Some(own), all],
    })
}

fn bind_alone(address: SocketAddr) -> Result<OwnedFd, Refusal> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = rustix::net::socket(family, SocketType::STREAM, Some(ipproto::TCP))?;
    fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        // A listener on the IPv4 wildcard is not in the way of this one.
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    rustix::net::bind(&socket, &address)?;
    Ok(socket)
}

/// Who listens on this port, on whichever address: one entry a socket. Connections do not count.
///
/// Looks at every socket of every process that this user may look into, some milliseconds for some
/// hundred processes, whatever `breadth` is; another user's listeners are not seen. Blocks: call it where that is allowed.
pub(crate) fn listening(port: u16, _breadth: Breadth) -> io::Result<Vec<Listening>> {
    owner::listening(Some(port))
}

/// Who listens at all, each socket with everyone who holds it, as far as [`listening`] sees. Blocks:
/// call it where that is allowed.
pub(crate) fn all_listening() -> io::Result<Vec<Listening>> {
    owner::listening(None)
}

/// Returns `None`: this system finds a listener only by a walk through all sockets, which costs more
/// than a connection.
pub(crate) fn accepts(_address: SocketAddr) -> Option<bool> {
    None
}

/// Returns the remote port of every established connection of these processes: none, since nothing here
/// lists them yet.
pub(crate) fn connections(_processes: &BTreeSet<Process>) -> io::Result<Vec<u16>> {
    Ok(Vec::new())
}

/// Whether a process belongs to the operating system, so that ending it would harm more than its
/// port: the first process, and what stands on the part of the disk that is sealed for the system
/// (the receiver of `AirPlay` on port 5000, say).
pub(crate) fn is_system(pid: u32) -> bool {
    pid == 1 || owner::path(pid).is_some_and(|path| is_of_system(&path))
}

fn is_of_system(path: &[u8]) -> bool {
    path.starts_with(b"/System/") || path.starts_with(b"/usr/libexec/")
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::{model::facts::Process, platform::process::started};

    #[test]
    fn a_listener_is_found_with_its_process() {
        let pid = std::process::id();
        let own = Process {
            pid,
            started: started(pid).unwrap(),
        };
        for address in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let address = listener.local_addr().unwrap();
            let found = listening(address.port(), Breadth::Family).unwrap();
            assert_eq!(found.len(), 1, "{address}");
            assert_eq!((found[0].address, found[0].own), (address, true));
            assert!(found[0].processes.contains(&own), "{found:?}");
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
    fn a_listener_on_a_wildcard_address_stands_in_the_way() {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let refused = bind(SocketAddr::from(([127, 0, 0, 1], port)));
        assert!(matches!(refused, Err(Refusal::InUse(_))), "{refused:?}");
    }

    #[test]
    fn the_first_process_belongs_to_the_system_and_this_one_does_not() {
        assert!(is_system(1));
        assert!(!is_system(std::process::id()));
        assert!(is_of_system(
            b"/System/Library/CoreServices/ControlCenter.app/x"
        ));
        assert!(!is_of_system(b"/opt/homebrew/bin/redis-server"));
    }
}
