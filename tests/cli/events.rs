//! `pilotlight events`: what is recorded, and for whom.

use pilotlight_test_service::free_port;
use rustix::process::Signal;

use crate::stage::{Stage, server, signal, until};

#[test]
fn events_are_followed_while_they_happen_and_asked_for_after_a_lost_daemon() {
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
        !stage.everybody().contains(&daemon)
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
