//! Causes with several symptoms, and several causes.

use super::*;
use crate::diagnose::evidence::{
    Place, PointsAt,
    check::{CorsFault, CorsRule},
};

fn misdirected(is: &mut ServiceEvidence, port: u16) {
    is.points_at = vec![PointsAt {
        variable: "VITE_API_URL".into(),
        service: Some("backend".into()),
        scheme: Some("http".into()),
        place: Some(Place {
            file: "/project/frontend/.env".into(),
            line: 3,
        }),
        target: Some(("localhost".into(), port)),
        changed_since_start: true,
    }];
}

fn wrong_origin() -> CheckFault {
    CheckFault::Cors(Box::new(CorsFault {
        stage: Stage::Preflight,
        url: "http://localhost:8001/v1/sessions/".into(),
        status: 200,
        rule: CorsRule::Origin { allowed: None },
        came: None,
        right: None,
        body: String::new(),
    }))
}

#[test]
fn a_frontend_with_a_wrong_address_gets_that_of_its_backend() {
    let case = well(NEXUS).with("frontend", |is| misdirected(is, 8000));
    let finding = case.finding();
    assert_eq!(short(&finding), "frontend-misdirected frontend");
    assert_says(
        &finding,
        &[
            "VITE_API_URL",
            "localhost:8000",
            "/project/frontend/.env, line 3",
            "port 8001",
            "backend is healthy",
            "restart frontend",
            "nothing is listening there",
        ],
    );
}

#[test]
fn a_variable_of_the_stack_file_is_one_line_to_change() {
    let text = NEXUS.replace(
        "env_points_at",
        "env = { VITE_API_URL = \"http://localhost:8000\" }\nenv_points_at",
    );
    let case = well(&text).with("frontend", |is| {
        misdirected(is, 8000);
        let line = text.lines().position(|line| line.starts_with("env = "));
        is.points_at[0].place = Some(Place {
            file: FILE.into(),
            line: line.unwrap() + 1,
        });
    });
    let Some(Action::EditStackFile { changes, .. }) = case.finding().remedy.action else {
        panic!("no change");
    };
    assert_eq!(
        changes[0].new,
        ["env = { VITE_API_URL = \"http://localhost:8001\" }"]
    );
}

#[test]
fn redis_down_a_masked_error_and_a_frontend_with_a_wrong_address() {
    let case = well(NEXUS)
        .with("redis", kill)
        .with("backend", |is| {
            cannot_reach(is, "127.0.0.1", 6379);
            is.phase = PhaseName::Unhealthy;
            fail_probes(is, &status(503));
        })
        .failing("backend", "create a session", masked(500))
        .with("frontend", |is| misdirected(is, 8000));
    assert_eq!(
        case.says(),
        [
            "exited redis < backend http-status < backend cors-masked-error: create a session",
            "frontend-misdirected frontend",
        ]
    );
}

#[test]
fn a_chain_of_waiting_services_has_one_root() {
    let wait = |is: &mut ServiceEvidence| {
        gone(is, PhaseName::Stopped);
        is.checks.clear();
    };
    let case = well(NEXUS)
        .with("redis", kill)
        .with("backend", wait)
        .with("frontend", wait);
    assert_eq!(
        case.says(),
        ["exited redis < backend not-running < frontend not-running"]
    );
}

#[test]
fn two_unrelated_faults_are_two_findings() {
    let case = well(NEXUS)
        .with("redis", kill)
        .failing("backend", "create a session", wrong_origin())
        .with("frontend", |is| {
            fail_to_start(is);
            log_error(
                is,
                LogErrorKind::Syntax,
                "SyntaxError: Unexpected end of input",
            );
        });
    assert_eq!(
        case.says(),
        [
            "exited redis",
            "startup-error frontend",
            "cors-origin backend"
        ]
    );
}

#[test]
fn an_unrelated_error_is_not_attributed_to_a_redis_that_happens_to_be_down() {
    let case = well(NEXUS)
        .with("redis", kill)
        .with("backend", |is| {
            let table = LogErrorKind::TableMissing {
                name: "users".into(),
            };
            log_error(is, table, "sqlite3.OperationalError: no such table: users");
        })
        .failing(
            "backend",
            "create a session",
            CheckFault::Plain(status(500)),
        );
    assert_eq!(case.says(), ["exited redis", "http-status backend"]);
}

#[test]
fn a_missing_login_is_not_attributed_to_a_redis_that_happens_to_be_down() {
    let case = well(NEXUS).with("redis", kill).failing(
        "backend",
        "create a session",
        CheckFault::Plain(status(401)),
    );
    assert_eq!(case.says(), ["exited redis", "auth-required backend"]);
}

#[test]
fn independent_services_fail_independently() {
    let text = "[service.a]\ncommand = \"x\"\nport = 1\n\n[service.b]\ncommand = \"y\"\nport = 2\n";
    let case = well(text).with("a", kill).with("b", kill);
    assert_eq!(case.says(), ["exited a", "exited b"]);
}

#[test]
fn a_backend_that_crashed_because_of_its_redis_is_a_symptom() {
    let case = well(NEXUS).with("redis", kill).with("backend", |is| {
        fail_to_start(is);
        is.checks.clear();
        cannot_reach(is, "127.0.0.1", 6379);
    });
    assert_eq!(case.says(), ["exited redis < backend startup-error"]);
}

#[test]
fn a_backend_killed_by_hand_is_not_attributed_to_its_redis() {
    let case = well(NEXUS).with("redis", kill).with("backend", |is| {
        kill(is);
        is.checks.clear();
    });
    assert_eq!(case.says(), ["exited redis", "exited backend"]);
}

#[test]
fn two_checks_that_fail_because_of_one_bug_are_one_finding() {
    let case = well(NEXUS)
        .with("backend", |is| {
            log_error(is, LogErrorKind::Other, "KeyError: 'x'");
        })
        .failing(
            "backend",
            "create a session",
            CheckFault::Plain(status(500)),
        )
        .failing("backend", "live updates", CheckFault::Plain(status(500)));
    assert_eq!(
        case.says(),
        ["http-status backend < backend http-status: live updates"]
    );
}
