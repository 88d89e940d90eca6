//! Opens the connection of a network probe.
//!
//! Each probe opens its own connection. A kept one would save a loopback handshake, but it would
//! hide that a server no longer accepts connections, and delay servers that finish open connections
//! before they exit, such as uvicorn.

use std::{
    io,
    net::{self, IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time,
};

use super::address::{Endpoint, Host};
use crate::{model::facts::ProbeFaultKind, platform::socket as platform};

/// The delay before the next address is tried concurrently. On loopback the response takes
/// microseconds, except that Windows retries three times before it reports a refusal.
const HEAD_START: Duration = Duration::from_millis(5);

/// A byte stream to a server, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Connects to the first address of `endpoint` that accepts.
///
/// `localhost` is `127.0.0.1` and then `::1`, regardless of the resolver: after a refusal by one
/// the other is tried at once.
pub(super) async fn connect(endpoint: &Endpoint) -> Result<TcpStream, ProbeFaultKind> {
    let stream = reach(endpoint).await?;
    TcpStream::from_std(stream).map_err(|error| fault(&error))
}

/// Connects without registering the socket with the runtime.
pub(super) async fn reach(endpoint: &Endpoint) -> Result<net::TcpStream, ProbeFaultKind> {
    let mut waiting = addresses(endpoint).await?.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut fault = None;
    loop {
        if let Some(address) = waiting.next() {
            attempts.push(attempt(address));
        }
        tokio::select! {
            // In this order, no timer is set for a connection that is decided at once.
            biased;
            Some(result) = attempts.next() => match result {
                Ok(stream) => return Ok(stream),
                // A machine without IPv6 has no route to ::1, which proves nothing about the server.
                // A refusal by 127.0.0.1 does.
                Err(kind) if fault.is_none() || kind == ProbeFaultKind::Refused => {
                    fault = Some(kind);
                }
                Err(_) => {}
            },
            () = time::sleep(HEAD_START), if waiting.len() > 0 => {}
            else => return Err(fault.unwrap_or_else(no_address)),
        }
    }
}

fn no_address() -> ProbeFaultKind {
    ProbeFaultKind::Unreachable("the host name has no address".into())
}

async fn attempt(address: SocketAddr) -> Result<net::TcpStream, ProbeFaultKind> {
    let stream = established(address).await.map_err(|e| fault(&e))?;
    // A connection from a port to itself (RFC 9293, section 3.5: simultaneous open) is possible if
    // nothing listens and the system chooses that very port as the local one. It proves nothing,
    // and would keep the port from the service that is about to bind it.
    if stream.local_addr().is_ok_and(|local| local == address) {
        // Without this the port would stay in TIME_WAIT. A failure changes nothing else.
        let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        return Err(ProbeFaultKind::Refused);
    }
    Ok(stream)
}

/// Connects. Over loopback, the kernel usually has the result when the call returns: then the
/// socket is not registered with the runtime, which would cost as much again.
async fn established(address: SocketAddr) -> io::Result<net::TcpStream> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_nonblocking(true)?;
    if let Err(error) = socket.connect(&address.into())
        && !platform::is_connecting(&error)
    {
        return Err(error);
    }
    let stream = net::TcpStream::from(socket);
    if is_connected(&stream)? {
        return Ok(stream);
    }
    let stream = TcpStream::from_std(stream)?;
    stream.writable().await?;
    let stream = stream.into_std()?;
    if is_connected(&stream)? {
        Ok(stream)
    } else {
        Err(io::ErrorKind::NotConnected.into())
    }
}

fn is_connected(stream: &net::TcpStream) -> io::Result<bool> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns whether the operating system would accept a connection, or `None` if that is unknown.
/// Takes microseconds, without involving the server.
pub(super) fn would_accept(endpoint: &Endpoint) -> Option<bool> {
    let addresses: &[IpAddr] = match &endpoint.host {
        Host::Address(address) if address.is_loopback() => &[*address],
        Host::Localhost => &[
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ],
        Host::Address(_) | Host::Name(_) => return None,
    };
    let mut accepts = Some(false);
    for address in addresses {
        match platform::accepts(SocketAddr::new(*address, endpoint.port)) {
            Some(true) => return Some(true),
            Some(false) => {}
            None => accepts = None,
        }
    }
    accepts
}

async fn addresses(endpoint: &Endpoint) -> Result<Vec<SocketAddr>, ProbeFaultKind> {
    let at = |address: IpAddr| SocketAddr::new(address, endpoint.port);
    match &endpoint.host {
        Host::Address(address) => Ok(vec![at(*address)]),
        Host::Localhost => Ok(vec![
            at(Ipv4Addr::LOCALHOST.into()),
            at(Ipv6Addr::LOCALHOST.into()),
        ]),
        Host::Name(name) => match lookup_host((name.as_str(), endpoint.port)).await {
            Ok(found) => Ok(found.collect()),
            Err(error) => Err(ProbeFaultKind::Unreachable(error.to_string())),
        },
    }
}

/// Returns the probe fault for an error of the operating system.
pub(super) fn fault(error: &io::Error) -> ProbeFaultKind {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ProbeFaultKind::Refused,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected
        | io::ErrorKind::UnexpectedEof => ProbeFaultKind::Reset,
        io::ErrorKind::TimedOut => ProbeFaultKind::TimedOut { connected: false },
        _ => ProbeFaultKind::Unreachable(error.to_string()),
    }
}
