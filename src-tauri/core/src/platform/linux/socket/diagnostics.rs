//! Lists listening sockets with `NETLINK_SOCK_DIAG` (`sock_diag(7)`): the kernel filters by state
//! and port, so that neither connections nor other listeners are copied.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::OwnedFd,
};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};

use super::Socket;

/// `SOCK_DIAG_BY_FAMILY` of `linux/sock_diag.h`.
const BY_FAMILY: u16 = 20;
/// `NLM_F_REQUEST | NLM_F_DUMP` of netlink(7).
const REQUEST_DUMP: u16 = 0x01 | 0x300;
/// `NLM_F_REQUEST` alone.
const REQUEST_ONE: u16 = 0x01;
/// `NLMSG_ERROR` and `NLMSG_DONE` of netlink(7).
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// `IPPROTO_TCP`, and `TCP_LISTEN` of `linux/tcp_states.h` as a set.
const TCP: u8 = 6;
const LISTEN: u32 = 1 << 10;
/// `TCP_LISTEN` as a state.
const LISTENS: u8 = 10;
/// The length of `nlmsghdr`, and of that with `inet_diag_req_v2` and `inet_diag_msg`.
const HEADER: usize = 16;
const REQUEST: usize = HEADER + 56;
const ENTRY: usize = HEADER + 72;
/// The offset of the length of the accept queue in an answer; its limit follows.
const QUEUED: usize = HEADER + 56;
/// `AF_INET` and `AF_INET6`, as both messages have them.
const INET: u8 = 2;
const INET6: u8 = 10;

/// Returns the listeners on `port`, or on any port. Fails if the kernel has no `tcp_diag` module,
/// or a sandbox forbids it.
pub(super) fn listeners(port: Option<u16>) -> io::Result<Vec<Socket>> {
    let netlink = open()?;
    let mut found = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    for family in [AddressFamily::INET, AddressFamily::INET6] {
        let family = u8::try_from(family.as_raw()).map_err(io::Error::other)?;
        send(
            &netlink,
            &request(family, port.unwrap_or(0)),
            SendFlags::empty(),
        )?;
        loop {
            let (_, length) = recv(&netlink, &mut buffer[..], RecvFlags::empty())?;
            let datagram = buffer.get(..length).ok_or_else(cut_short)?;
            if !read(datagram, port, &mut found)? {
                break;
            }
        }
    }
    Ok(found)
}

/// Returns whether a connection to `address` would be accepted: a process listens there, and the accept
/// queue has room. Fails as [`listeners`] does, and with `NotFound` if no process listens there.
///
/// The kernel looks up one socket: the one that it would hand a connection to.
pub(super) fn accepts(netlink: &OwnedFd, address: SocketAddr) -> io::Result<bool> {
    send(netlink, &question(address), SendFlags::empty())?;
    let mut answer = [0; 1024];
    // The kernel has answered before the previous call returned.
    let (_, length) = recv(netlink, &mut answer[..], RecvFlags::DONTWAIT)?;
    let message = answer.get(..length).ok_or_else(cut_short)?;
    if u16_at(message, 4)? == ERROR {
        let code = u32_at(message, HEADER)?.cast_signed();
        return Err(io::Error::from_raw_os_error(code.wrapping_neg()));
    }
    let message: &[u8; ENTRY] = message.first_chunk().ok_or_else(cut_short)?;
    if message[HEADER + 4..HEADER + 6] != address.port().to_be_bytes() {
        return Err(io::Error::other("the answer to another question"));
    }
    let (queued, room) = (u32_at(message, QUEUED)?, u32_at(message, QUEUED + 4)?);
    Ok(message[HEADER + 1] == LISTENS && queued <= room)
}

/// The netlink socket that [`accepts`] uses.
pub(super) fn open() -> io::Result<OwnedFd> {
    Ok(socket_with(
        AddressFamily::NETLINK,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )?)
}

/// Returns `nlmsghdr` and `inet_diag_req_v2` for the one socket that a connection to `address` would
/// reach.
fn question(address: SocketAddr) -> [u8; REQUEST] {
    let family = if address.is_ipv6() { INET6 } else { INET };
    let mut bytes = request(family, address.port());
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(6, &REQUEST_ONE.to_ne_bytes());
    match address.ip() {
        IpAddr::V4(ip) => put(HEADER + 12, &ip.octets()),
        IpAddr::V6(ip) => put(HEADER + 12, &ip.octets()),
    }
    // `INET_DIAG_NOCOOKIE`, twice: the request does not refer to a known socket.
    put(HEADER + 48, &[0xff; 8]);
    bytes
}

