//! Addresses in a log that do not belong to a service of the stack.

use super::*;
use crate::diagnose::evidence::log::LogAdvice;

const API: &str = r#"
name = "shop"

[service.backend]
command = "uvicorn main:app --port {port}"
port = 8001
ready = "http: /health"

[[service.backend.check]]
name = "make the report"
http = "/report"
"#;

fn without(port: u16) -> Case {
    well(API)
        .with("backend", |is| cannot_reach(is, "127.0.0.1", port))
        .failing("backend", "make the report", CheckFault::Plain(status(500)))
}

#[test]
fn the_usual_owner_of_a_port_is_named_and_added_to_the_stack_file() {
    for (port, owner) in [
        (6379, "Redis"),
        (5432, "PostgreSQL"),
        (3306, "MySQL"),
        (27017, "MongoDB"),
        (5672, "RabbitMQ"),
        (9092, "Kafka"),
        (11434, "Ollama"),
        (4222, "NATS"),
        (9200, "Elasticsearch"),
        (9000, "MinIO"),
        (1025, "Mailpit"),
        (11211, "memcached"),
    ] {
        let finding = without(port).finding();
        assert_eq!(
            short(&finding),
            "undeclared-dependency backend < backend http-status: make the report"
        );
        assert_says(
            &finding,
            &[owner, &port.to_string(), "[service.", "log line 42"],
        );
        let Some(Action::EditStackFile { changes, .. }) = &finding.remedy.action else {
            panic!("{:?}", finding.remedy);
        };
        let text = applied(API, changes);
        let environment = crate::env::Env::new();
        let stack = stack_file::parse(Path::new(FILE), text.as_bytes(), &environment);
        let stack = stack.unwrap_or_else(|report| panic!("{text}\n{report:?}"));
        assert_eq!(stack.services.len(), 2);
        assert_eq!(stack.service(&"backend".into()).unwrap().needs.len(), 1);
    }
}

/// Applies the changes to a text, the last ones first so that the line numbers stay valid.
fn applied(text: &str, changes: &[crate::model::finding::LineChange]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for change in changes.iter().rev() {
        let first = change.line - 1;
        let replaced: Vec<String> = lines
            .splice(first..first + change.old.len(), change.new.clone())
            .collect();
        assert_eq!(replaced, change.old);
    }
    lines.join("\n")
}

#[test]
fn an_unknown_port_is_a_dependency_too() {
    let finding = without(7777).finding();
    assert_eq!(
        short(&finding),
        "undeclared-dependency backend < backend http-status: make the report"
    );
    assert_eq!(finding.remedy.action, None);
}

#[test]
fn a_service_that_exits_because_of_it_is_not_a_separate_symptom() {
    let case = well(API).with("backend", |is| {
        fail_to_start(is);
        is.checks.clear();
        cannot_reach(is, "localhost", 5432);
    });
    let finding = case.finding();
    assert_eq!(short(&finding), "undeclared-dependency backend");
    assert_says(&finding, &["ended with code 1", "PostgreSQL"]);
}

#[test]
fn an_address_that_works_again_is_not_reported() {
    let mut case = without(5432);
    case.0.host.listening = vec![address("0.0.0.0", 5432)];
    assert_eq!(case.says(), ["http-status backend"]);
}

#[test]
fn a_host_of_a_compose_network_does_not_exist_here() {
    let case = well(NEXUS)
        .with("backend", |is| {
            let text = "redis.exceptions.ConnectionError: Error -2 connecting to redis:6379. Name or service not known.";
            log_error(is, LogErrorKind::Unreachable, text);
            let mut address = unreachable("redis", 6379, text);
            address.why = UnreachableWhy::UnknownHost;
            is.log.unreachable.push(address);
        })
        .failing("backend", "create a session", CheckFault::Plain(status(500)));
    let finding = case.finding();
    assert_eq!(
        short(&finding),
        "undeclared-dependency backend < backend http-status: create a session"
    );
    assert_says(&finding, &["127.0.0.1:6379", "compose"]);
}

#[test]
fn a_client_of_another_redis_is_pointed_to_that_of_the_stack() {
    let case = well(NEXUS)
        .with("backend", |is| {
            is.log.last_error = None;
            is.log.unreachable.push(unreachable(
                "127.0.0.1",
                6380,
                "ECONNREFUSED 127.0.0.1:6380",
            ));
        })
        .failing(
            "backend",
            "create a session",
            CheckFault::Plain(status(500)),
        );
    // Port 6380 is unknown; the finding still reports that no process listens there.
    assert_eq!(
        case.says(),
        ["undeclared-dependency backend < backend http-status: create a session"]
    );
}

