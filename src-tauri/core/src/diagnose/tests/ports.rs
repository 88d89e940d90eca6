//! Ports and addresses.

use super::*;
use crate::model::facts::{PortFault, ProgramKind, Protected};

const API: &str = r#"
[service.backend]
command = "uvicorn main:app --port {port}"
port = 8001
ready = "http: /health"

[[service.backend.check]]
name = "list the items"
http = "http://127.0.0.1:{port}/items"
"#;

fn blocked(is: &mut ServiceEvidence, fault: PortFault) {
    gone(is, PhaseName::Blocked);
    is.checks.clear();
    is.port_fault = Some(fault);
}

#[test]
fn the_holder_of_a_port_is_named() {
    let node = holder("node", "node server.js", "127.0.0.1", 8001);
    for (protected, free) in [
        (None, true),
        (Some(Protected::Forbidden), true),
        (Some(Protected::OtherUser { name: None }), false),
        (Some(Protected::Stranger), true),
        (Some(Protected::Personal(ProgramKind::Editor)), true),
        (Some(Protected::Contained), true),
        (Some(Protected::Production), false),
    ] {
        let fault = PortFault::Taken {
            holder: Some(Box::new(node.clone())),
            protected,
        };
        let case = well(API).with("backend", |is| blocked(is, fault));
        let finding = case.finding();
        assert_eq!(short(&finding), "port-taken backend");
        assert_says(&finding, &["node (PID 4242)", "node server.js", "8001"]);
        assert_eq!(finding.remedy.action.is_some(), free, "{finding:#?}");
    }
}

#[test]
fn a_port_without_a_holder_differs_from_a_reserved_one() {
    let message = || "the system's words".to_owned();
    for (fault, code) in [
        (PortFault::Excluded { message: message() }, "port-excluded"),
        (
            PortFault::Lingering { message: message() },
            "port-lingering",
        ),
        (PortFault::NoneFree, "port-taken"),
    ] {
        let case = well(API).with("backend", |is| blocked(is, fault));
        assert_eq!(case.says(), [format!("{code} backend")]);
    }
}

#[test]
fn a_port_is_checked_before_the_stack_is_started() {
    let fault = PortFault::Taken {
        holder: Some(Box::new(holder("nc", "nc -l 8001", "0.0.0.0", 8001))),
        protected: None,
    };
    let case = never_started(API).with("backend", |is| is.port_fault = Some(fault));
    assert_eq!(case.says(), ["port-taken backend"]);
}

#[test]
fn a_port_outside_the_stack_file_is_found_in_the_log() {
    let text = "[service.worker]\ncommand = \"node worker.js\"\n";
    let case = well(text).with("worker", |is| {
        fail_to_start(is);
        is.holders = vec![holder("node", "node old.js", "127.0.0.1", 9229)];
        log_error(
            is,
            LogErrorKind::AddressInUse {
                port: Port::new(9229),
            },
            "Error: listen EADDRINUSE: address already in use 127.0.0.1:9229",
        );
    });
    let finding = case.finding();
    assert_eq!(short(&finding), "port-taken worker");
    assert_says(&finding, &["node old.js", "9229"]);
}

#[test]
fn a_port_that_is_free_again_is_not_reported() {
    let case = well(API).with("backend", |is| {
        fail_to_start(is);
        is.checks.clear();
        log_error(is, LogErrorKind::AddressInUse { port: None }, "EADDRINUSE");
    });
    assert_eq!(case.says(), ["startup-error backend"]);
}

#[test]
fn a_forbidden_port_is_found_in_the_log() {
    let case = well(API).with("backend", |is| {
        fail_to_start(is);
        is.checks.clear();
        log_error(
            is,
            LogErrorKind::AddressForbidden {
                port: Port::new(80),
            },
            "PermissionError: [Errno 13] Permission denied",
        );
    });
    assert_eq!(case.says(), ["port-excluded backend"]);
}

#[test]
fn a_frontend_on_the_next_port_is_on_the_wrong_port() {
    let moved = |is: &mut ServiceEvidence| {
        is.listens = vec![address("::1", 5174)];
        is.holders = vec![holder("node", "node vite", "::1", 5173)];
        log_error(
            is,
            LogErrorKind::PortMoved {
                from: Port::new(5173),
                to: Port::new(5174),
            },
            "Port 5173 is in use, trying another one...",
        );
    };
    // The result is the same if the other process responds as the service would.
    let finding = well(NEXUS).with("frontend", moved).finding();
    assert_eq!(short(&finding), "wrong-port frontend");
    assert_says(&finding, &["5174", "5173 is in use", "node vite"]);
}

#[test]
fn a_wrong_port_in_the_stack_file_is_one_line_to_change() {
    let case = well(API).with("backend", |is| {
        is.phase = PhaseName::Unhealthy;
        is.listens = vec![address("127.0.0.1", 8000)];
        fail_probes(is, &ProbeFaultKind::Refused);
        is.checks.clear();
    });
    let finding = case.finding();
    assert_eq!(short(&finding), "wrong-port backend");
    let Some(Action::EditStackFile { file, changes }) = finding.remedy.action else {
        panic!("{:?}", finding.remedy);
    };
    assert_eq!(file, Path::new(FILE));
    assert_eq!(changes[0].old, ["port = 8001"]);
    assert_eq!(changes[0].new, ["port = 8000"]);
}

