//! TCP sockets: tests whether a port can be bound, and lists listeners.

mod owner;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::OwnedFd,
};

use rustix::{
    io::{FdFlags, fcntl_setfd},
    net::{AddressFamily, SocketType, ipproto, sockopt},
};

pub(crate) use crate::platform::{
    elsewhere::{accepts, connections},
    types::{Breadth, Listening, Refusal},
    unix::socket::is_connecting,
};

/// A bound port without a listener. Dropping it frees the port at once.
#[derive(Debug)]
pub(crate) struct Bound {
    _sockets: [Option<OwnedFd>; 2],
}

/// Binds `address` as a server that is about to start there does, without listening: no client can
/// connect meanwhile. A listener that would accept connections to `address`, even on a wildcard
/// address, is [`Refusal::InUse`]; connections in `TIME_WAIT` of an earlier server are not.
///
/// With `SO_REUSEADDR` the kernel allows `address` beside another process's wildcard of the same
/// port, so the wildcard is bound as well.
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
        // A listener on the IPv4 wildcard does not conflict with this one.
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    rustix::net::bind(&socket, &address)?;
    Ok(socket)
}

/// Returns the listeners on this port, on any address: one entry for each socket. Connections are
/// not included.
///
/// Examines every socket of every readable process for any `breadth`: some milliseconds for some
/// hundred processes. Another user's listeners are hidden. Blocking.
pub(crate) fn listening(port: u16, _breadth: Breadth) -> io::Result<Vec<Listening>> {
    owner::listening(Some(port))
}

/// Returns all listeners that [`listening`] can find, each socket with all processes that hold it.
/// Blocking.
pub(crate) fn all_listening() -> io::Result<Vec<Listening>> {
    owner::listening(None)
}

/// Returns whether a process belongs to the operating system, so that stopping it would affect more
/// than its port: the first process, and programs on the sealed system volume (for example the
/// `AirPlay` receiver on port 5000).
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
    fn a_listener_on_a_wildcard_address_blocks_the_port() {
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
