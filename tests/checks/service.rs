//! The checks of one service, one after the other.

use std::{path::Path as FilePath, sync::Arc};

use pilotlight::{
    diagnose::evidence::check::Skipped,
    effects::check::{Checks, Saved},
    stack::Stack,
    stack_file,
};

use tokio::sync::Notify;

use super::*;

/// Returns a stack of one service with these checks.
fn stack(port: u16, checks: &str) -> Stack {
    let text =
        format!("name = \"test\"\n[service.api]\ncommand = \"true\"\nport = {port}\n{checks}");
    let file = FilePath::new("/test/pilotlight.toml");
    stack_file::parse(file, text.as_bytes(), &pilotlight::env::Env::new()).unwrap()
}

async fn run(stack: &Stack, saved: &Saved, limit: Duration) -> Vec<CheckAnswer> {
    run_patiently(stack, saved, limit, Duration::ZERO).await
}

async fn run_patiently(
    stack: &Stack,
    saved: &Saved,
    limit: Duration,
    patience: Duration,
) -> Vec<CheckAnswer> {
    let checks = Checks {
        prober: &Prober::default(),
        service: &stack.services[0],
        ports: stack,
        saved,
        context: &Context::default(),
        patience,
    };
    checks.run(limit).await
}

const SESSION: &str = r#"
[[service.api.check]]
name = "log in"
http = { method = "POST", url = "http://localhost:{port}/login", json = { user = "demo" } }
save = { sid = "/session/id", token = "/token" }

[[service.api.check]]
name = "look around"
http = { url = "http://localhost:{port}/sessions/{sid}", headers = { X-Key = "{token}" } }
"#;

/// Starts a server that logs users in if `opens`, and knows their session.
async fn doorkeeper(opens: bool) -> Server {
    Server::start(move |mut stream, head| async move {
        let (status, body) = match head.lines().next().unwrap_or_default() {
            "POST /login HTTP/1.1" if opens => {
                (200, r#"{"session": {"id": 42}, "token": "geheim"}"#)
            }
            "GET /sessions/42 HTTP/1.1" if head.contains("geheim") => (200, "{}"),
            _ => (500, "no"),
        };
        let length = body.len();
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}");
        let _ = stream.write_all(answer.as_bytes()).await;
    })
    .await
}

#[tokio::test]
async fn a_later_check_uses_what_an_earlier_one_saved() {
    let server = doorkeeper(true).await;
    let stack = stack(server.port, SESSION);
    let saved = Saved::default();
    let answers = run(&stack, &saved, DEADLINE).await;
    let outcomes: Vec<_> = answers.iter().map(|answer| &answer.outcome).collect();
    assert_eq!(outcomes, [&CheckOutcome::Passed; 2], "{answers:#?}");
    assert!(answers[1].target.ends_with("/sessions/42"));
    assert!(!format!("{answers:?}{saved:?}").contains("geheim"));
}

#[tokio::test]
async fn headers_and_cookies_of_a_response_can_be_saved() {
    const CHECKS: &str = r#"
[[service.api.check]]
name = "open the form"
http = "http://localhost:{port}/form"
save = { csrf = "header: x-csrf-token", sid = "cookie: session" }

[[service.api.check]]
name = "send it"
http = { url = "http://localhost:{port}/{sid}", headers = { X-Csrf = "{csrf}" } }

[[service.api.check]]
name = "find none"
http = "http://localhost:{port}/form"
save = { other = "cookie: other" }
"#;
    let server = Server::start(|mut stream, head| async move {
        let answer = if head.starts_with("GET /form ") {
            "200 X\r\nX-CSRF-Token: geheim-4711\r\nSet-Cookie: session=old\r\nSet-Cookie: session=s42; Path=/; HttpOnly"
        } else if head.starts_with("GET /s42 ") && head.contains("geheim") {
            "200 X"
        } else {
            "500 X"
        };
        let answer = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n");
        let _ = stream.write_all(answer.as_bytes()).await;
    })
    .await;
    let saved = Saved::default();
    let answers = run(&stack(server.port, CHECKS), &saved, DEADLINE).await;
    let outcomes: Vec<_> = answers.iter().map(|answer| &answer.outcome).collect();
    assert_eq!(outcomes[..2], [&CheckOutcome::Passed; 2], "{answers:#?}");
    let why = "the response sets no cookie `other` to save".to_owned();
    let missing = CheckFault::Plain(ProbeFaultKind::Body(why));
    assert_eq!(answers[2].fault(), Some(&missing));
    assert!(!format!("{answers:?}{saved:?}").contains("geheim"));
}

