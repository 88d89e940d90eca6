//! `up -d` and its daemon.

use std::{fs, process::Command};

use rustix::process::Signal;

use pilotlight_test_service::free_port;

use crate::stage::{Stage, lives, server, signal, talker, until};

#[test]
fn a_stack_starts_in_the_background_and_stops_without_a_trace() {
    let stage = Stage::new(&format!(
        "{}{}",
        server("web", free_port()),
        talker("talker")
    ));
    let (out, err) = stage.expect(&["up", "-d"], 0);
    assert_eq!(out, "", "progress does not belong on the standard output");
    assert!(err.contains("test  web     ready in "), "{err}");
    assert!(err.contains("all ready in "), "{err}");
    for name in ["web", "talker"] {
        assert_eq!(stage.service(name)["light"], "green");
        assert!(lives(stage.pid(name)));
    }
    let (out, err) = stage.expect(&["down"], 0);
    assert_eq!(out, "");
    assert!(err.contains("test  web     stopped"), "{err}");
    stage.until_no_process_is_left();
    let (_, err) = stage.expect(&["down"], 0);
    assert_eq!(err, "Nothing is running.\n");
}

#[test]
fn no_daemon_is_started_for_an_unknown_service() {
    let stage = Stage::new(&talker("talker"));
    stage.expect(&["up", "-d", "walker"], 2);
    assert!(!stage.home().lock().exists());
}

#[test]
fn a_background_daemon_inherits_no_descriptor() {
    let stage = Stage::new(&talker("talker"));
    let command = stage.command(&["up", "-d"]);
    let variables = command.get_envs();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "exec \"$0\" \"$@\" 7>held"])
        .arg(command.get_program())
        .args(command.get_args())
        .envs(variables.filter_map(|(name, value)| Some((name, value?))))
        .current_dir(stage.folder.path());
    assert!(shell.status().unwrap().success());
    let open = fs::read_dir(format!("/proc/{}/fd", stage.daemon())).unwrap();
    let open = open.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    let open: Vec<_> = open.collect();
    assert!(!open.iter().any(|file| file.ends_with("held")), "{open:?}");
    stage.expect(&["down"], 0);
}

#[test]
fn a_service_starts_after_its_dependency_and_stops_before_it() {
    let stack = format!(
        "{}{}needs = [\"first\"]\n",
        talker("first"),
        talker("second")
    );
    let stage = Stage::new(&stack);
    let place = |text: &str, what: &str| {
        text.find(what)
            .unwrap_or_else(|| panic!("no {what:?} in {text}"))
    };
    let (_, err) = stage.expect(&["up", "-d", "second"], 0);
    assert!(
        place(&err, "first   ready") < place(&err, "second  ready"),
        "{err}"
    );
    let (_, err) = stage.expect(&["down", "first"], 0);
    assert!(
        place(&err, "second  stopped") < place(&err, "first   stopped"),
        "{err}"
    );
}

#[test]
fn a_failed_service_is_reported_and_the_others_keep_running() {
    let failing = r#"
[service.failing]
command = ["sh", "-c", "echo 'ImportError: no such thing' >&2; exit 3"]
restart = "never"
ready = { log = "never" }
"#;
    let stage = Stage::new(&format!("{}{failing}", talker("talker")));
    let (_, err) = stage.expect(&["up", "-d"], 1);
    assert!(
        err.contains("exited with code 3 before it was ready"),
        "{err}"
    );
    assert!(err.contains("ImportError: no such thing"), "{err}");
    assert!(err.contains("pilotlight logs failing"), "{err}");
    assert_eq!(stage.service("talker")["phase"], "ready");
    assert_eq!(stage.service("failing")["phase"], "failed");
    stage.expect(&["down"], 0);
}

#[test]
fn a_restart_replaces_the_process_of_a_service() {
    let stage = Stage::new(&format!("{}{}", talker("one"), talker("other")));
    stage.expect(&["up", "-d"], 0);
    let (one, other) = (stage.pid("one"), stage.pid("other"));
    stage.expect(&["restart", "one"], 0);
    assert_ne!(stage.pid("one"), one);
    assert_eq!(stage.pid("other"), other);
    assert!(!lives(one));
}

#[test]
fn without_a_daemon_restart_fails() {
    let stage = Stage::new(&talker("talker"));
    let (_, err) = stage.expect(&["restart"], 1);
    assert!(
        err.contains("no Pilot Light daemon is running") && err.contains("`pilotlight up`"),
        "{err}"
    );
}

#[test]
fn up_returns_at_once_if_everything_is_up() {
    let stage = Stage::new(&talker("talker"));
    stage.expect(&["up", "-d"], 0);
    let pid = stage.pid("talker");
    stage.expect(&["up", "-d"], 0);
    assert_eq!(stage.pid("talker"), pid);
}

#[test]
fn a_killed_service_is_restarted() {
    let stage = Stage::new(&talker("talker"));
    stage.expect(&["up", "-d"], 0);
    let killed = stage.pid("talker");
    signal(killed, Signal::KILL);
    until("it runs again", || {
        let pid = stage.service("talker")["pid"].as_u64();
        pid.is_some_and(|pid| pid != u64::from(killed))
    });
    assert_eq!(stage.service("talker")["restarts"], 1);
}

#[test]
fn down_stops_a_stack_with_an_invalid_or_missing_file() {
    let stage = Stage::new(&talker("talker"));
    stage.expect(&["up", "-d"], 0);
    stage.write("pilotlight.toml", "name = ");
    stage.expect(&["down"], 0);
    stage.until_no_process_is_left();

    let stage = Stage::new(&talker("talker"));
    stage.expect(&["up", "-d"], 0);
    fs::remove_file(stage.folder.path().join("pilotlight.toml")).unwrap();
    stage.expect(&["down"], 0);
    stage.until_no_process_is_left();
}

#[test]
fn one_daemon_runs_several_stacks() {
    let stage = Stage::new(&talker("talker"));
    stage.write(
        "other.toml",
        &format!("name = \"other\"\n{}", talker("extra")),
    );
    stage.expect(&["up", "-d"], 0);
    let daemon = stage.daemon();
    stage.expect(&["--file", "other.toml", "up", "-d"], 0);
    assert_eq!(stage.daemon(), daemon);
    let status = stage.json(&["status", "--json"], 0);
    assert_eq!(status["stacks"].as_array().unwrap().len(), 2);
    stage.expect(&["down"], 0);
    assert!(lives(daemon));
    stage.expect(&["down", "--all"], 0);
    stage.until_no_process_is_left();
}