#[test]
fn a_service_on_the_other_localhost_listens_at_the_wrong_address() {
    let text = API.replace("\"http: /health\"", "\"http://127.0.0.1:{port}/health\"");
    let case = well(&text).with("backend", |is| {
        is.listens = vec![address("::1", 8001)];
        fail_probes(is, &ProbeFaultKind::Refused);
        is.checks.clear();
    });
    let finding = case.finding();
    assert_eq!(short(&finding), "wrong-address backend");
    assert_says(&finding, &["[::1]:8001", "127.0.0.1"]);
}

#[test]
fn a_check_with_another_address_has_the_same_finding() {
    let case = well(API)
        .with("backend", |is| is.listens = vec![address("::1", 8001)])
        .failing(
            "backend",
            "list the items",
            CheckFault::Plain(ProbeFaultKind::Refused),
        );
    assert_eq!(case.says(), ["wrong-address backend"]);
}

#[test]
fn a_dependent_with_another_address_has_the_same_finding() {
    let case = well(NEXUS)
        .with("redis", |is| is.listens = vec![address("127.0.0.1", 6379)])
        .with("backend", |is| cannot_reach(is, "::1", 6379))
        .failing(
            "backend",
            "create a session",
            CheckFault::Plain(status(500)),
        );
    let finding = case.finding();
    assert_eq!(
        short(&finding),
        "wrong-address redis < backend http-status: create a session"
    );
}

#[test]
fn a_service_that_does_not_listen_differs_from_one_that_is_starting() {
    let silent = |phase| {
        move |is: &mut ServiceEvidence| {
            is.phase = phase;
            is.listens.clear();
            fail_probes(is, &ProbeFaultKind::Refused);
            is.checks.clear();
        }
    };
    let case = well(API).with("backend", silent(PhaseName::Unhealthy));
    assert_eq!(case.says(), ["not-listening backend"]);
    let case = well(API).with("backend", silent(PhaseName::Starting));
    assert_eq!(case.says(), [""; 0]);
}

#[test]
fn another_process_responds_in_its_place() {
    let stranger = holder("python3", "python3 -m http.server 8001", "127.0.0.1", 8001);
    let case = well(API).with("backend", |is| {
        is.phase = PhaseName::Unhealthy;
        is.listens.clear();
        is.holders = vec![stranger.clone()];
        fail_probes(is, &status(404));
        is.checks.clear();
    });
    let finding = case.finding();
    assert_eq!(short(&finding), "wrong-service backend");
    assert_says(&finding, &["python3 (PID 4242)", "http.server", "404"]);
    let case = case.with("backend", |is| {
        log_error(is, LogErrorKind::AddressInUse { port: None }, "EADDRINUSE");
    });
    assert_eq!(case.says(), ["port-taken backend"]);
}

#[test]
fn another_process_that_passes_the_probes_is_found_by_the_log() {
    let case = well(API).with("backend", |is| {
        is.listens.clear();
        is.holders = vec![holder("python3", "python3 raw.py", "127.0.0.1", 8001)];
        log_error(is, LogErrorKind::AddressInUse { port: None }, "EADDRINUSE");
    });
    assert_eq!(case.says(), ["port-taken backend"]);
}

#[test]
fn another_process_responds_on_the_other_localhost() {
    let text = API.replace("http://127.0.0.1:{port}/items", "/items");
    let case = well(&text)
        .with("backend", |is| {
            is.holders = vec![holder("python3", "python3 hold.py", "::1", 8001)];
        })
        .failing(
            "backend",
            "list the items",
            CheckFault::Plain(ProbeFaultKind::Body("the body is not JSON".into())),
        );
    let finding = case.finding();
    assert_eq!(short(&finding), "wrong-service backend");
    assert_says(&finding, &["hold.py", "[::1]:8001"]);
}

#[test]
fn a_program_of_the_same_stack_on_the_port_is_named() {
    let text =
        "[service.a]\ncommand = \"x\"\nport = 3000\n\n[service.b]\ncommand = \"y\"\nport = 3001\n";
    let case = well(text)
        .with("a", |is| is.listens.push(address("127.0.0.1", 3001)))
        .with("b", |is| {
            fail_to_start(is);
            log_error(is, LogErrorKind::AddressInUse { port: None }, "EADDRINUSE");
        });
    let finding = case.finding();
    assert_eq!(short(&finding), "port-taken b");
    assert_says(&finding, &["a, of this stack"]);
}

#[test]
fn a_service_on_the_port_of_another_is_on_the_wrong_one() {
    let text = "[service.a]\ncommand = \"x\"\nport = 3000\nready = \"log: up\"\n\n[service.b]\ncommand = \"y\"\nport = 3001\n";
    let fault = PortFault::Taken {
        holder: Some(Box::new(holder("node", "node a.js", "127.0.0.1", 3001))),
        protected: Some(Protected::Forbidden),
    };
    let case = well(text)
        .with("a", |is| is.listens = vec![address("127.0.0.1", 3001)])
        .with("b", |is| blocked(is, fault));
    assert_eq!(case.says(), ["wrong-port a < b port-taken"]);
}
