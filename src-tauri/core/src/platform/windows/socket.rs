//! TCP sockets: tests whether a port can be bound, and lists listeners.

mod table;

use std::{io, net::SocketAddr, os::windows::io::AsRawSocket as _};

use socket2::{Domain, Protocol, Socket, Type};
use windows_sys::Win32::{
    Networking::WinSock::{
        SO_EXCLUSIVEADDRUSE, SOCKET_ERROR, SOL_SOCKET, WSAEACCES, WSAEADDRINUSE, WSAEADDRNOTAVAIL,
        WSAEAFNOSUPPORT, WSAEPROTONOSUPPORT, setsockopt,
    },
    System::{
        RemoteDesktop::ProcessIdToSessionId,
        Threading::{PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE},
    },
};

use super::{
    access,
    call::{check, size},
    process::{open, started},
};
use crate::model::facts::Process;
pub(crate) use crate::platform::{
    elsewhere::{accepts, connections},
    types::{Breadth, Listening, Refusal},
};

/// The PID of the kernel. Lower ones refer to no process.
const KERNEL: u32 = 4;

/// A bound port without a listener. Dropping it frees the port at once.
#[derive(Debug)]
pub(crate) struct Bound {
    _socket: Socket,
}

fn refusal(error: io::Error) -> Refusal {
    match error.raw_os_error() {
        Some(WSAEADDRINUSE) => Refusal::InUse(error),
        // The port is in a range that Hyper-V or `netsh int ip add excludedportrange` has reserved.
        Some(WSAEACCES) => Refusal::Excluded(error),
        Some(WSAEADDRNOTAVAIL | WSAEAFNOSUPPORT | WSAEPROTONOSUPPORT) => Refusal::Absent,
        _ => Refusal::Other(error),
    }
}

/// Binds `address` as a server that is about to start there does, without listening: no client can
/// connect meanwhile. A listener that would accept connections to `address`, even on a wildcard
/// address, is [`Refusal::InUse`]; connections of an earlier server are not.
///
/// Without `SO_EXCLUSIVEADDRUSE` the system allows two servers on one port if only one of them uses
/// the wildcard address, and passes connections to either. With it, connections of an earlier
/// server count too, so if there is no listener a second attempt is made without it.
pub(crate) fn bind(address: SocketAddr) -> Result<Bound, Refusal> {
    match try_bind(address, true).map_err(refusal) {
        Err(Refusal::InUse(_)) if is_without_listener(address.port()) => {
            try_bind(address, false).map_err(refusal)
        }
        outcome => outcome,
    }
}

fn try_bind(address: SocketAddr, exclusive: bool) -> io::Result<Bound> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if exclusive {
        let yes = 1_i32;
        let length = size::<i32>().cast_signed();
        // SAFETY: the socket is open, and the option is an `int`.
        let outcome = unsafe {
            setsockopt(
                usize::try_from(socket.as_raw_socket()).map_err(io::Error::other)?,
                SOL_SOCKET,
                SO_EXCLUSIVEADDRUSE,
                (&raw const yes).cast::<u8>(),
                length,
            )
        };
        check(i32::from(outcome != SOCKET_ERROR))?;
    }
    socket.bind(&address.into())?;
    Ok(Bound { _socket: socket })
}

fn is_without_listener(port: u16) -> bool {
    table::listeners().is_ok_and(|listeners| listeners.iter().all(|(at, _)| at.port() != port))
}

/// Returns the listeners on this port, on any address: one entry for each socket. Connections are
/// not included.
///
/// Reads two tables of the system, in less than a millisecond. They contain only the process that
/// opened a socket, for any `breadth`.
pub(crate) fn listening(port: u16, _breadth: Breadth) -> io::Result<Vec<Listening>> {
    let mut listeners = table::listeners()?;
    listeners.retain(|(address, _)| address.port() == port);
    with_owners(listeners)
}

/// Returns all listeners, each socket with the process that opened it.
pub(crate) fn all_listening() -> io::Result<Vec<Listening>> {
    with_owners(table::listeners()?)
}

