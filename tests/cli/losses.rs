//! Loss of the daemon's socket, lock, journal or home while services run.

use std::fs;

use rustix::process::Signal;

use pilotlight_test_service::free_port;

use crate::stage::{Stage, lives, server, signal, talker, until};

/// Starts a stack, and returns the PIDs of its daemon and its service.
fn up() -> (Stage, u32, u32) {
    let stage = Stage::new(&talker("talker"));
    stage.expect(&["up", "-d"], 0);
    let (daemon, talker) = (stage.daemon(), stage.pid("talker"));
    (stage, daemon, talker)
}

fn kill(daemon: u32) {
    signal(daemon, Signal::KILL);
    until("it is dead", || !lives(daemon));
}

#[test]
fn down_stops_services_after_a_loss_of_journal_and_copies() {
    for lost in [
        &["running.journal", "stacks"][..],
        &["stacks"],
        &["running.journal"],
    ] {
        for words in [&["down"][..], &["down", "--all"]] {
            let (stage, daemon, talker) = up();
            kill(daemon);
            for name in lost {
                let path = stage.home().state().join(name);
                if path.is_dir() {
                    fs::remove_dir_all(path).unwrap();
                } else {
                    fs::remove_file(path).unwrap();
                }
            }
            let (_, err) = stage.expect(words, 0);
            assert!(
                err.contains(&format!("talker (pid {talker})")),
                "{lost:?}: {err}"
            );
            assert!(!lives(talker), "{lost:?}: {err}");
            stage.until_no_process_is_left();
            let (_, err) = stage.expect(words, 0);
            assert_eq!(err, "Nothing is running.\n");
        }
    }
}

#[test]
fn down_stops_services_after_a_loss_of_daemon_and_home() {
    let (stage, daemon, talker) = up();
    kill(daemon);
    fs::remove_dir_all(stage.folder.path().join("home")).unwrap();
    let (_, err) = stage.expect(&["down"], 0);
    assert!(err.contains(&format!("talker (pid {talker})")), "{err}");
    assert!(!lives(talker));
}

#[test]
fn down_stops_only_the_named_stack_that_the_daemon_does_not_know() {
    let (stage, daemon, talker_of_lost) = up();
    stage.write(
        "other.toml",
        &format!("name = \"other\"\n{}", talker("extra")),
    );
    kill(daemon);
    fs::remove_file(stage.home().state().join("running.journal")).unwrap();
    stage.expect(&["--file", "other.toml", "up", "-d"], 0);
    let daemon = stage.daemon();
    stage.expect(&["down"], 0);
    assert!(!lives(talker_of_lost));
    assert!(lives(daemon));
    let status = stage.json(&["--file", "other.toml", "status", "--json"], 0);
    assert_eq!(status["stacks"][0]["light"], "green");
    stage.expect(&["--file", "other.toml", "down"], 0);
    stage.until_no_process_is_left();
}

#[test]
fn a_daemon_with_a_deleted_socket_is_found_again() {
    let (stage, daemon, talker) = up();
    fs::remove_file(stage.home().socket()).unwrap();
    // A client that comes too early waits until this is done.
    assert_eq!(stage.pid("talker"), talker);
    stage.expect(&["up", "-d"], 0);
    assert_eq!((stage.daemon(), stage.pid("talker")), (daemon, talker));
    stage.expect(&["down"], 0);
    stage.until_no_process_is_left();
}

#[test]
fn a_deleted_home_causes_no_second_daemon_and_no_duplicate_service() {
    let stage = Stage::new(&server("web", free_port()));
    stage.expect(&["up", "-d"], 0);
    let (daemon, web) = (stage.daemon(), stage.pid("web"));
    // The daemon may recreate the first file before the last folder is removed.
    drop(fs::remove_dir_all(stage.folder.path().join("home")));
    stage.expect(&["up", "-d"], 0);
    assert_eq!((stage.daemon(), stage.pid("web")), (daemon, web));
    let mut others = stage.processes();
    others.retain(|pid| *pid != daemon && *pid != web);
    assert_eq!(others, [0; 0]);
    // It writes its state again.
    kill(daemon);
    stage.expect(&["up", "-d"], 0);
    assert_eq!(stage.pid("web"), web);
    assert_eq!(stage.service("web")["adopted"], true);
    stage.expect(&["down"], 0);
    stage.until_no_process_is_left();
}

#[test]
fn a_stopped_daemon_without_a_socket_is_named() {
    let (stage, daemon, talker) = up();
    signal(daemon, Signal::STOP);
    fs::remove_file(stage.home().socket()).unwrap();
    for words in [&["status"][..], &["up", "-d"], &["down"]] {
        let (_, err) = stage.expect(words, 1);
        assert!(
            err.contains(&format!("process {daemon} ")) && err.contains("control socket"),
            "{words:?}: {err}"
        );
    }
    assert!(lives(talker));
    signal(daemon, Signal::CONT);
    until("it listens again", || stage.home().socket().exists());
    stage.expect(&["down"], 0);
    stage.until_no_process_is_left();
}

#[test]
fn a_daemon_stopped_during_a_request_is_reported() {
    let late = "[service.late]\ncommand = \"sleep 1000\"\nready = { log = \"never\" }\n";
    let stage = Stage::new(&format!("{}{late}", talker("talker")));
    let mut up = stage.start(&["up", "-d"]);
    up.until_it_says("talker  ready");
    let daemon = stage.daemon();
    signal(daemon, Signal::STOP);
    assert_eq!(up.end(), 1);
    let told = up.errors();
    assert!(
        told.contains("is not responding to `up` (waited 10 s)"),
        "{told}"
    );
    assert!(told.contains("error: the Pilot Light daemon"), "{told}");
    signal(daemon, Signal::CONT);
    stage.expect(&["down"], 0);
    stage.until_no_process_is_left();
}

#[test]
fn a_watcher_of_a_stopped_daemon_is_informed_and_continues_with_it() {
    let (stage, daemon, talker) = up();
    let mut watching = stage.start(&["up"]);
    watching.until_it_says("up in ");
    signal(daemon, Signal::STOP);
    watching.until_it_says("the daemon is not responding");
    signal(daemon, Signal::CONT);
    stage.expect(&["restart"], 0);
    assert_ne!(stage.pid("talker"), talker);
    watching.signal(Signal::INT);
    assert_eq!(watching.end(), 0, "{}", watching.errors());
    stage.expect(&["down"], 0);
    stage.until_no_process_is_left();
}
