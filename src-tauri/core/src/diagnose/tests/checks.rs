//! Failed checks.

use super::*;
use crate::diagnose::evidence::check::{CorsFault, CorsRule, Refuser, Skipped, WebSocketFault};

fn cors(rule: CorsRule, status: u16) -> CheckFault {
    CheckFault::Cors(Box::new(CorsFault {
        stage: Stage::Preflight,
        url: "http://localhost:8001/v1/sessions/".into(),
        status,
        rule,
        came: None,
        right: Some("Access-Control-Allow-Origin: http://localhost:5173".into()),
        body: String::new(),
    }))
}

fn refused(by: Refuser, status: u16) -> CheckFault {
    CheckFault::WebSocket(WebSocketFault {
        status,
        by,
        body: String::new(),
        server: Some("uvicorn".into()),
    })
}

#[test]
fn each_wrong_setting_of_cors_is_named_with_the_line_to_add() {
    for (rule, status, code, words) in [
        (
            CorsRule::Origin { allowed: None },
            200,
            "cors-origin",
            "allow_origins=[\\\"http://localhost:5173\\\"]",
        ),
        (
            CorsRule::Method {
                method: "PUT".into(),
            },
            400,
            "cors-method",
            "allow_methods=[\\\"PUT\\\"]",
        ),
        (
            CorsRule::Header {
                names: vec!["x-api-key".into(), "x-id".into()],
            },
            400,
            "cors-header",
            "allow_headers=[\\\"x-api-key\\\", \\\"x-id\\\"]",
        ),
        (
            CorsRule::Credentials { wildcard: true },
            200,
            "cors-credentials",
            "allow_credentials = True",
        ),
        (CorsRule::Missing, 405, "cors-missing", "CORSMiddleware"),
        (CorsRule::Status, 405, "cors-missing", "OPTIONS gets 405"),
        (
            CorsRule::Redirect {
                location: "/v1/sessions".into(),
            },
            307,
            "cors-redirect",
            "slash",
        ),
        (
            CorsRule::Status,
            401,
            "auth-required",
            "let OPTIONS through",
        ),
    ] {
        let case = well(NEXUS).failing("backend", "create a session", cors(rule, status));
        let finding = case.finding();
        assert_eq!(short(&finding), format!("{code} backend"));
        assert_says(&finding, &[words, "`curl -i "]);
    }
}

#[test]
fn one_wrong_setting_seen_by_two_checks_is_one_finding() {
    let text = format!(
        "{NEXUS}\n[[service.frontend.check]]\nname = \"from the page\"\norigin = \"http://localhost:5173\"\nhttp = \"http://localhost:8001/v1/x\"\n"
    );
    let origin = || cors(CorsRule::Origin { allowed: None }, 200);
    let case = well(&text)
        .failing("backend", "create a session", origin())
        .failing("frontend", "from the page", origin());
    // The backend responds to both checks.
    assert_eq!(
        case.says(),
        ["cors-origin backend < frontend cors-origin: from the page"]
    );
}

#[test]
fn a_preflight_that_gets_an_error_is_reported_as_the_error() {
    let case = well(NEXUS).with("redis", kill).failing(
        "backend",
        "create a session",
        cors(CorsRule::Status, 500),
    );
    assert_eq!(
        case.says(),
        ["exited redis < backend cors-masked-error: create a session"]
    );
}

#[test]
fn each_rejected_websocket_names_the_part_that_rejects_it() {
    for (by, status, words) in [
        (Refuser::Auth, 401, "authentication"),
        (Refuser::Origin, 403, "origin"),
        (Refuser::NoRoute, 404, "path not found"),
        (Refuser::AuthOrNoRoute, 403, "does not exist"),
        (Refuser::PlainHttp, 404, "pip install websockets"),
        (Refuser::BadRequest, 400, "subprotocol"),
        (Refuser::ServerError, 500, "the server failed"),
        (
            Refuser::Subprotocol {
                asked: Some("chat".into()),
                came: None,
            },
            101,
            "`chat`",
        ),
        (Refuser::Other, 418, "418"),
    ] {
        let case = well(NEXUS).failing("backend", "live updates", refused(by, status));
        let finding = case.finding();
        assert_eq!(short(&finding), "websocket-refused backend");
        assert_says(&finding, &[words, "/ws"]);
    }
}

#[test]
fn an_error_that_a_browser_reports_as_cors_is_explained_by_the_log() {
    let case = well(NEXUS)
        .with("backend", |is| {
            log_error(is, LogErrorKind::Other, "KeyError: 'orders'");
        })
        .failing("backend", "create a session", masked(500));
    let finding = case.finding();
    assert_eq!(
        short(&finding),
        "http-status backend < backend cors-masked-error: create a session"
    );
    assert_says(
        &finding,
        &[
            "KeyError: 'orders'",
            "the CORS settings are right",
            "redis is healthy",
        ],
    );
}

