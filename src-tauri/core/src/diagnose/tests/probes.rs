//! Running services that are unhealthy.

use super::*;

fn unwell(is: &mut ServiceEvidence, kind: &ProbeFaultKind) {
    is.phase = PhaseName::Unhealthy;
    fail_probes(is, kind);
}

fn redis(code: &str) -> ProbeFaultKind {
    ProbeFaultKind::Redis {
        code: code.into(),
        message: format!("{code} as Redis says it"),
    }
}

#[test]
fn each_fault_of_a_probe_has_its_code_and_a_command_to_try() {
    for (kind, code) in [
        (ProbeFaultKind::TimedOut { connected: true }, "hung"),
        (ProbeFaultKind::TimedOut { connected: false }, "hung"),
        (status(503), "http-status"),
        (status(401), "auth-required"),
        (
            ProbeFaultKind::Body("`/status` is \"degraded\", not \"ok\"".into()),
            "unhealthy-body",
        ),
        (
            ProbeFaultKind::Header("`x` is missing".into()),
            "unhealthy-body",
        ),
        (
            ProbeFaultKind::Protocol("not HTTP".into()),
            "protocol-error",
        ),
        (ProbeFaultKind::Reset, "protocol-error"),
        (ProbeFaultKind::Empty, "protocol-error"),
        (ProbeFaultKind::Tls("no".into()), "protocol-error"),
        (ProbeFaultKind::WebSocketRefused(403), "websocket-refused"),
    ] {
        let case = well(NEXUS).with("frontend", |is| unwell(is, &kind));
        let finding = case.finding();
        assert_eq!(short(&finding), format!("{code} frontend"));
        assert_says(&finding, &["`curl -i http://localhost:5173/`"]);
    }
}

#[test]
fn a_redis_that_rejects_clients_shows_why_and_others_are_symptoms() {
    for (kind, code, words) in [
        (redis("NOAUTH"), "redis-auth", "no"),
        (redis("WRONGPASS"), "redis-auth", "the password is wrong"),
        (redis("NOPERM"), "redis-auth", "lacks permission"),
        (redis("LOADING"), "redis-loading", "loading"),
        (redis("READONLY"), "redis-read-only", "replica"),
        (redis("MISCONF"), "redis-write-blocked", "disk"),
        (redis("OOM"), "redis-out-of-memory", "maxmemory"),
        (
            ProbeFaultKind::NotRedis("HTTP".into()),
            "not-redis",
            "not Redis",
        ),
    ] {
        let case = well(NEXUS).with("redis", |is| unwell(is, &kind)).failing(
            "backend",
            "create a session",
            masked(500),
        );
        let finding = case.finding();
        assert_eq!(
            short(&finding),
            format!("{code} redis < backend cors-masked-error: create a session")
        );
        assert_says(&finding, &[words, "`redis-cli -p 6379"]);
    }
}

#[test]
fn a_redis_that_rejects_writes_is_found_in_the_log_of_its_client() {
    for (text, code) in [
        (
            "redis.exceptions.ReadOnlyError: You can't write against a read only replica.",
            "redis-read-only",
        ),
        (
            "ReplyError: MISCONF Redis is configured to save RDB snapshots, but it's currently unable to",
            "redis-write-blocked",
        ),
        (
            "Error: OOM command not allowed when used memory > 'maxmemory'.",
            "redis-out-of-memory",
        ),
        (
            "redis.exceptions.AuthenticationError: Authentication required.",
            "redis-auth",
        ),
    ] {
        let case = well(NEXUS)
            .with("backend", |is| {
                log_error(is, LogErrorKind::Other, text);
            })
            .failing("backend", "create a session", masked(500));
        let finding = case.finding();
        assert_eq!(
            short(&finding),
            format!("{code} redis < backend cors-masked-error: create a session")
        );
        assert_says(&finding, &[text]);
    }
}

#[test]
fn a_late_response_differs_from_a_missing_one() {
    let case = well(NEXUS).with("frontend", |is| is.probes[0].took = Duration::from_secs(3));
    let finding = case.finding();
    assert_eq!(short(&finding), "slow frontend");
    assert_says(&finding, &["3.0 s", "2.0 s"]);
    let case = well(NEXUS).with("backend", |is| is.checks[0].took = Duration::from_secs(6));
    assert_eq!(case.says(), ["slow backend"]);
}

