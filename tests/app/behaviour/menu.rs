//! The menu: its entries and its actions.
#![expect(
    clippy::disallowed_methods,
    reason = "the test measures the time of an answer; the bans are for the code that runs services"
)]

use std::{
    thread,
    time::{Duration, Instant},
};

use pilotlight_app_tests::{
    desktop::Desktop, light::Light, menu::Entry, processes, stack::Stack, until_so,
};
use serde_json::json;

use crate::{Stage, two};

#[test]
fn the_menu_shows_the_state_of_the_stack_and_disables_useless_entries() {
    let stage = Stage::lit(&two(), &json!({}));
    let menu = stage.icon.menu();
    until_so("a menu that says so", || {
        menu.text().starts_with("(nexus: all 2 ready)\n")
    });
    let enabled = |words: &[&str]| {
        menu.find(words)
            .unwrap_or_else(|| panic!("{words:?}"))
            .enabled
    };
    assert!(menu.find(&["Start nexus"]).is_none());
    assert!(enabled(&["Stop nexus"]) && enabled(&["Restart nexus"]));
    assert!(!enabled(&["redis", "Start"]));
    assert!(enabled(&["redis", "Stop"]) && enabled(&["redis", "Show log"]));
    assert!(enabled(&["Open Pilot Light"]) && enabled(&["Quit"]));
    assert_eq!(
        menu.find(&["Start at login"]).expect("it is there").ticked,
        Some(false)
    );

    menu.click(&["Stop"]);
    stage.icon.until_shows(Light::Off);
    until_so("a menu that says so", || {
        menu.text().starts_with("(nexus: stopped)\n")
    });
    assert!(enabled(&["Start nexus"]) && !enabled(&["Restart nexus"]));
    assert!(menu.find(&["Stop nexus"]).is_none());
}

#[test]
fn the_menu_shows_the_problem() {
    let stack = Stack::new("nexus").service("backend", "--exit 3", "restart = \"never\"");
    let stage = Stage::new(&stack);
    stage.icon.menu().click(&["Start"]);
    stage.icon.until_shows(Light::Red);
    until_so("a menu that says so", || {
        let text = stage.icon.menu().text();
        text.lines()
            .nth(1)
            .is_some_and(|line| line.contains("backend") && line.contains('3'))
    });
}

#[test]
fn each_service_is_stopped_and_started_by_its_own_submenu() {
    let stage = Stage::lit(&two(), &json!({}));
    let (redis, backend) = (stage.pid("redis"), stage.pid("backend"));
    let menu = stage.icon.menu();
    menu.click(&["backend", "Stop"]);
    until_so("the backend is gone", || !processes::lives(backend));
    assert!(processes::lives(redis));
    menu.click(&["backend", "Start"]);
    stage.icon.until_shows(Light::Green);
    assert_ne!(stage.pid("backend"), backend);
    assert_eq!(stage.pid("redis"), redis);

    menu.click(&["redis", "Restart"]);
    until_so("the old redis is gone", || !processes::lives(redis));
    stage.icon.until_shows(Light::Green);
    assert_ne!(stage.pid("redis"), redis);
}

#[test]
fn restart_in_the_menu_replaces_every_process() {
    let stage = Stage::lit(&two(), &json!({}));
    let before = [stage.pid("redis"), stage.pid("backend")];
    stage.icon.menu().click(&["Restart"]);
    until_so("the old ones are gone", || {
        before.iter().all(|pid| !processes::lives(*pid))
    });
    stage.icon.until_shows(Light::Green);
    assert!(processes::lives(stage.pid("redis")) && processes::lives(stage.pid("backend")));
}

#[test]
fn a_link_of_a_service_opens_in_the_browser() {
    let links = "links = { docs = \"http://127.0.0.1:{port}/docs\" }";
    let stage = Stage::lit(
        &Stack::new("nexus").service("backend", "", links),
        &json!({}),
    );
    stage.icon.menu().click(&["backend", "Open docs"]);
    until_so("the browser opens it", || {
        stage.desktop.opened().ends_with("/docs\n")
    });
}

#[test]
fn several_stacks_have_a_submenu_each() {
    let desktop = Desktop::new();
    let one = Stack::new("one").service("a", "", "").write(&desktop);
    let two = Stack::new("two").service("b", "", "").write(&desktop);
    desktop.knows(&[&one, &two], &json!({}));
    let _app = desktop.start(&[]);
    let icon = desktop.tray().icon();
    icon.menu().click(&["two", "Start"]);
    let pid = desktop.pid(&two, "b");
    icon.until_shows(Light::Green);
    until_so("both headlines", || {
        let text = icon.menu().text();
        text.contains("one: stopped") && text.contains("two: ready")
    });
    assert_eq!(desktop.service(&one, "a")["phase"], "stopped");

    icon.menu().click(&["two", "b", "Stop"]);
    until_so("it is gone", || !processes::lives(pid));
}

/// For the desktop an open menu is a list of numbers, which must still mean the same when the user clicks.
#[test]
fn entries_keep_their_numbers_while_states_change() {
    fn numbers(entries: &[Entry], into: &mut Vec<i32>) {
        for entry in entries {
            into.push(entry.id);
            numbers(&entry.entries, into);
        }
    }
    let numbers_now = |stage: &Stage| {
        let mut all = Vec::new();
        numbers(&stage.icon.menu().layout(), &mut all);
        all
    };
    let stage = Stage::new(&two());
    until_so("the menu", || {
        stage.icon.menu().find(&["backend"]).is_some()
    });
    let before = numbers_now(&stage);
    stage.icon.menu().click(&["Start"]);
    stage.icon.until_shows(Light::Green);
    assert_eq!(numbers_now(&stage), before);
    stage.icon.menu().click(&["Stop"]);
    stage.icon.until_shows(Light::Off);
    assert_eq!(numbers_now(&stage), before);
}

#[test]
fn the_menu_answers_while_twenty_services_start() {
    let mut stack = Stack::new("crowd");
    for number in 0..20 {
        stack = stack.service(&format!("s{number}"), "--after 2s", "");
    }
    let stage = Stage::new(&stack);
    let menu = stage.icon.menu();
    let clicked = Instant::now();
    menu.click(&["Start"]);
    let mut answers = 0;
    while stage.icon.light() != Some(Light::Green) {
        assert!(!menu.layout().is_empty());
        answers += 1;
        assert!(
            clicked.elapsed() < pilotlight_app_tests::DEADLINE,
            "it never turned green"
        );
        thread::sleep(Duration::from_millis(2));
    }
    assert!(answers > 0, "it was green at once");
}
