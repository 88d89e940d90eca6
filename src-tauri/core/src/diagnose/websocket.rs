//! WebSocket handshakes that are refused, and what refuses.

use super::{
    check::{Failed, path},
    holder::{Candidate, Cause, CausedBy},
    probe::shown_body,
};
use crate::{
    diagnose::evidence::check::{Refuser, Stage, WebSocketFault},
    model::finding::Code,
};

/// Who refuses the handshake.
pub(super) fn candidate(failed: Failed<'_>, fault: &WebSocketFault) -> Candidate {
    let name = &failed.answerer.spec.name;
    let route = path(&failed.check.target);
    let status = fault.status;
    let origin = failed.check.origin.as_deref().unwrap_or("the page");
    // What asks for a login on one road mostly asks on the others.
    let login = || {
        CausedBy::Named(vec![Cause {
            service: name.clone(),
            code: Some(Code::AuthRequired),
        }])
    };
    let (why, remedy, behind) = match &fault.by {
        Refuser::Auth => (
            "what asks for a login refuses it".to_owned(),
            format!("let {route} pass without a login in what guards {name}, or send one along"),
            login(),
        ),
        Refuser::Origin => (
            format!("the origin {origin} is not allowed there"),
            format!("allow {origin} in what checks the origin of WebSockets in {name}"),
            CausedBy::Itself,
        ),
        Refuser::NoRoute => (
            "there is no such path".to_owned(),
            format!("correct the address, or add the route {route} to {name}"),
            CausedBy::Itself,
        ),
        Refuser::AuthOrNoRoute => (
            "either there is no such route, or what asks for a login refuses it".to_owned(),
            format!("see whether {name} has a WebSocket route {route}, and what guards it"),
            login(),
        ),
        Refuser::PlainHttp => (
            "what answers speaks HTTP and no WebSocket".to_owned(),
            if fault.server.as_deref() == Some("uvicorn") {
                "install what uvicorn needs for it: `pip install websockets`".to_owned()
            } else {
                "let what stands in front pass the upgrade on, or correct the address".to_owned()
            },
            CausedBy::Itself,
        ),
        Refuser::BadRequest => (
            "the request does not please".to_owned(),
            "correct the address or the subprotocol of the check".to_owned(),
            CausedBy::Itself,
        ),
        Refuser::ServerError => (
            "the server failed".to_owned(),
            format!("see the log of {name}: `pilotlight logs {name}`"),
            CausedBy::Needs,
        ),
        Refuser::Subprotocol { .. } => (
            fault.to_string(),
            format!("let {name} answer with the subprotocol that is asked for, or ask for another"),
            CausedBy::Itself,
        ),
        Refuser::Other => (
            "for a reason of its own".to_owned(),
            format!("see the log of {name}: `pilotlight logs {name}`"),
            CausedBy::Itself,
        ),
    };
    let title = if let Refuser::Subprotocol { .. } = fault.by {
        format!("The WebSocket {route} of {name} speaks another subprotocol: {why}")
    } else {
        format!("{name} refuses the WebSocket {route} with {status}: {why}")
    };
    failed
        .candidate(Code::WebsocketRefused, title)
        .same_as(format!("{:?} {route}", fault.by))
        .evidence([format!("{}: {fault}", failed.check.target)])
        .evidence(
            fault
                .server
                .as_ref()
                .map(|server| format!("{server} answers there")),
        )
        .evidence(shown_body(&fault.body))
        .evidence([failed.command(Stage::Request)])
        .remedy(remedy, None)
        .behind(behind)
}
