//! Rejected WebSocket handshakes, and the parts that reject them.

use super::{
    check::{Failed, path},
    holder::{Candidate, CausedBy},
    probe::shown_body,
};
use crate::{
    diagnose::evidence::check::{Refuser, Stage, WebSocketFault},
    model::finding::{Code, Described as _},
};

/// Returns the candidate for a refused handshake.
pub(super) fn candidate(failed: Failed<'_>, fault: &WebSocketFault) -> Candidate {
    let name = &failed.answerer.spec.name;
    let route = path(&failed.check.target);
    let status = fault.status;
    let origin = failed.check.origin.as_deref().unwrap_or("the page");
    // A server that requires a login on one route usually requires it on the others.
    let login = || CausedBy::one(name, Code::AuthRequired);
    let (why, remedy, behind) = match &fault.by {
        Refuser::Auth => (
            "authentication rejects it".to_owned(),
            format!("allow {route} without authentication in {name}, or send credentials"),
            login(),
        ),
        Refuser::Origin => (
            format!("the origin {origin} is not allowed there"),
            format!("allow {origin} in {name}'s WebSocket origin check"),
            CausedBy::Itself,
        ),
        Refuser::NoRoute => (
            "path not found".to_owned(),
            format!("fix the URL, or add the route {route} to {name}"),
            CausedBy::Itself,
        ),
        Refuser::AuthOrNoRoute => (
            "the route does not exist, or authentication rejects it".to_owned(),
            format!(
                "check that {name} has a WebSocket route {route}, and which middleware guards it"
            ),
            login(),
        ),
        Refuser::PlainHttp => (
            "the server speaks HTTP but not WebSocket".to_owned(),
            if fault.server.as_deref() == Some("uvicorn") {
                "install the WebSocket library of uvicorn: `pip install websockets`".to_owned()
            } else {
                "make the proxy in front forward the `Upgrade` header, or fix the URL".to_owned()
            },
            CausedBy::Itself,
        ),
        Refuser::BadRequest => (
            "the request was rejected".to_owned(),
            "fix the URL or the subprotocol of the check".to_owned(),
            CausedBy::Itself,
        ),
        Refuser::ServerError => (
            "the server failed".to_owned(),
            format!("see {name}'s log: `pilotlight logs {name}`"),
            CausedBy::Needs,
        ),
        Refuser::Subprotocol { .. } => (
            fault.to_string(),
            format!("make {name} answer with the requested subprotocol, or request another"),
            CausedBy::Itself,
        ),
        Refuser::Other => (
            "for another reason".to_owned(),
            format!("see {name}'s log: `pilotlight logs {name}`"),
            CausedBy::Itself,
        ),
    };
    let title = if let Refuser::Subprotocol { .. } = fault.by {
        format!("{name}'s WebSocket {route} uses another subprotocol: {why}")
    } else {
        format!("{name} refuses the WebSocket {route} with {status}: {why}")
    };
    let server = fault.server.as_ref();
    failed
        .candidate(Code::WebsocketRefused, title)
        .same_as(format!("{:?} {route}", fault.by))
        .evidence([format!("{}: {fault}", failed.check.target)])
        .evidence(server.map(|server| format!("{server} answers there")))
        .evidence(shown_body(&fault.body))
        .evidence([failed.command(Stage::Request)])
        .remedy(remedy)
        .behind(behind)
}
