//! Opens a WebSocket as a page does, and finds what rejects the handshake.
//!
//! A browser sends no preflight and needs no CORS header for it: only the server decides, by the
//! `Origin` header, whether a page may connect.

use hyper::header::{SEC_WEBSOCKET_PROTOCOL, SERVER};

use super::{
    conversation::Conversation,
    fetch::{address, explanation},
    origin::Page,
};
use crate::{
    diagnose::evidence::check::{CheckFault, Refuser, Stage, WebSocketFault},
    effects::probe::{
        http::Answer,
        websocket::{Handshake, SWITCHING},
    },
    stack::HttpRequest,
};

/// Sends the handshake; if it is rejected, sends further requests to find the cause.
pub(super) async fn shake_hands(
    conversation: &mut Conversation<'_>,
    url: &str,
    protocol: Option<&str>,
    page: Option<&Page>,
) -> Result<(), CheckFault> {
    if page.is_some() {
        address(url)?;
    }
    let headers: Vec<(String, String)> = page
        .map(|page| ("Origin".to_owned(), page.written().to_owned()))
        .into_iter()
        .collect();
    let handshake = Handshake {
        url,
        protocol,
        headers: &headers,
    };
    let answer = conversation.shake_hands(Stage::Request, &handshake).await;
    let answer = answer.map_err(CheckFault::Plain)?;
    let by = if answer.status() == SWITCHING {
        match judge_protocol(&answer, protocol) {
            Ok(()) => return Ok(()),
            Err(by) => by,
        }
    } else {
        refuser(conversation, &handshake, &answer).await
    };
    Err(CheckFault::WebSocket(WebSocketFault {
        status: answer.status(),
        by,
        body: explanation(&answer),
        server: server(&answer).map(str::to_owned),
    }))
}

/// Checks the subprotocol. A browser closes the connection if it requested one and gets another or
/// none (<https://websockets.spec.whatwg.org/#feedback-from-the-protocol>).
fn judge_protocol(answer: &Answer, asked: Option<&str>) -> Result<(), Refuser> {
    let came = answer.head.headers.get(SEC_WEBSOCKET_PROTOCOL);
    let came = came.map(|came| String::from_utf8_lossy(came.as_bytes()).into_owned());
    if came.as_deref() == asked {
        return Ok(());
    }
    Err(Refuser::Subprotocol {
        asked: asked.map(str::to_owned),
        came,
    })
}

async fn refuser(
    conversation: &mut Conversation<'_>,
    handshake: &Handshake<'_>,
    answer: &Answer,
) -> Refuser {
    match answer.status() {
        status @ (401 | 403) => {
            if !handshake.headers.is_empty() {
                let anonymous = Handshake {
                    headers: &[],
                    ..*handshake
                };
                let asked = conversation.shake_hands(Stage::Inquiry, &anonymous).await;
                if asked.is_ok_and(|answer| answer.status() == SWITCHING) {
                    return Refuser::Origin;
                }
            }
            let explains_itself = !answer.body.is_empty();
            if status == 401 || explains_itself || plain(conversation, handshake.url).await {
                Refuser::Auth
            } else {
                Refuser::AuthOrNoRoute
            }
        }
        // uvicorn lets an application reject with its own status, but a missing WebSocket route
        // responds 403. A 404 is that of an HTTP route: uvicorn has no WebSocket library and
        // treated the handshake as a plain request.
        404 if server(answer) == Some("uvicorn") => Refuser::PlainHttp,
        404 | 405 | 410 => Refuser::NoRoute,
        400 | 426 => Refuser::BadRequest,
        200..400 => Refuser::PlainHttp,
        500.. => Refuser::ServerError,
        _ => Refuser::Other,
    }
}

/// Returns whether a plain `GET` of the same address is rejected too.
async fn plain(conversation: &mut Conversation<'_>, url: &str) -> bool {
    let mut request = HttpRequest::new("GET", &url.replacen("ws", "http", 1));
    request.expect.status = vec![SWITCHING];
    let asked = conversation.send(Stage::Inquiry, &request).await;
    asked.is_ok_and(|answer| matches!(answer.status(), 401 | 403))
}

fn server(answer: &Answer) -> Option<&str> {
    answer.head.headers.get(SERVER)?.to_str().ok()
}
