//! `up` in the foreground until it exits. Without a terminal, its output consists of lines.

use rustix::process::Signal;

use pilotlight_test_service::free_port;

use crate::stage::{Stage, server, stubborn, talker, until};

#[test]
fn ctrl_c_stops_everything() {
    let stage = Stage::new(&server("web", free_port()));
    let mut up = stage.start(&["up"]);
    up.until_it_says("up in ");
    up.signal(Signal::INT);
    assert_eq!(up.end(), 0, "{}", up.errors());
    let told = up.errors();
    for line in [
        "test  web  starting",
        "test  web  ready in ",
        // A state that lasts less than a frame, as `stopping` here, may be missing.
        "test  web  stopped",
    ] {
        assert!(told.contains(line), "no {line:?} in {told}");
    }
    assert_eq!(up.output(), "");
    assert!(
        !told.contains('\u{1b}'),
        "colours without a terminal: {told:?}"
    );
    stage.until_no_process_is_left();
}

#[test]
fn a_second_ctrl_c_kills() {
    let stage = Stage::new(&stubborn("mule"));
    let mut up = stage.start(&["up"]);
    up.until_it_says("up in ");
    up.signal(Signal::INT);
    up.until_it_says("test  mule  stopping");
    up.signal(Signal::INT);
    assert_eq!(up.end(), 0, "{}", up.errors());
    assert!(up.errors().contains("killing"), "{}", up.errors());
    stage.until_no_process_is_left();
}

#[test]
fn sigterm_to_the_daemon_stops_everything() {
    for signal in [Signal::TERM, Signal::HUP] {
        let stage = Stage::new(&talker("talker"));
        let mut up = stage.start(&["up"]);
        up.until_it_says("up in ");
        up.signal(signal);
        assert_eq!(up.end(), 0, "{}", up.errors());
        stage.until_no_process_is_left();
    }
}

#[test]
fn ctrl_c_during_the_start_stops_what_has_started() {
    let late = "[service.late]\ncommand = \"sleep 1000\"\nready = { log = \"never\" }\n";
    let stage = Stage::new(&format!("{}{late}", talker("talker")));
    let mut up = stage.start(&["up"]);
    up.until_it_says("talker  ready");
    up.signal(Signal::INT);
    assert_eq!(up.end(), 1, "it was never ready: {}", up.errors());
    stage.until_no_process_is_left();
}

#[test]
fn a_failed_service_leaves_the_others_running_until_ctrl_c() {
    let failing = "[service.failing]\ncommand = \"false\"\nrestart = \"never\"\nready = { log = \"never\" }\n";
    let stage = Stage::new(&format!("{}{failing}", talker("talker")));
    let mut up = stage.start(&["up"]);
    up.until_it_says("some services failed to start");
    assert_eq!(stage.service("talker")["phase"], "ready");
    up.signal(Signal::INT);
    assert_eq!(up.end(), 1);
    stage.until_no_process_is_left();
}

#[test]
fn up_returns_when_its_stack_is_stopped_from_elsewhere() {
    let stage = Stage::new(&talker("talker"));
    let mut up = stage.start(&["up"]);
    up.until_it_says("up in ");
    stage.expect(&["down"], 0);
    assert_eq!(up.end(), 0, "{}", up.errors());
    stage.until_no_process_is_left();
}

#[test]
fn a_second_up_uses_the_same_daemon_and_ctrl_c_stops_only_its_stack() {
    let stage = Stage::new(&talker("talker"));
    stage.write(
        "other.toml",
        &format!("name = \"other\"\n{}", talker("extra")),
    );
    stage.expect(&["up", "-d"], 0);
    let mut up = stage.start(&["--file", "other.toml", "up"]);
    up.until_it_says("up in ");
    up.signal(Signal::INT);
    assert_eq!(up.end(), 0, "{}", up.errors());
    assert!(
        up.errors().contains("other  extra  stopped"),
        "{}",
        up.errors()
    );
    assert_eq!(stage.service("talker")["phase"], "ready");
    stage.expect(&["down"], 0);
}

#[test]
fn a_foreground_daemon_exits_with_its_last_stack_not_with_its_first() {
    let stage = Stage::new(&talker("talker"));
    stage.write(
        "other.toml",
        &format!("name = \"other\"\n{}", talker("extra")),
    );
    let mut up = stage.start(&["up"]);
    up.until_it_says("up in ");
    stage.expect(&["--file", "other.toml", "up", "-d"], 0);
    stage.expect(&["down"], 0);
    until("it says so", || up.errors().contains("talker  stopped"));
    assert_eq!(stage.daemon(), up.pid());
    stage.expect(&["down", "--all"], 0);
    assert_eq!(up.end(), 0, "{}", up.errors());
}
