//! The three real incidents for which the diagnosis was written.

use super::*;
use crate::diagnose::evidence::check::{Refuser, WebSocketFault};

#[test]
fn redis_is_down_and_the_browser_blames_cors() {
    let case = well(NEXUS)
        .with("redis", kill)
        .with("backend", |is| cannot_reach(is, "127.0.0.1", 6379))
        .failing("backend", "create a session", masked(500));
    let finding = case.finding();
    assert_eq!(
        short(&finding),
        "exited redis < backend cors-masked-error: create a session"
    );
    assert_eq!(
        finding.title,
        "redis is not running: it was killed by signal 9"
    );
    assert_eq!(
        finding.symptoms[0].text,
        "POST /v1/sessions/ answers 500 without Access-Control-Allow-Origin, which a browser reports \
         as a CORS error; the CORS settings are right, the preflight passes"
    );
    assert_says(&finding, &["nothing listens on 127.0.0.1:6379"]);
    assert_eq!(
        finding.remedy.action,
        Some(Action::Start {
            service: "redis".into()
        })
    );
}

#[test]
fn redis_is_down_and_the_log_shows_nothing() {
    let case = well(NEXUS)
        .with("redis", kill)
        .failing("backend", "create a session", masked(500));
    assert_eq!(
        case.says(),
        ["exited redis < backend cors-masked-error: create a session"]
    );
}

#[test]
fn an_earlier_instance_still_holds_the_port() {
    let python = holder(
        "python3",
        "python3 -m uvicorn main:app --port 8001",
        "127.0.0.1",
        8001,
    );
    for text in [
        "ERROR:    [Errno 98] error while attempting to bind on address ('127.0.0.1', 8001): address \
         already in use",
        "ERROR:    [Errno 10048] error while attempting to bind on address ('127.0.0.1', 8001)",
    ] {
        let case = well(NEXUS).with("backend", |is| {
            fail_to_start(is);
            is.checks.clear();
            is.holders = vec![python.clone()];
            let port = Port::new(8001);
            log_error(is, LogErrorKind::AddressInUse { port }, text);
        });
        let finding = case.finding();
        assert_eq!(short(&finding), "port-taken backend");
        assert_says(&finding, &["python3 (PID 4242)", "uvicorn main:app", text]);
        assert_eq!(
            finding.remedy.action,
            Some(Action::FreePort {
                port: Port::new(8001).unwrap()
            })
        );
    }
}

#[test]
fn a_service_that_reports_startup_complete_has_exited() {
    let case = well(NEXUS).with("backend", |is| {
        end(
            is,
            Exit::Code(0),
            Code::SilentExit,
            "backend ended by itself, with code 0",
        );
        is.checks.clear();
        is.log.last_line = Some(line("INFO:     Application startup complete."));
    });
    let finding = case.finding();
    assert_eq!(short(&finding), "silent-exit backend");
    assert_says(&finding, &["with code 0", "Application startup complete"]);
}

#[test]
fn the_auth_middleware_rejects_the_websocket_and_the_conversation() {
    let refused = CheckFault::WebSocket(WebSocketFault {
        status: 403,
        by: Refuser::AuthOrNoRoute,
        body: String::new(),
        server: Some("uvicorn".into()),
    });
    let case = well(NEXUS)
        .failing(
            "backend",
            "create a session",
            CheckFault::Plain(status(401)),
        )
        .failing("backend", "live updates", refused);
    let finding = case.finding();
    assert_eq!(
        short(&finding),
        "auth-required backend < backend websocket-refused: live updates"
    );
    assert_says(&finding, &["answers 401", "/v1/sessions/", "`curl -i "]);
}

#[test]
fn an_exception_interrupts_a_response_with_a_stated_length() {
    let length = "the body is longer than its Content-Length (8) says: 31 bytes";
    let case = well(NEXUS)
        .with("backend", |is| {
            let table = LogErrorKind::TableMissing {
                name: "conversations".into(),
            };
            log_error(
                is,
                table,
                "sqlite3.OperationalError: no such table: conversations",
            );
        })
        .failing(
            "backend",
            "create a session",
            CheckFault::Plain(ProbeFaultKind::Protocol(length.into())),
        );
    let finding = case.finding();
    assert_eq!(short(&finding), "protocol-error backend");
    assert_says(
        &finding,
        &[
            "Content-Length",
            "no such table: conversations",
            "log line 42",
            "/logs/backend/7.log",
            "migrations",
        ],
    );
}
