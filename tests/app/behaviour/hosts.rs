//! Desktops without a tray, and trays that appear and disappear.

use pilotlight_app_tests::{desktop::Desktop, light::Light, tray::Tray, until_so};
use serde_json::json;

use crate::{Stage, two};

#[test]
fn without_a_tray_the_window_opens_and_the_icon_appears_with_a_tray() {
    let mut desktop = Desktop::without_tray();
    let file = two().write(&desktop);
    desktop.knows(&[&file], &json!({}));
    let mut app = desktop.start(&[]);
    until_so("the window", || desktop.display.windows("Pilot Light") == 1);
    assert!(app.runs());

    desktop.tray = Some(Tray::start(&desktop.bus));
    let icon = desktop.tray().icon();
    icon.until_shows(Light::Off);
    icon.menu().click(&["Start"]);
    icon.until_shows(Light::Green);
}

#[test]
fn the_icon_reappears_after_a_restart_of_the_tray() {
    let mut stage = Stage::lit(&two(), &json!({}));
    stage.desktop.tray = None;
    stage.desktop.tray = Some(Tray::start(&stage.desktop.bus));
    let icon = stage.desktop.tray().icon();
    icon.until_shows(Light::Green);
    assert_eq!(stage.desktop.tray().count(), 1);
    icon.menu().click(&["Stop"]);
    icon.until_shows(Light::Off);
}