fn with_owners(listeners: Vec<(SocketAddr, u32)>) -> io::Result<Vec<Listening>> {
    if listeners.is_empty() {
        return Ok(Vec::new());
    }
    let user = access::user()?;
    let listening = listeners.into_iter().map(|(address, pid)| {
        let owner = user_of(pid).ok();
        Listening {
            address,
            // The kernel's own sockets (`http.sys` listens for IIS) do not belong to another user.
            // Wine also reports 0 if it does not know the owner.
            own: pid <= KERNEL || owner.as_ref() == Some(&user),
            user: owner.and_then(|owner| owner.parse().ok()),
            processes: started(pid)
                .map(|started| Process { pid, started })
                .into_iter()
                .collect(),
        }
    });
    Ok(listening.collect())
}

fn user_of(pid: u32) -> io::Result<String> {
    let rights = PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE;
    let process = open(pid, rights)?.ok_or(io::ErrorKind::NotFound)?;
    access::user_of(&process)
}

/// Returns whether this error of a non-blocking `connect` means that the connection is in progress.
pub(crate) fn is_connecting(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// Returns whether a process belongs to the operating system, so that stopping it would affect more
/// than its port: the kernel, and system services, which run in session 0. If the daemon itself
/// runs in that session (for example over SSH), its neighbours do not count.
pub(crate) fn is_system(pid: u32) -> bool {
    pid <= KERNEL || session(pid) == Some(0) && session(std::process::id()) != Some(0)
}

fn session(pid: u32) -> Option<u32> {
    let mut session = 0;
    // SAFETY: takes a number; the result has a variable.
    check(unsafe { ProcessIdToSessionId(pid, &raw mut session) }).ok()?;
    Some(session)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// Starts a listener and uses it. Wine reports the owner of a socket only once it was used, and
    /// never that of an IPv6 socket.
    fn listener(address: &str) -> TcpListener {
        let listener = TcpListener::bind(address).unwrap();
        listener.set_ttl(64).unwrap();
        listener
    }

    #[test]
    fn a_listener_is_found_with_its_process() {
        let pid = std::process::id();
        let own = Process {
            pid,
            started: started(pid).unwrap(),
        };
        for address in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"] {
            let listener = listener(address);
            let address = listener.local_addr().unwrap();
            let mut found = listening(address.port(), Breadth::Family).unwrap();
            if is_wine() && address.is_ipv6() {
                found[0].processes = vec![own];
                found[0].own = true;
            }
            let expected = Listening {
                address,
                own: true,
                user: found[0].user.clone(),
                processes: vec![own],
            };
            assert_eq!(found, [expected]);
        }
    }

    fn is_wine() -> bool {
        std::env::var_os("WINEPREFIX").is_some()
    }

    #[test]
    fn a_connection_is_not_a_listener() {
        let listener = listener("127.0.0.1:0");
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let port = client.local_addr().unwrap().port();
        assert_eq!(listening(port, Breadth::Everyone).unwrap(), []);
    }

    #[test]
    fn a_free_port_can_be_bound_again_and_again() {
        let port = listener("127.0.0.1:0").local_addr().unwrap().port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        for _ in 0..3 {
            drop(bind(address).unwrap());
        }
    }

    #[test]
    fn a_listener_on_a_wildcard_address_blocks_the_port() {
        let listener = listener("0.0.0.0:0");
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
    fn an_excluded_port_is_distinguished_from_one_in_use() {
        let told = |code| refusal(io::Error::from_raw_os_error(code));
        assert!(matches!(told(10_013), Refusal::Excluded(_)));
        assert!(matches!(told(10_048), Refusal::InUse(_)));
        assert!(matches!(told(10_049), Refusal::Absent));
        assert!(matches!(told(10_024), Refusal::Other(_)));
    }

    #[test]
    fn the_kernel_belongs_to_the_system_and_this_process_does_not() {
        assert!(is_system(0));
        assert!(is_system(4));
        assert!(!is_system(std::process::id()));
    }
}
