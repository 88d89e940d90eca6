//! A real panel: what the user sees and clicks.

use pilotlight_app_tests::{desktop::Desktop, panel::Panel, until};
use serde_json::json;

use crate::two;

/// The colours of `icons/tray/off.svg` and `icons/tray/green.svg`.
const OFF: [u8; 3] = [0xb9, 0xc1, 0xcd];
const GREEN: [u8; 3] = [0x2f, 0xc8, 0x73];
/// The height of the panel.
const PANEL: u16 = 32;

#[test]
fn the_panel_of_xfce_shows_the_state_and_a_click_on_the_icon_opens_the_window() {
    let desktop = Desktop::without_tray();
    let panel = Panel::start(&desktop);
    let file = two().write(&desktop);
    desktop.knows(&[&file], &json!({}));
    let _app = desktop.start(&[]);
    until("the panel has the icon", || {
        (panel.icons(&desktop) == 1).then_some(())
    });
    let flame = until("a flame in outline in the panel", || {
        desktop.display.picture().middle_of(OFF, PANEL)
    });
    desktop.display.click(flame, 1);
    until("the window", || {
        (desktop.display.windows("Pilot Light") == 1).then_some(())
    });
    desktop.pilotlight(&["--file", &file.display().to_string(), "up", "--detach"]);
    until("a green flame in the panel", || {
        desktop.display.picture().middle_of(GREEN, PANEL)
    });
    assert_eq!(desktop.service(&file, "backend")["phase"], "ready");
}
