//! Remedies that are carried out, and the report of a failure.

use std::{
    fs,
    net::{Ipv4Addr, TcpStream},
};

use rustix::process::Signal;

use pilotlight_test_service::free_port;

use crate::stage::{Stage, signal, until};

#[test]
fn a_missing_env_file_is_created_from_its_example_and_the_service_starts() {
    let stage = Stage::new(
        r#"
        [service.app]
        command = "sh -c 'echo name is $NAME; exec sleep 1000'"
        env_file = ".env"
        "#,
    );
    stage.write(".env.example", "NAME=ada\n");
    let (_, err) = stage.expect(&["up", "-d"], 1);
    assert!(err.contains(".env"), "{err}");

    let (_, err) = stage.expect(&["doctor", "--fix", "--yes"], 0);
    assert!(err.contains("Copy"), "{err}");
    let copied = fs::read_to_string(stage.folder.path().join(".env")).unwrap();
    assert_eq!(copied, "NAME=ada\n");
    assert_eq!(stage.service("app")["phase"], "ready");
    let (log, _) = stage.expect(&["logs", "app"], 0);
    assert!(log.contains("name is ada"), "{log}");
    stage.expect(&["down"], 0);
}

#[test]
fn a_dependency_that_is_not_running_is_started() {
    let stage = Stage::new(
        r#"
        [service.store]
        command = "sleep 1000"
        restart = "never"
        [service.app]
        command = "sleep 1000"
        needs = ["store"]
        "#,
    );
    stage.expect(&["up", "-d"], 0);
    let first = stage.pid("store");
    signal(first, Signal::KILL);
    until("it is not restarted any more", || {
        stage.service("store")["phase"] == "failed"
    });

    let findings = stage.json(&["doctor", "--json"], 1);
    assert_eq!(findings["findings"][0]["service"], "store", "{findings}");
    let (_, err) = stage.expect(&["doctor", "--fix", "--yes"], 0);
    assert!(err.contains("Start store"), "{err}");
    assert_ne!(stage.pid("store"), first);
    stage.expect(&["down"], 0);
}

#[test]
fn a_wrong_port_in_the_stack_file_is_corrected_and_the_difference_is_shown() {
    let (declared, real) = (free_port(), free_port());
    let stage = Stage::new(&format!(
        r#"
        # A comment of the user stays.
        [service.web]
        command = "python3 -m http.server {real} --bind 127.0.0.1"
        port = {declared}
        start_timeout = "1s"
        "#
    ));
    stage.expect(&["up", "-d"], 1);
    until("it listens", || {
        TcpStream::connect((Ipv4Addr::LOCALHOST, real)).is_ok()
    });
    let (_, err) = stage.expect(&["doctor", "--fix", "--yes"], 0);
    assert!(err.contains(&format!("+         port = {real}")), "{err}");
    let text = fs::read_to_string(stage.folder.path().join("pilotlight.toml")).unwrap();
    assert!(text.contains("# A comment of the user stays."), "{text}");
    assert!(text.contains(&format!("port = {real}")), "{text}");
    assert!(!text.contains(&declared.to_string()), "{text}");
    assert_eq!(stage.service("web")["phase"], "ready");
    stage.expect(&["down"], 0);
}

#[test]
fn nothing_is_changed_without_confirmation() {
    let stage = Stage::new(
        r#"
        [service.app]
        command = "sleep 1000"
        env_file = ".env"
        "#,
    );
    stage.write(".env.example", "NAME=ada\n");
    let (_, err) = stage.expect(&["doctor", "--fix"], 2);
    assert!(err.contains("--yes"), "{err}");
    assert!(!stage.folder.path().join(".env").exists());
}

#[test]
fn a_failed_start_reports_the_root_cause() {
    let address = format!("{}:{}", Ipv4Addr::LOCALHOST, free_port());
    let stage = Stage::new(&format!(
        r#"
        [service.app]
        command = ["sh", "-c", "echo 'Error: connect ECONNREFUSED {address}' >&2; exit 1"]
        port = {}
        restart = "never"
        "#,
        free_port()
    ));
    let (_, err) = stage.expect(&["up", "-d"], 1);
    assert!(err.contains(&address), "{err}");
    assert!(err.contains("nothing is listening"), "{err}");
}
