//! The icon: its states, and a click on it.

use pilotlight_app_tests::{light::Light, processes, stack::Stack, until_so};

use crate::{Stage, two};

#[test]
fn the_icon_needs_no_window_and_is_dark_while_nothing_runs() {
    let stage = Stage::new(&two());
    stage.icon.until_shows(Light::Off);
    let tooltip = stage.icon.tooltip();
    assert!(tooltip.starts_with("nexus"), "{tooltip}");
    assert!(tooltip.contains("stopped"), "{tooltip}");
    assert_eq!(stage.desktop.display.windows("Pilot Light"), 0);
}

#[test]
fn panels_of_every_usual_height_get_an_icon_of_their_size() {
    let stage = Stage::new(&two());
    let mut sizes: Vec<_> = stage
        .icon
        .pixmaps()
        .iter()
        .map(|(width, ..)| *width)
        .collect();
    sizes.sort_unstable();
    for size in [16, 22, 24, 32, 48] {
        assert!(sizes.contains(&size), "{size} is not among {sizes:?}");
    }
}

#[test]
fn a_click_opens_the_window_and_starts_nothing() {
    let stage = Stage::new(&two());
    stage.icon.click();
    until_so("the window", || {
        stage.desktop.display.windows("Pilot Light") == 1
    });
    stage.icon.until_shows(Light::Off);
}

#[test]
fn the_icon_goes_from_dark_to_amber_to_green_to_red_and_dark_again() {
    let stack = Stack::new("nexus").service("backend", "--after 300ms", "restart = \"never\"");
    let stage = Stage::new(&stack);
    stage.icon.menu().click(&["Start"]);
    stage.icon.until_light(0, Light::Amber);
    stage.icon.until_light(0, Light::Green);
    until_so("a tooltip that says so", || {
        stage.icon.tooltip().contains("ready")
    });

    let from = stage.icon.lights().count();
    processes::kill(stage.pid("backend"));
    stage.icon.until_light(from, Light::Red);
    until_so("a tooltip that says what is wrong", || {
        stage.icon.tooltip().contains("backend") && stage.icon.tooltip().contains("signal 9")
    });

    stage.icon.menu().click(&["backend: failed", "Stop"]);
    stage.icon.until_shows(Light::Off);
}

#[test]
fn a_failing_check_turns_the_icon_amber_and_is_named_in_the_tooltip() {
    let check = "[[service.backend.check]]\nname = \"log in\"\n\
                 http = { url = \"http://127.0.0.1:{port}/\", status = 418 }";
    let stage = Stage::new(&Stack::new("nexus").service("backend", "", check));
    stage.icon.menu().click(&["Start"]);
    until_so("a tooltip that names the check", || {
        stage.icon.tooltip().contains("log in")
    });
    stage.icon.until_shows(Light::Amber);
    let _ = stage.pid("backend");
}