#[test]
fn a_missing_log_line_is_reported_by_the_daemon_that_waited_for_it() {
    let text = "[service.worker]\ncommand = \"x\"\nready = \"log: working\"\n";
    let case = well(text).with("worker", |is| {
        is.phase = PhaseName::Unhealthy;
        fail_probes(is, &ProbeFaultKind::LogUnmatched);
    });
    assert_eq!(case.says(), ["slow worker"]);
}

#[test]
fn a_service_that_hangs_hangs_in_its_checks_too() {
    let hangs = ProbeFaultKind::TimedOut { connected: true };
    let case = well(NEXUS)
        .with("backend", |is| fail_probes(is, &hangs))
        .failing(
            "backend",
            "create a session",
            CheckFault::Plain(hangs.clone()),
        );
    let finding = case.finding();
    assert_eq!(
        short(&finding),
        "hung backend < backend hung: create a session"
    );
    assert_says(
        &finding,
        &["redis is healthy: PING redis://127.0.0.1:6379/0 passes"],
    );
}

#[test]
fn a_dependency_that_hangs_explains_the_services_that_wait_for_it() {
    let hangs = ProbeFaultKind::TimedOut { connected: true };
    let case = well(NEXUS)
        .with("redis", |is| fail_probes(is, &hangs))
        .with("backend", |is| {
            log_error(
                is,
                LogErrorKind::Other,
                "TimeoutError: Timeout reading from socket",
            );
        })
        .failing(
            "backend",
            "create a session",
            CheckFault::Plain(status(500)),
        );
    assert_eq!(
        case.says(),
        ["hung redis < backend http-status: create a session"]
    );
}

#[test]
fn a_backend_that_is_unhealthy_because_of_its_redis_is_a_symptom() {
    let case = well(NEXUS)
        .with("redis", kill)
        .with("backend", |is| unwell(is, &status(503)));
    assert_eq!(case.says(), ["exited redis < backend http-status"]);
}

#[test]
fn permanent_faults_of_a_starting_service_are_reported() {
    for (kind, says) in [
        (redis("NOAUTH"), &["redis-auth redis"][..]),
        (redis("LOADING"), &["redis-loading redis"]),
        (
            ProbeFaultKind::NotRedis("HTTP".into()),
            &["not-redis redis"],
        ),
        (ProbeFaultKind::TimedOut { connected: true }, &[]),
        (status(503), &[]),
        (ProbeFaultKind::Reset, &[]),
    ] {
        let case = well(NEXUS).with("redis", |is| {
            fail_probes(is, &kind);
            is.phase = PhaseName::Starting;
            is.was_ready = false;
        });
        assert_eq!(case.says(), says, "{kind:?}");
    }
}

#[test]
fn a_reloader_that_holds_the_socket_of_its_dead_program_is_named_with_the_error() {
    let hung = || {
        well(NEXUS).with("backend", |is| {
            fail_probes(is, &ProbeFaultKind::TimedOut { connected: true });
            is.dead = vec![(4243, 4242)];
            log_error(
                is,
                LogErrorKind::Syntax,
                "SyntaxError: invalid syntax (main.py:5)",
            );
            let error = is.log.last_error.as_mut().unwrap();
            error.form = LogErrorForm::Exception;
        })
    };
    let finding = hung().finding();
    assert_eq!(short(&finding), "startup-error backend");
    assert_says(
        &finding,
        &[
            "SyntaxError: invalid syntax (main.py:5)",
            "process 4243 has exited",
            "no process answers there",
        ],
    );
    let busy = hung().with("backend", |is| {
        is.log.last_error.as_mut().unwrap().line.followed_by = 40;
    });
    assert_eq!(busy.says(), ["hung backend"], "it has worked since");
}

#[test]
fn a_service_without_a_probe_that_keeps_failing_to_connect_is_a_finding_until_it_stops() {
    let stack = "[service.worker]\ncommand = \"celery -A jobs worker\"\n";
    let fails = |times: u64, age: Duration| {
        well(stack).with("worker", |is| {
            cannot_reach(is, "127.0.0.1", 5672);
            let address = &mut is.log.unreachable[0];
            (address.times, address.line.age) = (times, Some(age));
        })
    };
    let finding = fails(3, Duration::from_secs(10)).finding();
    assert_eq!(short(&finding), "undeclared-dependency worker");
    assert_says(&finding, &["127.0.0.1:5672", "nothing is listening"]);
    assert!(
        fails(2, Duration::from_secs(10)).says().is_empty(),
        "a start"
    );
    assert!(
        fails(9, Duration::from_mins(1)).says().is_empty(),
        "it is over"
    );
}
