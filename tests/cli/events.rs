//! `pilotlight events`: the recorded events, and the program that requested each.

use std::fs;

use pilotlight_test_service::free_port;
use rustix::process::Signal;
use serde_json::Value;

use crate::stage::{Stage, server, signal, until};

#[test]
fn events_can_be_followed_and_are_available_after_a_lost_daemon() {
    let stage = Stage::new(&server("web", free_port()));
    let (_, err) = stage.expect(&["events"], 0);
    assert!(err.contains("No events"), "{err}");
    let mut follow = stage.start(&["events", "--follow", "--json"]);
    stage.expect(&["up", "-d"], 0);
    until("the start is followed", || {
        follow.output().contains("\"ready\"")
    });
    signal(stage.pid("web"), Signal::KILL);
    until("the exit and the restart are followed", || {
        let output = follow.output();
        output.contains("\"exit\":{\"signal\":9}") && output.contains("\"restarted\"")
    });
    let daemon = stage.daemon();
    signal(daemon, Signal::KILL);
    until("the daemon is gone", || {
        !stage.processes().contains(&daemon)
    });
    stage.expect(&["up", "-d"], 0);
    stage.expect(&["down"], 0);
    until("the stop is followed", || {
        follow.output().contains("\"stopped\"")
    });
    follow.signal(Signal::INT);
    assert_eq!(follow.end(), 0, "{}", follow.errors());

    let (shown, _) = stage.expect(&["events", "web"], 0);
    for words in [
        "started (PID ",
        "ready",
        "killed (SIGKILL)",
        "still running, reconnected",
        "stopped",
    ] {
        assert!(shown.contains(words), "no {words:?} in {shown}");
    }
    let (_, err) = stage.expect(&["events", "other"], 0);
    assert!(err.contains("No events"), "{err}");
}

#[test]
fn a_taken_port_its_finding_a_changed_file_and_a_freed_port_are_events() {
    let port = free_port();
    let stage = Stage::new(&server("web", port));
    let events = || -> Vec<Value> {
        let (lines, _) = stage.expect(&["events", "--json"], 0);
        let lines = lines.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let happened = |kind: &str, code: Option<&str>| {
        let is_it = |event: &Value| event["event"] == kind && event["code"].as_str() == code;
        events().iter().any(is_it)
    };
    // In a separate folder, so that it is not a leftover of an earlier start.
    let elsewhere = Stage::new("");
    let mut stranger = elsewhere.listener(port);
    stage.expect(&["up", "-d"], 1);
    assert!(happened("blocked", Some("port-taken")), "{:?}", events());
    until("the finding is recorded", || {
        happened("finding", Some("port-taken"))
    });
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    stage.expect(&["up", "-d"], 0);
    until("the finding is gone", || {
        happened("resolved", Some("port-taken"))
    });
    stage.expect(&["down"], 0);

    let mut stranger = elsewhere.listener(port);
    let text = fs::read_to_string(stage.folder.path().join("pilotlight.toml")).unwrap();
    stage.write("pilotlight.toml", &(text + "port_conflict = \"force\"\n"));
    stage.expect(&["up", "-d"], 0);
    let freed = events()
        .into_iter()
        .find(|event| event["event"] == "port_freed");
    let freed = freed.unwrap_or_else(|| panic!("{:?}", events()));
    assert_eq!(
        (&freed["service"], &freed["port"]),
        (&"web".into(), &port.into())
    );
    stranger.wait().unwrap();
    // The running stack applies the changes.
    let text = fs::read_to_string(stage.folder.path().join("pilotlight.toml")).unwrap();
    stage.write("pilotlight.toml", &(text + "links = { page = \"/\" }\n"));
    stage.expect(&["up", "-d"], 0);
    assert!(happened("file_changed", None), "{:?}", events());
    stage.expect(&["down"], 0);
}
