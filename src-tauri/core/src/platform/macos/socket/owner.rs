//! Finds the processes that hold a listening socket: examines each descriptor of each process
//! (`proc_pidinfo`, `proc_pidfdinfo` of `libproc.h`), since there is no lookup from a port to a
//! socket.

use std::{
    collections::BTreeMap,
    ffi::c_void,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use super::Listening;
use crate::{
    model::facts::Process,
    platform::{os::process::all, process::started},
};

/// `PROC_PIDFDSOCKETINFO` of `sys/proc_info.h`, and the size of its answer, `socket_fdinfo`.
const SOCKET_INFO: libc::c_int = 3;
const SOCKET_INFO_SIZE: usize = 792;
/// `SOCKINFO_TCP` and `TSI_S_LISTEN` of `sys/proc_info.h`.
const KIND_TCP: i32 = 2;
const LISTEN: i32 = 1;
/// `INI_IPV6` of `sys/proc_info.h`: the address is one of IPv6.
const IS_IPV6: u8 = 2;

/// Returns what [`super::listening`] does; all ports without `port`.
pub(super) fn listening(port: Option<u16>) -> io::Result<Vec<Listening>> {
    let is_wanted = |socket: &Socket| port.is_none_or(|port| socket.port == port);
    let user = rustix::process::geteuid().as_raw();
    let mut found = BTreeMap::<u64, (Socket, Vec<Process>)>::new();
    let mut descriptors = Vec::new();
    for pid in all()? {
        // A process that exits meanwhile holds nothing, and the descriptors of another user's
        // process are hidden.
        let Some(number) = i32::try_from(pid).ok() else {
            continue;
        };
        if list_sockets(number, &mut descriptors).is_none() {
            continue;
        }
        for &descriptor in &descriptors {
            let Some(socket) = socket(number, descriptor).filter(is_wanted) else {
                continue;
            };
            if let Ok(started) = started(pid) {
                let (_, processes) = found.entry(socket.identity).or_insert((socket, Vec::new()));
                let process = Process { pid, started };
                if !processes.contains(&process) {
                    processes.push(process);
                }
            }
        }
    }
    let found = found.into_values().map(|(socket, processes)| Listening {
        address: SocketAddr::new(socket.address.to_canonical(), socket.port),
        own: socket.user == user,
        user: socket.user.to_string().parse().ok(),
        processes,
    });
    Ok(found.collect())
}

/// A listening socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Socket {
    /// Its kernel address: the same for all processes that hold it.
    identity: u64,
    user: u32,
    port: u16,
    address: IpAddr,
}

/// Returns the descriptors of a process that are sockets.
fn list_sockets(pid: i32, sockets: &mut Vec<i32>) -> Option<()> {
    let mut entries: Vec<libc::proc_fdinfo> = Vec::new();
    let mut capacity = 256;
    let written = loop {
        entries.reserve(capacity);
        let room = libc::c_int::try_from(capacity * size_of::<libc::proc_fdinfo>()).ok()?;
        // SAFETY: at most `room` bytes are written to the spare room of `entries`, which has them.
        let written = unsafe {
            libc::proc_pidinfo(
                pid,
                libc::PROC_PIDLISTFDS,
                0,
                entries.as_mut_ptr().cast::<c_void>(),
                room,
            )
        };
        // A full list may be incomplete.
        if written < room {
            break usize::try_from(written).ok()?;
        }
        capacity *= 2;
    };
    // SAFETY: this many entries were written completely.
    unsafe { entries.set_len(written / size_of::<libc::proc_fdinfo>()) };
    sockets.clear();
    let is_socket =
        |entry: &&libc::proc_fdinfo| entry.proc_fdtype.cast_signed() == libc::PROX_FDTYPE_SOCKET;
    sockets.extend(entries.iter().filter(is_socket).map(|entry| entry.proc_fd));
    Some(())
}

