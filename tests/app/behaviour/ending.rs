//! The exit of the application: at the user's request, or at the end of the desktop session.

use pilotlight_app_tests::{light::Light, processes, stack::Stack, until_so};
use rustix::process::Signal;
use serde_json::json;

use crate::{Stage, two};

#[test]
fn quit_leaves_services_running_if_the_user_chooses_so() {
    let mut stage = Stage::lit(&two(), &json!({ "on_quit": "leave_running" }));
    let before = [stage.pid("redis"), stage.pid("backend")];
    stage.icon.menu().click(&["Quit"]);
    let status = stage.app.until_ended();
    assert!(status.success(), "{status}");
    assert!(before.iter().all(|pid| processes::lives(*pid)));
    until_so("an empty tray", || stage.desktop.tray().count() == 0);
}

#[test]
fn quit_stops_everything_if_the_user_chooses_so_even_stubborn_services() {
    let stack = two().service(
        "stubborn",
        "--sigterm ignore --child setsid",
        "stop = { timeout = \"300ms\" }",
    );
    let mut stage = Stage::lit(&stack, &json!({ "on_quit": "stop_all" }));
    let before = [
        stage.pid("redis"),
        stage.pid("backend"),
        stage.pid("stubborn"),
    ];
    stage.icon.menu().click(&["Quit"]);
    let status = stage.app.until_ended();
    assert!(status.success(), "{status}");
    assert!(before.iter().all(|pid| !processes::lives(*pid)));
    let left = stage.desktop.processes();
    assert_eq!(left, [] as [u32; 0], "no process of this home is left");
}

#[test]
fn quit_asks_in_the_window_while_a_service_runs() {
    let mut stage = Stage::lit(&two(), &json!({ "on_quit": "ask" }));
    let redis = stage.pid("redis");
    stage.icon.menu().click(&["Quit"]);
    until_so("the window", || {
        stage.desktop.display.windows("Pilot Light") == 1
    });
    assert!(stage.app.runs());
    assert!(processes::lives(redis));
}

#[test]
fn quit_asks_nothing_while_nothing_runs() {
    let mut stage = Stage::with(&two(), &json!({ "on_quit": "ask" }));
    stage.icon.menu().click(&["Quit"]);
    let status = stage.app.until_ended();
    assert!(status.success(), "{status}");
}

#[test]
fn the_end_of_the_session_stops_no_service_and_asks_nothing() {
    let mut stage = Stage::lit(&two(), &json!({ "on_quit": "ask" }));
    let before = [stage.pid("redis"), stage.pid("backend")];
    stage.app.signal(Signal::TERM);
    stage.app.until_ended();
    assert!(before.iter().all(|pid| processes::lives(*pid)));
    assert_eq!(stage.desktop.display.windows("Pilot Light"), 0);

    // After the next login the state is the same.
    stage.app = stage.desktop.start(&[]);
    let icon = stage.desktop.tray().icon();
    icon.until_shows(Light::Green);
    assert_eq!([stage.pid("redis"), stage.pid("backend")], before);
}

#[test]
fn the_end_of_the_session_does_not_wait_for_an_endless_start() {
    let stack = Stack::new("nexus").service("backend", "--after 600s", "");
    let mut stage = Stage::new(&stack);
    stage.icon.menu().click(&["Start"]);
    stage.icon.until_shows(Light::Amber);
    stage.app.signal(Signal::TERM);
    stage.app.until_ended();
}
