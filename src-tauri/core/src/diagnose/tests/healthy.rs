//! Stacks that look suspicious but are healthy.

use super::*;
use crate::diagnose::evidence::{PointsAt, log::Ecosystem};

#[track_caller]
fn assert_nothing(case: &Case) {
    assert_eq!(case.says(), [""; 0]);
}

#[test]
fn a_healthy_stack_has_no_findings() {
    assert_nothing(&well(NEXUS));
}

#[test]
fn a_stack_that_was_not_started_has_no_findings() {
    assert_nothing(&never_started(NEXUS));
}

#[test]
fn logged_errors_of_an_app_that_works_are_no_fault() {
    for kind in [
        LogErrorKind::Other,
        LogErrorKind::Unreachable,
        LogErrorKind::LoginRefused,
        LogErrorKind::TooManyFiles,
        LogErrorKind::ModuleMissing {
            ecosystem: Ecosystem::Python,
            name: "uvloop".into(),
            own: false,
        },
    ] {
        assert_nothing(&well(NEXUS).with("backend", |is| {
            cannot_reach(is, "127.0.0.1", 4317);
            log_error(is, kind, "ERROR: something");
        }));
    }
}

#[test]
fn a_slow_start_is_no_fault() {
    assert_nothing(
        &well(NEXUS)
            .with("backend", |is| {
                is.phase = PhaseName::Starting;
                is.was_ready = false;
                is.listens.clear();
                fail_probes(is, &ProbeFaultKind::Refused);
                for check in &mut is.checks {
                    check.outcome =
                        CheckOutcome::Failed(CheckFault::Plain(ProbeFaultKind::Refused));
                }
            })
            .with("frontend", |is| {
                gone(is, PhaseName::Stopped);
                is.wanted = true;
            }),
    );
}

#[test]
fn a_service_stopped_on_purpose_is_no_fault() {
    assert_nothing(&well(NEXUS).with("frontend", stop));
}

#[test]
fn two_redis_on_two_ports_are_no_fault() {
    let text = format!(
        "{NEXUS}\n[service.queue]\ncommand = \"redis-server --port {{port}}\"\nport = 6380\nready = \"redis\"\n"
    );
    assert_nothing(&well(&text));
}

#[test]
fn a_port_held_on_another_address_is_no_fault() {
    assert_nothing(&well(NEXUS).with("backend", |is| {
        is.holders = vec![holder("python3", "python3 hold.py", "127.0.0.2", 8001)];
    }));
}

#[test]
fn a_localhost_with_only_ipv6_is_no_fault() {
    assert_nothing(&well(NEXUS).with("frontend", |is| {
        is.listens = vec![address("::1", 5173)];
    }));
}

#[test]
fn more_ports_than_declared_are_no_fault() {
    assert_nothing(&well(NEXUS).with("frontend", |is| {
        is.listens.push(address("127.0.0.1", 24678));
    }));
}

#[test]
fn a_container_whose_proxy_holds_the_port_is_no_fault() {
    assert_nothing(&well(NEXUS).with("redis", |is| {
        is.listens.clear();
        is.holders = vec![holder(
            "docker-proxy",
            "docker-proxy -host-port 6379",
            "0.0.0.0",
            6379,
        )];
    }));
}

#[test]
fn a_redis_that_has_recovered_is_no_fault() {
    assert_nothing(
        &well(NEXUS)
            .with("redis", |is| is.restarts = 1)
            .with("backend", |is| cannot_reach(is, "127.0.0.1", 6379)),
    );
}

#[test]
fn a_service_that_was_started_by_hand_counts_as_running() {
    let mut case = well(NEXUS);
    case.0.kept = false;
    for is in &mut case.0.services {
        is.phase = PhaseName::Stopped;
        is.wanted = false;
        is.pid = None;
        is.listens.clear();
    }
    assert_nothing(&case);
    // Its missing dependency is reported.
    let case = case
        .with("redis", |is| fail_probes(is, &ProbeFaultKind::Refused))
        .failing("backend", "create a session", masked(500));
    assert_eq!(
        case.says(),
        ["not-running redis < backend cors-masked-error: create a session"]
    );
}

#[test]
fn a_variable_that_points_at_its_service_by_another_name_is_no_fault() {
    for host in ["localhost", "127.0.0.1", "::1", "host.docker.internal"] {
        assert_nothing(&well(NEXUS).with("frontend", |is| {
            is.points_at = vec![PointsAt {
                variable: "VITE_API_URL".into(),
                service: Some("backend".into()),
                scheme: Some("http".into()),
                place: None,
                target: Some((host.into(), 8001)),
                changed_since_start: false,
            }];
        }));
    }
}