/// Returns a socket, if it listens.
fn socket(pid: i32, descriptor: i32) -> Option<Socket> {
    let mut bytes = [0_u8; SOCKET_INFO_SIZE];
    let room = libc::c_int::try_from(bytes.len()).ok()?;
    // SAFETY: at most `room` bytes are written to `bytes`, which has them.
    let written = unsafe {
        libc::proc_pidfdinfo(
            pid,
            descriptor,
            SOCKET_INFO,
            bytes.as_mut_ptr().cast::<c_void>(),
            room,
        )
    };
    read(bytes.get(..usize::try_from(written).ok()?)?)
}

/// Parses a `socket_fdinfo`, with the layout of `sys/proc_info.h`.
fn read(bytes: &[u8]) -> Option<Socket> {
    let kind = i32::from_ne_bytes(at(bytes, 256)?);
    // `tcp_sockinfo`, of which `in_sockinfo` is the first part.
    let tcp = bytes.get(264..)?;
    if kind != KIND_TCP || i32::from_ne_bytes(at(tcp, 80)?) != LISTEN {
        return None;
    }
    let [version] = at(tcp, 24)?;
    let address = if version & IS_IPV6 == 0 {
        // The last of the four words that an IPv6 address would take.
        IpAddr::V4(Ipv4Addr::from(at::<4>(tcp, 60)?))
    } else {
        IpAddr::V6(Ipv6Addr::from(at::<16>(tcp, 48)?))
    };
    Some(Socket {
        identity: u64::from_ne_bytes(at(bytes, 160)?),
        user: u32::from_ne_bytes(at(bytes, 40)?),
        // In network byte order, in the first two bytes of a number.
        port: u16::from_be_bytes(at(tcp, 4)?),
        address,
    })
}

fn at<const N: usize>(bytes: &[u8], from: usize) -> Option<[u8; N]> {
    bytes.get(from..)?.first_chunk().copied()
}

/// Returns the path of a process's program.
pub(super) fn path(pid: u32) -> Option<Vec<u8>> {
    let mut path = vec![0_u8; 4096];
    let room = u32::try_from(path.len()).ok()?;
    // SAFETY: at most `room` bytes are written to `path`, which has them.
    let length = unsafe {
        libc::proc_pidpath(
            i32::try_from(pid).ok()?,
            path.as_mut_ptr().cast::<c_void>(),
            room,
        )
    };
    path.truncate(usize::try_from(length).ok().filter(|length| *length > 0)?);
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(put: &[(usize, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0; SOCKET_INFO_SIZE];
        for (at, value) in put {
            bytes[*at..at + value.len()].copy_from_slice(value);
        }
        bytes
    }

    #[test]
    fn a_listener_is_parsed_from_the_layout_of_the_kernel() {
        let listens = LISTEN.to_ne_bytes();
        let kind = KIND_TCP.to_ne_bytes();
        let mut put: Vec<(usize, &[u8])> = vec![
            (40, &[245, 1, 0, 0]),
            (160, &[7, 0, 0, 0, 0, 0, 0, 0]),
            (256, &kind),
            (264 + 4, &[0x1f, 0x41]),
            (264 + 24, &[1]),
            (264 + 60, &[127, 0, 0, 1]),
            (264 + 80, &listens),
        ];
        let socket = read(&info(&put)).unwrap();
        assert_eq!((socket.port, socket.user, socket.identity), (8001, 501, 7));
        assert_eq!(socket.address, IpAddr::V4(Ipv4Addr::LOCALHOST));
        put.push((264 + 24, &[2]));
        put.push((264 + 48, &[0; 15]));
        put.push((264 + 63, &[1]));
        let socket = read(&info(&put)).unwrap();
        assert_eq!(socket.address, IpAddr::V6(Ipv6Addr::LOCALHOST));
        put.push((264 + 80, &[4, 0, 0, 0]));
        assert_eq!(read(&info(&put)), None);
    }

    #[test]
    fn an_incomplete_answer_is_no_socket() {
        assert_eq!(read(&[0; 300]), None);
        assert_eq!(read(&[]), None);
    }
}
