//! The tables of listening sockets, one for each address family.

use std::{
    ffi::c_void,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

use windows_sys::Win32::{
    Foundation::{ERROR_INSUFFICIENT_BUFFER, ERROR_INVALID_PARAMETER, ERROR_NOT_SUPPORTED},
    NetworkManagement::IpHelper::{
        GetExtendedTcpTable, MIB_TCP6ROW_OWNER_PID, MIB_TCPROW_OWNER_PID,
        TCP_TABLE_OWNER_PID_LISTENER,
    },
    Networking::WinSock::{AF_INET, AF_INET6},
};

use crate::platform::os::call::check_code;

/// Returns the listening addresses with their PIDs. A machine without IPv6 is not an error.
pub(super) fn listeners() -> io::Result<Vec<(SocketAddr, u32)>> {
    let four = read::<MIB_TCPROW_OWNER_PID>(AF_INET)?;
    let four = four.into_iter().map(|row| {
        let address = Ipv4Addr::from(row.dwLocalAddr.to_ne_bytes());
        (
            SocketAddr::new(address.into(), port(row.dwLocalPort)),
            row.dwOwningPid,
        )
    });
    let six = read::<MIB_TCP6ROW_OWNER_PID>(AF_INET6)?;
    let six = six.into_iter().map(|row| {
        let address = Ipv6Addr::from(row.ucLocalAddr).to_canonical();
        (
            SocketAddr::new(address, port(row.dwLocalPort)),
            row.dwOwningPid,
        )
    });
    Ok(four.chain(six).collect())
}

/// Returns the port in the first two bytes, in network byte order; the others have no meaning.
fn port(field: u32) -> u16 {
    let [high, low, ..] = field.to_ne_bytes();
    u16::from_be_bytes([high, low])
}

/// A row of a table that begins with a 32-bit count.
trait Row: Copy {}
impl Row for MIB_TCPROW_OWNER_PID {}
impl Row for MIB_TCP6ROW_OWNER_PID {}

fn read<R: Row>(family: u16) -> io::Result<Vec<R>> {
    const {
        assert!(align_of::<R>() <= align_of::<u32>());
    }
    let mut words: Vec<u32> = vec![0; 4 * 1024];
    loop {
        let mut length = u32::try_from(size_of_val(&*words)).map_err(io::Error::other)?;
        // SAFETY: writes at most `length` bytes, which `words` has.
        let code = unsafe {
            GetExtendedTcpTable(
                words.as_mut_ptr().cast::<c_void>(),
                &raw mut length,
                0,
                family.into(),
                TCP_TABLE_OWNER_PID_LISTENER,
                0,
            )
        };
        match code {
            // More sockets may appear until the next attempt.
            ERROR_INSUFFICIENT_BUFFER => words.resize(length as usize / 4 + 1024, 0),
            ERROR_NOT_SUPPORTED | ERROR_INVALID_PARAMETER if family == AF_INET6 => {
                return Ok(Vec::new());
            }
            code => {
                check_code(code)?;
                break;
            }
        }
    }
    let (count, rows) = words.split_first().ok_or(io::ErrorKind::UnexpectedEof)?;
    let count = (*count as usize).min(size_of_val(rows) / size_of::<R>());
    // SAFETY: the system wrote that many rows after their count; they are within `rows`, need no
    // stricter alignment, and contain only numbers.
    Ok(unsafe { std::slice::from_raw_parts(rows.as_ptr().cast::<R>(), count) }.to_vec())
}