#[test]
fn a_status_shows_what_to_fix() {
    for (code, words) in [
        (404, "add that route"),
        (405, "method"),
        (422, "the response body says"),
        (500, "`pilotlight logs backend`"),
    ] {
        let fault = CheckFault::Plain(status(code));
        let case = well(NEXUS).failing("backend", "create a session", fault);
        let finding = case.finding();
        assert_eq!(short(&finding), "http-status backend");
        assert_says(
            &finding,
            &[words, &code.to_string(), "Internal Server Error"],
        );
    }
}

#[test]
fn a_missing_login_that_a_browser_reports_as_cors_is_a_missing_login() {
    let case = well(NEXUS).failing("backend", "create a session", masked(401));
    assert_eq!(
        case.says(),
        ["auth-required backend < backend cors-masked-error: create a session"]
    );
}

#[test]
fn a_skipped_check_is_not_a_finding() {
    let case = well(NEXUS).with("backend", |is| {
        is.checks[0].outcome = CheckOutcome::Skipped(Skipped::OutOfTime);
    });
    assert_eq!(case.says(), [""; 0]);
}

#[test]
fn the_failed_checks_of_a_service_that_has_exited_are_not_reported() {
    let case = well(NEXUS).with("backend", kill);
    assert_eq!(case.says(), ["exited backend"]);
}

#[test]
fn a_proxy_in_front_of_a_stopped_service_is_a_symptom() {
    let text =
        format!("{NEXUS}\n[[service.frontend.check]]\nname = \"by proxy\"\nhttp = \"/api\"\n");
    let case = well(&text)
        .with("backend", |is| {
            kill(is);
            is.checks.clear();
        })
        .with("frontend", |is| cannot_reach(is, "127.0.0.1", 8001))
        .failing("frontend", "by proxy", CheckFault::Plain(status(502)));
    assert_eq!(
        case.says(),
        ["exited backend < frontend http-status: by proxy"]
    );
}

/// Returns a case in which the page forwards `/api` to the backend, which also got the request
/// directly.
fn passed_on(fault: CheckFault, direct: Option<ProbeFaultKind>, is_stripped: bool) -> Case {
    use crate::diagnose::evidence::{PassesOn, Place, check::AskedDirectly};
    const STACK: &str = r#"
[service.api]
command = "uvicorn main:app --port {port}"
port = 8001
ready = "http: /health"

[service.web]
command = "npm run dev -- --port {port}"
port = 5173
ready = "http: /"

[[service.web.check]]
name = "list users"
http = "/api/users"
"#;
    let target = "GET http://localhost:8001/api/users".to_owned();
    let note = AskedDirectly {
        rule: PassesOn {
            path: "/api".into(),
            scheme: "http".into(),
            host: "localhost".into(),
            port: 8001,
            place: Place {
                file: "/project/vite.config.ts".into(),
                line: 9,
            },
        },
        fault: direct.map(|kind| ProbeFault {
            target: target.clone(),
            kind,
        }),
        target,
        is_stripped,
    };
    let case = well(STACK).failing("web", "list users", fault);
    case.with("web", |is| {
        is.checks[0].notes = vec![CheckNote::AskedDirectly(Box::new(note))];
    })
}

#[test]
fn an_error_behind_a_proxy_belongs_to_the_server_behind_it() {
    let plain = || CheckFault::Plain(status(500));
    let case = passed_on(plain(), Some(status(500)), false);
    let case = case.with("api", |is| {
        log_error(is, LogErrorKind::Other, "KeyError: 'name'");
    });
    let finding = case.finding();
    assert_eq!(finding.service.as_str(), "api");
    assert_says(
        &finding,
        &["KeyError", "asked directly", "vite.config.ts, line 9"],
    );
    assert_eq!(finding.symptoms, [], "{finding:#?}");
}

#[test]
fn a_request_that_only_fails_through_the_proxy_is_the_fault_of_the_proxy() {
    let plain = || CheckFault::Plain(status(502));
    let finding = passed_on(plain(), None, false).finding();
    assert_eq!(finding.service.as_str(), "web");
    assert_says(
        &finding,
        &[
            "the proxy of web fails",
            "api answers",
            "correct the proxy for /api",
        ],
    );
    let finding = passed_on(CheckFault::Plain(status(404)), None, true).finding();
    assert_says(&finding, &["passes /api on unchanged", "rewrite"]);
    let finding = passed_on(refused(Refuser::PlainHttp, 200), None, false).finding();
    assert_eq!(finding.code, Code::WebsocketRefused);
    assert_says(&finding, &["does not pass the WebSocket on", "ws: true"]);
}
