//! Lists listening sockets with `/proc/net/tcp` and `/proc/net/tcp6` (proc(5)), for kernels and
//! sandboxes without socket diagnostics. This is the fallback, since it reads every connection of
//! the machine.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use super::Socket;

/// The state `TCP_LISTEN` in the table.
const LISTEN: &str = "0A";
/// The state `TCP_ESTABLISHED`.
const ESTABLISHED: &str = "01";

/// Returns the listeners on `port`, or on any port. A machine without IPv6 is not an error.
pub(super) fn listeners(port: Option<u16>) -> io::Result<Vec<Socket>> {
    let four = fs::read_to_string("/proc/net/tcp")?;
    let six = fs::read_to_string("/proc/net/tcp6").unwrap_or_default();
    let lines = four.lines().skip(1).chain(six.lines().skip(1));
    Ok(lines.filter_map(|line| entry(line, port)).collect())
}

/// `sl local remote st tx:rx tr:when retransmits uid timeout inode …`
fn entry(line: &str, port: Option<u16>) -> Option<Socket> {
    let mut fields = line.split_ascii_whitespace();
    let (address, local_port) = fields.nth(1)?.split_once(':')?;
    let listens = u16::from_str_radix(local_port, 16).ok()?;
    if port.is_some_and(|port| port != listens) || fields.nth(1)? != LISTEN {
        return None;
    }
    Some(Socket {
        address: SocketAddr::new(self::address(address)?, listens),
        user: fields.nth(3)?.parse().ok()?,
        inode: fields.nth(1)?.parse().ok()?,
    })
}

/// Returns the inode and the remote port of every established connection.
pub(super) fn established() -> io::Result<Vec<(u64, u16)>> {
    let four = fs::read_to_string("/proc/net/tcp")?;
    let six = fs::read_to_string("/proc/net/tcp6").unwrap_or_default();
    let lines = four.lines().skip(1).chain(six.lines().skip(1));
    let connection = |line: &str| {
        let mut fields = line.split_ascii_whitespace().skip(2);
        let (_, port) = fields.next()?.split_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        let is_established = fields.next()? == ESTABLISHED;
        let inode = fields.nth(5)?.parse().ok()?;
        is_established.then_some((inode, port))
    };
    Ok(lines.filter_map(connection).collect())
}

/// Parses 32-bit words in native byte order.
fn address(hexadecimal: &str) -> Option<IpAddr> {
    let word = |at: usize| -> Option<[u8; 4]> {
        let digits = hexadecimal.get(at * 8..(at + 1) * 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    if hexadecimal.len() == 8 {
        return Some(IpAddr::V4(Ipv4Addr::from(word(0)?)));
    }
    let mut octets = [0; 16];
    for (at, place) in octets.chunks_exact_mut(4).enumerate() {
        place.copy_from_slice(&word(at)?);
    }
    Some(IpAddr::V6(Ipv6Addr::from(octets)))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn it_finds_the_same_as_socket_diagnostics() {
        for address in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let port = listener.local_addr().unwrap().port();
            let found = listeners(Some(port)).unwrap();
            let inode = rustix::fs::fstat(&listener).unwrap().st_ino;
            assert!(
                found.iter().any(|socket| socket.inode == inode),
                "{address}"
            );
            assert_eq!(
                found,
                super::super::diagnostics::listeners(Some(port)).unwrap()
            );
        }
    }

    #[test]
    fn invalid_lines_are_skipped() {
        for line in [
            "",
            "0: 0100007F",
            "0: x:1F41 00:0 0A 0 0 0 0 0 0",
            "0: 01:1F41 0:0 0A 0 0 0 0 0 7",
        ] {
            assert_eq!(entry(line, Some(8001)), None, "{line}");
        }
    }
}