#[tokio::test]
async fn a_value_that_was_not_saved_now_is_not_used() {
    let saved = Saved::default();
    saved.keep([("sid".to_owned(), "41".to_owned())].into());
    let server = doorkeeper(false).await;
    let stack = stack(server.port, SESSION);
    let answers = run(&stack, &saved, DEADLINE).await;
    assert!(matches!(
        answers[0].fault(),
        Some(CheckFault::Plain(ProbeFaultKind::Status {
            status: 500,
            ..
        }))
    ));
    let missing = Skipped::Missing {
        value: "sid".to_owned(),
        saved_by: Some("log in".to_owned()),
    };
    assert_eq!(answers[1].outcome, CheckOutcome::Skipped(missing));
    assert_eq!(answers[1].probe_fault(), None);
}

#[tokio::test]
async fn a_saved_value_remains_until_the_check_that_saves_it_has_its_answer() {
    let (asked, answer) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let gates = (asked.clone(), answer.clone());
    let server = Server::start(move |mut stream, _| {
        let (asked, answer) = gates.clone();
        async move {
            asked.notify_one();
            answer.notified().await;
            let body = r#"{"session": {"id": 42}, "token": "geheim"}"#;
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            let _ = stream.write_all((head + body).as_bytes()).await;
        }
    })
    .await;
    let stack = stack(server.port, SESSION);
    let saved = Saved::default();
    saved.keep([("sid".to_owned(), "41".to_owned())].into());
    let beside = async {
        asked.notified().await;
        assert_eq!(saved.get("sid").as_deref(), Some("41"));
        answer.notify_one();
        asked.notified().await;
        assert_eq!(saved.get("sid").as_deref(), Some("42"));
        answer.notify_one();
    };
    tokio::join!(run(&stack, &saved, DEADLINE), beside);
}

#[tokio::test]
async fn all_checks_together_respect_the_time_limit() {
    let hung = Server::start(|stream, _| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let checks = r#"
[[service.api.check]]
name = "first"
http = { url = "http://localhost:{port}/" }
timeout = "1h"
[[service.api.check]]
name = "second"
http = { url = "http://localhost:{port}/" }
timeout = "1h"
"#;
    let stack = stack(hung.port, checks);
    let limit = Duration::from_secs(1);
    let saved = Saved::default();
    let running = run(&stack, &saved, limit);
    let answers = tokio::time::timeout(DEADLINE, running).await.unwrap();
    assert!(matches!(
        answers[0].fault(),
        Some(CheckFault::Plain(ProbeFaultKind::TimedOut {
            connected: true
        }))
    ));
    assert!(answers[0].timeout <= limit);
    let outcome = CheckOutcome::Skipped(Skipped::OutOfTime);
    assert_eq!(answers[1].outcome, outcome);
}

#[tokio::test]
async fn a_long_time_limit_distinguishes_slow_from_hanging() {
    let answer = Duration::from_millis(150);
    let slow = Server::start(move |mut stream, _| async move {
        tokio::time::sleep(answer).await;
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        let _ = stream.write_all(head).await;
    })
    .await;
    let check = r#"
[[service.api.check]]
name = "report"
http = { url = "http://127.0.0.1:{port}/" }
timeout = "50ms"
"#;
    let stack = stack(slow.port, check);
    let limit = Duration::from_secs(20);
    let answers = run(&stack, &Saved::default(), limit).await;
    assert!(answers[0].fault().is_some());
    let answers = run_patiently(&stack, &Saved::default(), limit, limit).await;
    assert_eq!(answers[0].outcome, CheckOutcome::Passed);
    assert_eq!(answers[0].timeout, Duration::from_millis(50));
    assert!(answers[0].took >= answer);
}
