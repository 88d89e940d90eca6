//! `websocket`: the handshake is accepted (RFC 6455, section 4).

use std::time::Duration;

use futures_util::StreamExt;
use hyper::{
    body::Bytes,
    header::{
        CONNECTION, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
        SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
    },
    http::HeaderMap,
};
use tokio::time::{self, Instant};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::{client::generate_key, derive_accept_key},
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::{
    address::Address,
    connection::Stream,
    http::{self, Answer, Look},
};
use crate::{model::facts::ProbeFaultKind, stack::HttpRequest};

/// The time limit for the closing handshake.
const GOODBYE: Duration = Duration::from_millis(100);
/// The size of the buffers: a close frame is short.
const BUFFER: usize = 4096;
/// The status of an accepted handshake.
pub(in crate::effects) const SWITCHING: u16 = 101;

/// A handshake request.
pub(in crate::effects) struct Handshake<'a> {
    /// `ws://` or `wss://`.
    pub(in crate::effects) url: &'a str,
    /// The requested subprotocol.
    pub(in crate::effects) protocol: Option<&'a str>,
    /// Additional headers, such as `Origin`.
    pub(in crate::effects) headers: &'a [(String, String)],
}

/// Performs the handshake and closes the connection properly, so that the server logs no broken
/// connection.
pub(super) async fn shake(
    stream: impl Stream + 'static,
    address: &Address,
    handshake: &Handshake<'_>,
    deadline: Instant,
) -> Result<Answer, ProbeFaultKind> {
    let mut request = HttpRequest::new("GET", handshake.url);
    request.headers = handshake.headers.iter().cloned().collect();
    request.expect.status = vec![SWITCHING];
    let key = generate_key();
    let mut built = http::build(&request, address)?;
    let headers = built.headers_mut();
    let version = (SEC_WEBSOCKET_VERSION, Some("13"));
    let protocol = (SEC_WEBSOCKET_PROTOCOL, handshake.protocol);
    for (name, value) in [
        (CONNECTION, Some("Upgrade")),
        (UPGRADE, Some("websocket")),
        (SEC_WEBSOCKET_KEY, Some(key.as_str())),
        version,
        protocol,
    ] {
        if let Some(value) = value {
            headers.insert(&name, sendable(&name, value)?);
        }
    }
    let asked = http::exchange(stream, built, &request.expect, Look::Brief, deadline).await;
    let (answer, stream, unread) = asked?;
    if answer.status() == SWITCHING {
        judge(&answer.head.headers, &key)?;
        // A late close frame is not a fault.
        let _ = time::timeout(GOODBYE, close(stream, unread)).await;
    }
    Ok(answer)
}

/// Verifies that the handshake was accepted, for a client that requested no subprotocol.
pub(super) fn accepted(answer: &Answer) -> Result<(), ProbeFaultKind> {
    if answer.status() != SWITCHING {
        return Err(ProbeFaultKind::WebSocketRefused(answer.status()));
    }
    match answer.head.headers.get(SEC_WEBSOCKET_PROTOCOL) {
        Some(protocol) => Err(ProbeFaultKind::Protocol(format!(
            "it chooses the subprotocol {protocol:?}, which was not requested"
        ))),
        None => Ok(()),
    }
}

fn sendable(name: &HeaderName, value: &str) -> Result<HeaderValue, ProbeFaultKind> {
    HeaderValue::try_from(value)
        .map_err(|_| ProbeFaultKind::Address(format!("the header `{name}` cannot be sent")))
}

/// Verifies an accepting response (RFC 6455, section 4.1).
fn judge(headers: &HeaderMap, key: &str) -> Result<(), ProbeFaultKind> {
    let says = |name: &HeaderName, expected: &str| {
        let mut values = headers.get_all(name).iter().filter_map(|v| v.to_str().ok());
        values.any(|value| {
            let mut words = value.split(',').map(str::trim);
            words.any(|word| word.eq_ignore_ascii_case(expected))
        })
    };
    let accept = headers.get(SEC_WEBSOCKET_ACCEPT);
    let what = if !says(&UPGRADE, "websocket") {
        "its answer to the handshake lacks `Upgrade: websocket`"
    } else if !says(&CONNECTION, "upgrade") {
        "its answer to the handshake lacks `Connection: Upgrade`"
    } else if accept.is_none_or(|accept| accept != derive_accept_key(key.as_bytes()).as_str()) {
        "its answer to the handshake has a wrong `Sec-WebSocket-Accept`"
    } else {
        return Ok(());
    };
    Err(ProbeFaultKind::Protocol(what.into()))
}

async fn close(stream: impl Stream, unread: Bytes) {
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER);
    let role = Role::Client;
    let mut socket =
        WebSocketStream::from_partially_read(stream, unread.into(), role, Some(config)).await;
    let goodbye = CloseFrame {
        code: CloseCode::Normal,
        reason: "".into(),
    };
    if socket.close(Some(goodbye)).await.is_ok() {
        while let Some(Ok(_)) = socket.next().await {}
    }
}