#[test]
fn localhost_inside_a_container_is_the_container_itself() {
    let text = API.replace(
        "command = \"uvicorn main:app --port {port}\"",
        "compose = \"api\"",
    );
    let text = format!("{text}\n[service.redis]\ncommand = \"redis-server\"\nport = 6379\n");
    let of = |text: &str, host: &str| {
        let case = well(text).with("backend", |is| cannot_reach(is, host, 6379));
        let failed = CheckFault::Plain(status(500));
        case.failing("backend", "make the report", failed).finding()
    };
    let inside = of(&text, "127.0.0.1");
    assert_eq!(
        short(&inside),
        "wrong-address backend < backend http-status: make the report"
    );
    assert_says(
        &inside,
        &[
            "127.0.0.1 is the container itself, not redis",
            "host.docker.internal:6379",
            "must listen on 0.0.0.0",
            "extra_hosts",
            "host.docker.internal:host-gateway",
        ],
    );
    // Outside of a container, nothing is wrong with the address.
    let outside = of(API, "127.0.0.1");
    assert_eq!(
        short(&outside),
        "undeclared-dependency backend < backend http-status: make the report"
    );
}

#[test]
fn two_services_that_miss_the_same_server_are_one_finding() {
    let text =
        format!("{API}\n[service.worker]\ncommand = \"x\"\nport = 8002\nready = \"http: /\"\n");
    let case = well(&text)
        .with("backend", |is| cannot_reach(is, "127.0.0.1", 5432))
        .failing("backend", "make the report", CheckFault::Plain(status(500)))
        .with("worker", |is| {
            is.phase = PhaseName::Unhealthy;
            cannot_reach(is, "localhost", 5432);
            fail_probes(is, &status(503));
        });
    assert_eq!(
        case.says(),
        [
            "undeclared-dependency backend < backend http-status: make the report \
             < worker undeclared-dependency < worker http-status"
        ]
    );
}

#[test]
fn secrets_of_a_log_are_masked() {
    let case = well(API)
        .with("backend", |is| {
            log_error(
                is,
                LogErrorKind::Other,
                "ValueError: postgres://anna:hunter2@db/x with token=abcdef12345",
            );
        })
        .failing("backend", "make the report", CheckFault::Plain(status(500)));
    let text = format!("{:?}", case.findings());
    assert!(
        !text.contains("hunter2") && !text.contains("abcdef12345"),
        "{text}"
    );
    assert!(text.contains("postgres://anna:***@db"), "{text}");
}

fn advised(is: &mut ServiceEvidence, restart_helps: bool) {
    log_error(is, LogErrorKind::Known, "FATAL: lock file exists");
    let error = is.log.last_error.as_mut().unwrap();
    error.advice = Some(Box::new(LogAdvice {
        id: "a-lock-file",
        title: Some("{service} cannot start: a lock file is left over".into()),
        remedy: "remove the file of {service}".into(),
        restart_helps,
        of_another: false,
        lookup: None,
        command: None,
    }));
}

#[test]
fn a_recurring_error_never_suggests_a_restart() {
    let case = |restart_helps| {
        well(NEXUS).with("backend", |is| {
            fail_to_start(is);
            is.checks.clear();
            advised(is, restart_helps);
        })
    };
    let finding = case(false).finding();
    assert!(
        finding
            .title
            .ends_with("cannot start: a lock file is left over"),
        "{}",
        finding.title
    );
    assert_eq!(finding.remedy.text, "remove the file of backend");
    assert_eq!(finding.remedy.action, None);
    assert_says(
        &finding,
        &[
            "ended with code 1 before it was ready",
            "FATAL: lock file exists",
        ],
    );
    let helped = case(true).finding();
    assert!(helped.remedy.action.is_some(), "{helped:#?}");
}

#[test]
fn a_rejection_with_a_known_reason_is_not_a_missing_login() {
    let refused = |body: &str| {
        CheckFault::Plain(ProbeFaultKind::Status {
            status: 403,
            body: body.into(),
        })
    };
    let vite = "Blocked request. This host (\"meet.dev.example\") is not allowed.\n\
                To allow this host, add \"meet.dev.example\" to `server.allowedHosts` in vite.config.js.";
    let finding = well(API)
        .failing("backend", "make the report", refused(vite))
        .finding();
    assert_eq!(short(&finding), "http-status backend");
    assert_says(&finding, &["server.allowedHosts", "answers 403"]);
    assert!(
        finding.title.contains("meet.dev.example"),
        "{}",
        finding.title
    );

    let case = well(API).with("backend", |is| advised(is, false)).failing(
        "backend",
        "make the report",
        refused("Forbidden"),
    );
    let finding = case.finding();
    assert_eq!(short(&finding), "http-status backend");
    assert_eq!(finding.remedy.text, "remove the file of backend");

    let plain = well(API).failing("backend", "make the report", refused("Forbidden"));
    assert_eq!(short(&plain.finding()), "auth-required backend");
}