/// Returns `nlmsghdr` and `inet_diag_req_v2`; fields that stay zero mean "any".
fn request(family: u8, port: u16) -> [u8; REQUEST] {
    let mut bytes = [0; REQUEST];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &u32::try_from(REQUEST).unwrap_or_default().to_ne_bytes());
    put(4, &BY_FAMILY.to_ne_bytes());
    put(6, &REQUEST_DUMP.to_ne_bytes());
    put(HEADER, &[family, TCP]);
    put(HEADER + 4, &LISTEN.to_ne_bytes());
    put(HEADER + 8, &port.to_be_bytes());
    bytes
}

/// Parses the listeners of one datagram. Returns whether more follows.
fn read(mut datagram: &[u8], port: Option<u16>, found: &mut Vec<Socket>) -> io::Result<bool> {
    while !datagram.is_empty() {
        let length = u32_at(datagram, 0)? as usize;
        let message = datagram
            .get(..length)
            .filter(|message| message.len() >= HEADER)
            .ok_or_else(cut_short)?;
        match u16_at(message, 4)? {
            DONE => return Ok(false),
            ERROR => {
                let code = u32_at(message, HEADER)?.cast_signed();
                return Err(io::Error::from_raw_os_error(code.wrapping_neg()));
            }
            BY_FAMILY => found.extend(entry(message, port)?),
            _ => {}
        }
        // Messages are padded to four bytes (`NLMSG_ALIGN`).
        datagram = datagram
            .get(length.next_multiple_of(4)..)
            .unwrap_or_default();
    }
    Ok(true)
}

/// `nlmsghdr`, then `inet_diag_msg`: family, three bytes, source port and destination port in
/// network order, source, destination, interface, cookie (two words), expiry, two queues, user, inode.
fn entry(message: &[u8], port: Option<u16>) -> io::Result<Option<Socket>> {
    let bytes: &[u8; ENTRY] = message.first_chunk().ok_or_else(cut_short)?;
    let [family, _, _, _, high, low, _, _, source @ ..] = &bytes[HEADER..] else {
        return Err(cut_short());
    };
    // A kernel without the filter returns all ports.
    let listens = u16::from_be_bytes([*high, *low]);
    if port.is_some_and(|port| port != listens) {
        return Ok(None);
    }
    let address = if *family == INET6 {
        let octets: &[u8; 16] = source.first_chunk().ok_or_else(cut_short)?;
        IpAddr::V6(Ipv6Addr::from(*octets))
    } else {
        let octets: &[u8; 4] = source.first_chunk().ok_or_else(cut_short)?;
        IpAddr::V4(Ipv4Addr::from(*octets))
    };
    Ok(Some(Socket {
        address: SocketAddr::new(address, listens),
        user: u32_at(message, HEADER + 64)?,
        inode: u32_at(message, HEADER + 68)?.into(),
    }))
}

fn u16_at(bytes: &[u8], at: usize) -> io::Result<u16> {
    let chunk = bytes.get(at..).and_then(|rest| rest.first_chunk());
    chunk
        .map(|chunk| u16::from_ne_bytes(*chunk))
        .ok_or_else(cut_short)
}

fn u32_at(bytes: &[u8], at: usize) -> io::Result<u32> {
    let chunk = bytes.get(at..).and_then(|rest| rest.first_chunk());
    chunk
        .map(|chunk| u32::from_ne_bytes(*chunk))
        .ok_or_else(cut_short)
}

fn cut_short() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the kernel's answer is cut short",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_laid_out_as_the_kernel_reads_it() {
        let bytes = request(2, 8001);
        assert_eq!(bytes.len(), 72);
        assert_eq!(bytes[0..4], 72_u32.to_ne_bytes());
        assert_eq!(bytes[16..18], [2, 6]);
        assert_eq!(bytes[24..26], [0x1f, 0x41]);
    }

    #[test]
    fn a_truncated_answer_is_an_error() {
        let mut found = Vec::new();
        for length in 1..HEADER {
            assert!(read(&[200; HEADER][..length], Some(80), &mut found).is_err());
        }
        let mut endless = [0; HEADER];
        assert!(read(&endless, Some(80), &mut found).is_err());
        endless[0..4].copy_from_slice(&16_u32.to_ne_bytes());
        endless[4..6].copy_from_slice(&BY_FAMILY.to_ne_bytes());
        assert!(read(&endless, Some(80), &mut found).is_err());
        assert_eq!(found, []);
    }

    #[test]
    fn an_error_of_the_kernel_is_returned() {
        let mut message = [0; HEADER + 4];
        message[0..4].copy_from_slice(&20_u32.to_ne_bytes());
        message[4..6].copy_from_slice(&ERROR.to_ne_bytes());
        message[16..20].copy_from_slice(&(-2_i32).to_ne_bytes());
        let error = read(&message, Some(80), &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
